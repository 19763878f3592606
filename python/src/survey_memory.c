/*
 * CPython's own structs, in this process or another one. They are read as the kernel copies memory, so nothing is held up by it and a pointer
 * that is stale gives garbage or an error, which costs one sample.
 */
#define Py_BUILD_CORE 1
#include <Python.h>

#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_interp_structs.h"
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_frame.h"
#endif
#include "internal/pycore_gil.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#undef Py_BUILD_CORE

#include "host.h"
#include "survey.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

layout layout_own(void) {
    layout own;
    memset(&own, 0xff, sizeof own);
    own.gil_size = sizeof(struct _gil_runtime_state);
    own.gil_locked = offsetof(struct _gil_runtime_state, locked);
    own.gil_holder = offsetof(struct _gil_runtime_state, last_holder);
    own.runtime_interpreters = offsetof(_PyRuntimeState, interpreters.head);
    own.thread_next = offsetof(PyThreadState, next);
#if PY_VERSION_HEX >= 0x030c0000
    own.interpreter_gil = offsetof(PyInterpreterState, ceval.gil);
#else
    own.runtime_gil = offsetof(_PyRuntimeState, ceval.gil);
#endif
#if PY_VERSION_HEX >= 0x030b0000
    own.interpreter_threads = offsetof(PyInterpreterState, threads.head);
    own.thread_native_id = offsetof(PyThreadState, native_thread_id);
    own.frame_previous = offsetof(struct _PyInterpreterFrame, previous);
    own.code_name = offsetof(PyCodeObject, co_name);
    own.code_filename = offsetof(PyCodeObject, co_filename);
    own.string_length = offsetof(PyASCIIObject, length);
    own.string_data = sizeof(PyASCIIObject);
#else
    own.interpreter_threads = offsetof(PyInterpreterState, tstate_head);
#endif
#if PY_VERSION_HEX >= 0x030d0000
    own.thread_frame = offsetof(PyThreadState, current_frame);
    own.frame_code = offsetof(struct _PyInterpreterFrame, f_executable);
#elif PY_VERSION_HEX >= 0x030b0000
    own.thread_frame = offsetof(PyThreadState, cframe);
    own.cframe_frame = offsetof(_PyCFrame, current_frame);
    own.frame_code = offsetof(struct _PyInterpreterFrame, f_code);
#endif
    return own;
}

PyObject *survey_own_memory(void) {
    const void *start;
    size_t size;
    if (gil_range(&start, &size) < 0) {
        return NULL;
    }
    layout own = layout_own();
    PyObject *offsets = PyDict_New();
#define PUT(name)                                                                                                                         \
    if (offsets != NULL) {                                                                                                                 \
        PyObject *value = PyLong_FromLongLong(own.name);                                                                                   \
        if (value == NULL || PyDict_SetItemString(offsets, #name, value) < 0) {                                                            \
            Py_CLEAR(offsets);                                                                                                             \
        }                                                                                                                                  \
        Py_XDECREF(value);                                                                                                                 \
    }
    LAYOUT(PUT)
#undef PUT
    bool is_known = start != BETAPOOL_UNKNOWN_LOCK;
    return Py_BuildValue("{s:K,s:K,s:O,s:N}", "runtime", (unsigned long long)(uintptr_t)&_PyRuntime, "gil",
                         (unsigned long long)(is_known ? (uintptr_t)start : 0), "is_gil_known", is_known ? Py_True : Py_False, "layout",
                         offsets);
}

bool memory_read(const memory *self, uintptr_t address, void *into, size_t size) {
    struct iovec local = {into, size}, remote = {(void *)address, size};
    return process_vm_readv(self->process, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

static uintptr_t read_pointer(const memory *self, uintptr_t address) {
    uintptr_t value;
    return memory_read(self, address, &value, sizeof value) ? value : 0;
}

/* ---- Threads ---- */

#define MOST_THREADS 20000

static pid_t native_id(const memory *self, uintptr_t state) {
    unsigned long id;
    return state != 0 && memory_read(self, state + (uintptr_t)self->layout.thread_native_id, &id, sizeof id) ? (pid_t)id : 0;
}

/* The thread's PyThreadState, 0 if it has none. */
static uintptr_t find_state(const memory *self, pid_t thread) {
    uintptr_t interpreter = read_pointer(self, self->runtime + (uintptr_t)self->layout.runtime_interpreters);
    uintptr_t state = interpreter == 0 ? 0 : read_pointer(self, interpreter + (uintptr_t)self->layout.interpreter_threads);
    for (int i = 0; state != 0 && i < MOST_THREADS; i++) {
        if (native_id(self, state) == thread) {
            return state;
        }
        state = read_pointer(self, state + (uintptr_t)self->layout.thread_next);
    }
    return 0;
}

/* The frame that the thread is in, 0 if it is in none. */
static uintptr_t innermost_frame(memory *self, pid_t thread, uintptr_t *state) {
    if (self->runtime == 0 || self->layout.thread_native_id < 0) {
        return 0;
    }
    if (native_id(self, *state) != thread && (*state = find_state(self, thread)) == 0) {
        return 0;
    }
    uintptr_t frame = read_pointer(self, *state + (uintptr_t)self->layout.thread_frame);
    return frame == 0 || self->layout.cframe_frame < 0 ? frame : read_pointer(self, frame + (uintptr_t)self->layout.cframe_frame);
}

bool memory_has_gil(memory *self, pid_t thread, uintptr_t *state, uintptr_t gil) {
    if (self->runtime == 0 || self->layout.thread_native_id < 0) {
        return true; /* for all that can be seen */
    }
    if (native_id(self, *state) != thread && (*state = find_state(self, thread)) == 0) {
        return false;
    }
    return read_pointer(self, gil + (uintptr_t)self->layout.gil_holder) == *state;
}

/* ---- Functions ---- */

/* A string of ASCII; empty if it cannot be read. Of a long one the end. */
static void read_string(const memory *self, uintptr_t string, char *text, size_t size) {
    Py_ssize_t length;
    text[0] = '\0';
    if (string == 0 || !memory_read(self, string + (uintptr_t)self->layout.string_length, &length, sizeof length) || length <= 0 ||
        length > 4096) {
        return;
    }
    size_t taken = (size_t)length < size - 1 ? (size_t)length : size - 1;
    uintptr_t start = string + (uintptr_t)self->layout.string_data + (uintptr_t)length - taken;
    text[memory_read(self, start, text, taken) ? taken : 0] = '\0';
}

static uintptr_t frame_code(const memory *self, uintptr_t frame) {
    uintptr_t code = read_pointer(self, frame + (uintptr_t)self->layout.frame_code);
    return code & ~(uintptr_t)7; /* since 3.14 there are tags in it */
}

static void read_names(const memory *self, uintptr_t code, char name[64], char file[128]) {
    read_string(self, read_pointer(self, code + (uintptr_t)self->layout.code_name), name, 64);
    read_string(self, read_pointer(self, code + (uintptr_t)self->layout.code_filename), file, 128);
}

/* Functions in which workers of pools wait for work, by the end of their file's name. */
static const struct {
    const char *function, *file;
} idle_functions[] = {
    {"_worker", "concurrent/futures/thread.py"}, /* and those of its children that do not know a better one */
    {"_work", "betapool/_crew.py"},
    {"_attend", "betapool/_crew.py"},
    {"worker", "multiprocessing/pool.py"},
    {"_handle_tasks", "multiprocessing/pool.py"},
    {"_handle_results", "multiprocessing/pool.py"},
    {"get", "/queue.py"},
    {"handler_thread", "waitress/task.py"},
};

enum { IS_NEITHER = 1, IS_IDLE, PASSES_ON };

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* IS_IDLE, PASSES_ON for what such a function itself waits by, or IS_NEITHER. */
static char kind_of(memory *self, uintptr_t code) {
    size_t place = (code >> 4) % CODES;
    if (self->codes[place].code == code) {
        return self->codes[place].kind;
    }
    char name[64], file[128], kind = IS_NEITHER;
    read_names(self, code, name, file);
    for (size_t i = 0; i < sizeof idle_functions / sizeof idle_functions[0]; i++) {
        if (strcmp(name, idle_functions[i].function) == 0 && ends_with(file, idle_functions[i].file)) {
            kind = IS_IDLE;
        }
    }
    if (kind == IS_NEITHER && strcmp(name, "wait") == 0 && ends_with(file, "/threading.py")) {
        kind = PASSES_ON;
    }
    self->codes[place].code = code;
    self->codes[place].kind = kind;
    return kind;
}

bool memory_is_idle(memory *self, pid_t thread, uintptr_t *state) {
    uintptr_t frame = innermost_frame(self, thread, state);
    char kind = PASSES_ON;
    for (int depth = 0; frame != 0 && kind == PASSES_ON && depth < 4; depth++) {
        uintptr_t code = frame_code(self, frame);
        kind = code == 0 ? IS_NEITHER : kind_of(self, code);
        frame = read_pointer(self, frame + (uintptr_t)self->layout.frame_previous);
    }
    return kind == IS_IDLE;
}

#define OUTERMOST 8

void memory_root(memory *self, pid_t thread, uintptr_t *state, char *text, size_t size) {
    text[0] = '\0';
    uintptr_t frame = innermost_frame(self, thread, state), codes[OUTERMOST] = {0};
    int depth = 0;
    for (; frame != 0 && depth < 1000; frame = read_pointer(self, frame + (uintptr_t)self->layout.frame_previous)) {
        codes[depth++ % OUTERMOST] = frame_code(self, frame);
    }
    /* Outermost are threading's _bootstrap, _bootstrap_inner and run, and a frame of C's on some versions. */
    for (int i = 1; i <= OUTERMOST && i <= depth; i++) {
        char name[64], file[128];
        read_names(self, codes[(depth - i) % OUTERMOST], name, file);
        if (name[0] != '\0' && name[0] != '<' && !ends_with(file, "/threading.py")) {
            const char *base = strrchr(file, '/');
            snprintf(text, size, "%s:%s", base == NULL ? file : base + 1, name);
            return;
        }
    }
}
