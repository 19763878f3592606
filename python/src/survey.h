/*
 * What all threads of a process are doing, this one or another: sampled by a native thread that never needs the GIL.
 *
 * It stands in the extension and not in libbetapool, for it is a tool for Python programs (it knows CPython's structs, system calls by name
 * and pools by the functions that their idle workers stand in), while a pool asks about its own workers alone, and pays for its size in
 * every program that links it.
 */
#ifndef BETAPOOL_SURVEY_H
#define BETAPOOL_SURVEY_H

#include "core.h"

#include <stdint.h>
#include <sys/types.h>

#pragma GCC visibility push(hidden)

/* What a thread can be doing. The order is that of betapool._profile.states. */
typedef enum survey_state {
    ON_CPU,
    QUEUED, /* for a core */
    IN_GIL, /* waits for the GIL */
    IN_LOCK,
    IDLE, /* in a lock, too: a pool's worker that has nothing to do */
    IN_SLEEP,
    IN_POLL,
    IN_READ,
    IN_WRITE,
    IN_OTHER,
    SURVEY_STATES,
    THREAD_IS_GONE = -1,
    NOT_TOLD = -2,
} survey_state;

/* ---- survey_memory.c ---- */

/* Where things lie in CPython's structs, in bytes; -1: this version has none. All but the first two are in structs that the name begins with. */
#define LAYOUT(DO)                                                                                                                        \
    DO(gil_size)                                                                                                                           \
    DO(gil_locked)                                                                                                                         \
    DO(gil_holder)                                                                                                                         \
    DO(runtime_gil) /* up to 3.11 */                                                                                                       \
    DO(runtime_interpreters)                                                                                                               \
    DO(interpreter_gil) /* since 3.12: a pointer */                                                                                        \
    DO(interpreter_threads)                                                                                                                \
    DO(thread_next)                                                                                                                        \
    DO(thread_native_id) /* since 3.11 */                                                                                                  \
    DO(thread_frame)                                                                                                                       \
    DO(cframe_frame) /* 3.11 and 3.12: thread_frame points to a struct that points to the frame */                                         \
    DO(frame_previous)                                                                                                                     \
    DO(frame_code)                                                                                                                         \
    DO(code_name)                                                                                                                          \
    DO(code_filename)                                                                                                                      \
    DO(string_length)                                                                                                                      \
    DO(string_data)

typedef struct layout {
#define FIELD(name) int64_t name;
    LAYOUT(FIELD)
#undef FIELD
} layout;

/* That of the interpreter this was built for. */
layout layout_own(void);

#define CODES 1024

/* The interpreter's memory in some process. Reading needs no lock: what is read may be stale or gone, but never faults. */
typedef struct memory {
    pid_t process;
    uintptr_t runtime; /* the address of _PyRuntime; 0: not known */
    layout layout;
    struct {
        uintptr_t code;
        char kind;
    } codes[CODES]; /* what is known of functions */
} memory;

/* False if it cannot be read. */
bool memory_read(const memory *self, uintptr_t address, void *into, size_t size);
/* Whether the thread, which waits for a lock, is a pool's worker without work. `state` remembers its PyThreadState; 0 at first. */
bool memory_is_idle(memory *self, pid_t thread, uintptr_t *state);
/* Whether the thread is the one that took the GIL last. */
bool memory_has_gil(memory *self, pid_t thread, uintptr_t *state, uintptr_t gil);
/* What the thread was started to do, as "file:function"; empty if that cannot be seen. */
void memory_root(memory *self, pid_t thread, uintptr_t *state, char *text, size_t size);

/* ---- survey_probe.c ---- */

/* One thread, by the descriptor of its .../syscall; -1: opened at each look, for descriptors are the program's. */
typedef struct probe {
    pid_t thread;
    int file;
} probe;

/* What sleeping threads do, and IN_GIL if they sleep between these addresses. ON_CPU stands for QUEUED, too. */
survey_state probe_look(probe *self, int tasks, uintptr_t gil, size_t gil_size);
/* Seconds on a core and queued for one, since the thread began. False if the kernel does not tell. */
bool probe_times(const probe *self, int tasks, double *cpu, double *queued);
/* The kernel's name for it, of at most 15 bytes; empty if it is gone. */
void probe_name(const probe *self, int tasks, char name[16]);

/* ---- survey.c ---- */

extern PyType_Spec survey_spec;
/* own_memory() */
PyObject *survey_own_memory(void);

#pragma GCC visibility pop

#endif
