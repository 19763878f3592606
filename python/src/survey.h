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
/* own_memory() */
PyObject *survey_own_memory(void);

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

/* ---- What a survey knows ---- */

typedef struct record {
    probe probe;
    bool is_gone;
    unsigned visits;
    uintptr_t state; /* its PyThreadState; 0: not known */
    double first, last; /* visits, on the clock of time.monotonic() */
    double seconds[SURVEY_STATES];
    double awake_for_gil; /* of those in IN_GIL: awake, for a waiter looks up every 5 ms, and queued for a core to do so */
    double without_gil;   /* not asleep, while the GIL that it was last seen to wait for was another's */
    survey_state slept;   /* the last state in which it slept */
    /* Of the span between the first and the last reading of its times. */
    double span, cpu, queued;
    double read_at, read_cpu, read_queued; /* the last; read_at 0: none */
    double queued_share;                   /* of the time that it could run, between the last two */
    char name[16], root[64];
} record;

/* One visit, for the timeline. */
typedef struct sample {
    float time;   /* seconds since the beginning */
    float weight; /* thread-seconds it stands for */
    uint32_t thread;
    uint32_t state;
} sample;

typedef struct survey_object {
    PyObject_HEAD
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool is_started, is_ending;
    pid_t owner;         /* the process that the thread runs in */
    int tasks;           /* /proc/PID/task */
    pid_t own;           /* the sampling thread's number */
    double rate;         /* looks a second */
    unsigned visits;     /* at most, in a look */
    unsigned files, most_files, first_file;
    memory memory;
    uintptr_t gil;
    bool keeps_samples, wants_roots;

    record *records;
    size_t count, room;
    uint32_t *living; /* indices of records */
    size_t living_count, living_room, cursor;
    sample *samples;
    size_t sample_count;
    unsigned keep_every, skipped;

    uint64_t random;
    double began, last_look, last_scan;
    unsigned long links; /* of the folder: it has one for each thread */
    double gil_seen, gil_held, seconds, cost;
    unsigned long looks;
    bool is_over;
    bool gil_is_held, next_is_met; /* in this look: the one that takes the GIL next was visited */
} survey_object;

/* ---- survey_threads.c ---- */

/* Reads the folder of threads: new ones get a record, those that are not in it are gone. */
void survey_scan(survey_object *self, double now);
/* Of the living, takes out those known to be gone. */
void survey_remove_gone(survey_object *self);
/* Lets go of the record's descriptor. */
void survey_close_probe(survey_object *self, record *record);

/* ---- survey_look.c ---- */

/* Most visits that are kept for the timeline, after which every other one goes. */
#define MOST_SAMPLES (1u << 20)

/* The sampling thread, from its beginning to its end; `argument` is the survey_object. */
void *survey_run(void *argument);

/* ---- survey.c ---- */

extern PyType_Spec survey_spec;

#pragma GCC visibility pop

#endif
