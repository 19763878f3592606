/* What the files of betapool._core share. Each section is the face of the file named beside it. */
#ifndef BETAPOOL_CORE_H
#define BETAPOOL_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <structmember.h>

#include "betapool.h"
#include "compat.h"

#pragma GCC visibility push(hidden) /* the module exports PyInit__core alone */

/* Of what is seldom called on the way to a task: its locals are not to be part of the stack under each task. */
#define APART __attribute__((noinline))

/* ---- module.c ---- */

/* The module's state; every object that needs it keeps a pointer, and keeps it alive through its type. */
typedef struct core_state {
    PyTypeObject *controller_type;
    PyTypeObject *stopwatch_type;
    PyTypeObject *pool_type;
    PyTypeObject *survey_type;
    PyObject *decision_type;
    PyObject *stats_type;
    PyObject *times_type;
    PyTypeObject *future_base;
    PyTypeObject *executor_base;
    PyTypeObject *future_class; /* what submit() returns: derives from future_base and from concurrent.futures.Future */
    PyObject *future_states[5]; /* the standard library's words for them, in the order in which they come about */
    PyObject *condition_type;   /* threading.Condition */
    PyTypeObject *own_condition_type;
    PyObject *cancelled_error;
    PyObject *queue_full; /* queue.Full */
    PyObject *timeout_error;
    PyObject *standard_cancel; /* concurrent.futures.Future.cancel */
    PyObject *callback_failed; /* a function that logs it */
    PyTypeObject *delivery_type;
    PyObject *_Atomic chain_code; /* of asyncio's callback that chains a future, and the cells of its closure: see delivery.c */
    atomic_uint chain_cells;

    PyObject *standard_executor; /* concurrent.futures.ThreadPoolExecutor, the globals of its functions ... */
    PyObject *standard_globals;
    _Atomic uint64_t seen; /* ... and what was seen of it last: see executor.c */

    /* Names: of methods of futures and of the crew that a pool serves. */
    PyObject *set_running_or_notify_cancel;
    PyObject *set_result;
    PyObject *set_exception;
    PyObject *add_result;
    PyObject *add_exception;
    PyObject *add_cancelled;
    PyObject *notify_all;
    PyObject *checkpoint;
    PyObject *hire;
    PyObject *initialize;
    PyObject *leave;
    PyObject *start_courier;
    PyObject *listeners;
    PyObject *task_failed;
    PyObject *cancel_future;
    PyObject *break_future;
    PyObject *disown_future;
    PyObject *submit;
    PyObject *pop;     /* of lists */
    PyObject *refusal; /* of executors */
    PyObject *run;     /* of contexts */
    PyObject *attachment; /* an attribute: of a thread, for a watch */
    PyObject *module_name, *qualified_name; /* attributes of functions */
    PyObject *events, *get_running_loop;    /* asyncio's module, and its function */
    PyObject *call_soon, *call_soon_threadsafe, *is_closed; /* methods of asyncio's loops */
    PyObject *cancelled; /* a method of futures */
} core_state;

/* The state of the module that made a type, or the type that a Python class derives from. */
core_state *core_state_of(PyTypeObject *type);

/* Raises what a negative code of the library stands for. Returns NULL. */
PyObject *core_raise(int code);

/* ---- settings.c ---- */

/* Arguments as they came from Python; NULL or None: not given. */
typedef struct core_settings {
    PyObject *policy;
    PyObject *min_threads;
    PyObject *max_threads;
    PyObject *hysteresis;
    PyObject *beta_threshold;
    PyObject *alpha;
    PyObject *interval;
    const char *min_name; /* what the caller calls min_threads ... */
    const char *max_name; /* ... and max_threads */
} core_settings;

/* Puts what was given into a configuration that holds the defaults. -1 with an exception that names the argument and what it may be. */
int core_configure(betapool_config *config, const core_settings *settings);

/* An integer from 1 to `most`, into `count`, which stays as it is if None or NULL was given. -1 with an exception. */
int core_count(uint32_t *count, PyObject *value, const char *name, uint32_t most);

/* A finite number of seconds, at least 0; -1 with an exception. */
double core_seconds(PyObject *value, const char *name);

/* ---- ticks.c ---- */

#if defined(__x86_64__)
#define TICKS_COUNTER "tsc"
static inline uint64_t ticks_of_counter(void) {
    return __builtin_ia32_rdtsc();
}
#elif defined(__aarch64__)
#define TICKS_COUNTER "arch_sys_counter"
static inline uint64_t ticks_of_counter(void) {
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
}
#endif

/* Before the first reading, once or more. Seconds in a tick. */
double ticks_prepare(void);
uint64_t ticks_of_clock(void);
/* Whether the counter is what is read. Does not change after ticks_prepare(). */
extern bool ticks_are_counted;

static inline uint64_t ticks_now(void) {
#ifdef TICKS_COUNTER
    if (ticks_are_counted) {
        return ticks_of_counter();
    }
#endif
    return ticks_of_clock();
}

/* ---- timing.c ---- */

/* How long the tasks of a pool waited and ran. */
typedef struct timing timing;

/* NULL with an exception. */
timing *timing_create(void);
void timing_free(timing *self);
/* A task that waited and ran for so many ticks. */
void timing_count(timing *self, uint64_t waited, uint64_t ran);
double timing_seconds(const timing *self, uint64_t ticks);
/* betapool.Times of waiting and of running; None if there is no timing. */
PyObject *timing_waits(core_state *state, timing *self);
PyObject *timing_runs(core_state *state, timing *self);

/* ---- decision.c, stats.c ---- */

PyObject *decision_create(core_state *state, const betapool_decision *decision);

/* A list of the newest decisions of whatever `copy` copies them from, oldest first. */
PyObject *decision_list(core_state *state, int (*copy)(void *, betapool_decision *, size_t), void *source);

PyObject *stats_create(core_state *state, const betapool_stats *stats, timing *timing);

/* A record's fields, in order. Takes over every reference; NULL if one of them is NULL. */
PyObject *record_create(PyObject *type, PyObject *const *fields, size_t count);

/* None for NaN: "nothing was measured". */
PyObject *number_or_none(double value);

/* ---- thread.c ---- */

/* Starts a thread with every signal blocked: they are Python's. 0, or an error number. */
int thread_start(pthread_t *thread, void *(*body)(void *), void *argument);
/* Makes a lock, and a condition whose time limits are of the clock that nobody sets. */
void thread_prepare(pthread_mutex_t *lock, pthread_cond_t *changed);
/* So many seconds from now, for such a condition. */
struct timespec thread_deadline(double seconds);

/* ---- watch.c ---- */

/* The threads that a controller sees at work. */
typedef struct watch watch;
/* One of those threads. */
typedef struct attachment attachment;

/* Once, before the others. -1 with an exception. */
int watch_prepare(void);
/* For a controller with this interval between ticks, in seconds. NULL with an exception. */
watch *watch_create(betapool_controller *native, double interval);
/* To be called before betapool_controller_free. */
void watch_free(watch *watch);
/* The calling thread has a task, until watch_end. `name` is state->attachment. NULL with an exception. */
attachment *watch_begin(watch *watch, PyObject *name);
void watch_end(attachment *attachment);

/* ---- controller.c, stopwatch.c ---- */

typedef struct controller_object {
    PyObject_HEAD
    core_state *state;
    betapool_controller *native;
    watch *watch;
} controller_object;

extern PyType_Spec controller_spec;
extern PyType_Spec stopwatch_spec;

/* A context manager that reports to the controller what the block under it used. */
PyObject *stopwatch_create(controller_object *controller);

/* ---- courier.c ---- */

#define MAILBOX_DECISIONS 64

/* What threads that must not wait for the GIL leave for the one that may: the pool's courier. */
typedef struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool attended;          /* a courier is there */
    bool closing;           /* the pool was shut down: the courier ends with the last worker */
    unsigned threads;       /* to be started */
    unsigned oldest, count; /* decisions to be told, a ring */
    betapool_decision *decisions;
} mailbox;

typedef struct pool_object pool_object;

/* With room for decisions, if they are to be told. -1 with an exception. */
int mailbox_init(mailbox *box, bool takes_decisions);
void mailbox_destroy(mailbox *box);
/* Empties the mailbox in the child of a fork, where nobody attends to it, whoever may have held its lock. */
void mailbox_reset(mailbox *box);
/* A courier may have reason to look: a worker left, or will not come. */
void mailbox_notify(mailbox *box);
void mailbox_close(mailbox *box);
/* Asks for a thread. -EAGAIN if nobody attends to the mailbox. */
int mailbox_ask_thread(mailbox *box);
/* Leaves a decision; the oldest one goes if there are too many. */
void mailbox_put_decision(mailbox *box, const betapool_decision *decision);
/* Serves as the pool's courier until the pool has ended. */
void courier_run(pool_object *pool);

/* ---- sleeper.c ---- */

/* A thread that waits, on its own stack. */
typedef struct sleeper {
    struct sleeper *next;
    PyThread_type_lock alarm; /* held; released by whoever calls */
    bool is_called;
} sleeper;

/* A deadline that never comes. */
#define FOREVER Py_HUGE_VAL

/* -1 with an exception. */
int sleeper_init(sleeper *self);
void sleeper_destroy(sleeper *self);
/* 1: called; 0: the deadline has come (on the clock of betapool_wall_time); -1 with an exception from a signal's handler. */
int sleeper_wait(sleeper *self, double deadline);
/* In the child of a fork, where nobody is on the lookout. */
void sleeper_forked(void);
/* For one whose call is on its way. */
void sleeper_wait_for_call(sleeper *self);

/* Lists of sleepers; what they are part of guards them. */
void sleepers_add(sleeper **list, sleeper *one);
/* False if it is not there because it is being called. */
bool sleepers_remove(sleeper **list, sleeper *one);
/* Takes one, or all, off the list; sleepers_call must follow, outside of the guard. */
sleeper *sleepers_take(sleeper **list, bool all);
void sleepers_call(sleeper *taken);

/* ---- limit.c ---- */

/* How many calls may wait, and who waits for room. */
typedef struct limit {
    Py_ssize_t most; /* 0: any number */
    Py_ssize_t waiting;
    bool refuses; /* instead of letting submit() wait */
    atomic_bool is_over; /* the pool was shut down */
    sleeper *submitters;
} limit;

/* Takes room for one call: 1; 0: there is none, and submit() is to be refused; -1 with an exception, from a signal's handler. */
int limit_enter(pool_object *pool);
/* A call waits no more. */
void limit_leave(pool_object *pool);
/* Calls one, or all, of those who wait for room. */
void limit_call(pool_object *pool, bool all);
/* Nobody is held up any more. */
void limit_end(pool_object *pool);

/* ---- pool.c ---- */

struct pool_object {
    PyObject_HEAD
    core_state *state;
    betapool *native;
    PyObject *crew;  /* whoever starts the threads; lives as long as the pool */
    PyObject *owner; /* a weak reference, which calls the pool when the owner is gone; then NULL */
    PyObject *weakrefs;
    bool has_ticker; /* the library may want something of Python in a thread that must not wait for the GIL */
    atomic_bool needs_courier; /* ... and that one was not started yet */
    bool has_listener; /* the executor has an on_decision: its courier comes with the first task */
    atomic_bool has_submitted;
    bool copies_context; /* of the submitting thread, for the call */
    bool tells_tasks;    /* the executor has an on_task */
    timing *timing;      /* NULL: tasks are not timed */
    limit limit;
    mailbox mailbox;
};

extern PyType_Spec pool_spec;
void pool_dealloc(pool_object *self);

/* ---- condition.c ---- */

typedef struct condition_object condition_object;

extern PyType_Spec condition_spec;
/* NULL with an exception. */
condition_object *condition_create(core_state *state);
/* 1: the caller has it, as often as it acquired it; 0: not by the deadline, which may be 0 or FOREVER; -1 with an exception. */
int condition_acquire(condition_object *self, double deadline);
void condition_release(condition_object *self);
/* Wakes those in wait(). -1 with an exception. */
int condition_notify_all(condition_object *self);

/* ---- future.c ---- */

typedef struct future_object future_object;

/* More than one argument, or any by name. Not a tuple: that would be one more object to make, and for the collector to look at. */
typedef struct arguments {
    PyObject *names;  /* of the last ones; a tuple, or NULL */
    Py_ssize_t count; /* of those without a name */
    PyObject *items[];
} arguments;

/* What is to be called. */
typedef struct call {
    PyObject *function;
    PyObject *argument; /* the only one, or NULL */
    arguments *arguments;
} call;

/* All arguments, with and without a name. */
static inline Py_ssize_t arguments_total(const arguments *self) {
    return self->count + (self->names == NULL ? 0 : PyTuple_GET_SIZE(self->names));
}

void call_clear(call *call);

extern PyType_Spec future_spec;
/* The class that derives from future_spec's type and from the standard library's. */
PyTypeObject *future_class_create(PyTypeObject *base, PyObject *standard);

/* A pending future of such a call. `args` holds `count` and then as many as there are names. NULL with an exception. */
future_object *future_create(core_state *state, PyObject *function, PyObject *const *args, Py_ssize_t count, PyObject *names);
/* Moves the call out of the future. */
void future_take_call(future_object *self, call *call);
/* It is being queued at this moment, in ticks; and for how many it had been so at another one. Long times, of a week, count as none. */
void future_set_queued(future_object *self, uint64_t now);
uint64_t future_waited(const future_object *self, uint64_t now);
/* Whether the call is to be made: 1, or 0 if it was cancelled; from now on it cannot be. -1 with an exception. */
int future_begin(future_object *self, core_state *state);
/* Resolves the future. Takes over `value`. -1 with an exception. */
int future_finish(future_object *self, core_state *state, PyObject *value, bool has_failed);

/* The result, or NULL without an exception if there is none. */
PyObject *future_value(future_object *self);

/* Its call has been made, or given up: from now on it may be part of garbage, if it refers to anything that may be. */
void future_show_if_needed(future_object *self);

/* ---- delivery.c ---- */

typedef struct delivery_object delivery_object;

extern PyType_Spec delivery_spec;
/* In the place of a call of `callback`, if that is asyncio's and the caller a worker or the loop: whether the outcome is on its way. */
bool delivery_send(core_state *state, future_object *future, PyObject *callback);
/* Nothing more goes with the one that the calling worker has sent. */
void delivery_end(void);

/* ---- executor.c ---- */

extern PyType_Spec executor_spec;

/* ---- task.c ---- */

/*
 * Queues a call: `args` holds the function, `count` - 1 arguments, and then as many as there are names. A future, None if the pool was shut
 * down or is broken, or NULL with an exception.
 */
PyObject *task_submit(pool_object *pool, PyObject *const *args, Py_ssize_t count, PyObject *names);
/* Takes back the oldest call not yet begun: (future, function, args, kwargs), or None. */
PyObject *task_take(pool_object *pool);

#pragma GCC visibility pop

#endif
