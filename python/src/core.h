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

/* ---- module.c ---- */

/* The module's state; every object that needs it keeps a pointer, and keeps it alive through its type. */
typedef struct core_state {
    PyTypeObject *controller_type;
    PyTypeObject *stopwatch_type;
    PyTypeObject *pool_type;
    PyObject *decision_type;
    PyObject *stats_type;
    PyObject *future_type; /* concurrent.futures.Future */

    /* Methods called by name: of futures, and of the crew that a pool serves. */
    PyObject *set_running_or_notify_cancel;
    PyObject *set_result;
    PyObject *set_exception;
    PyObject *checkpoint;
    PyObject *hire;
    PyObject *start_courier;
    PyObject *listener;
    PyObject *task_failed;
    PyObject *cancel_future;
    PyObject *break_future;
    PyObject *disown_future;
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

/* A finite number of seconds, at least 0; -1 with an exception. */
double core_seconds(PyObject *value, const char *name);

/* ---- decision.c, stats.c ---- */

PyObject *decision_create(core_state *state, const betapool_decision *decision);

/* A list of the newest decisions of whatever `copy` copies them from, oldest first. */
PyObject *decision_list(core_state *state, int (*copy)(void *, betapool_decision *, size_t), void *source);

PyObject *stats_create(core_state *state, const betapool_stats *stats);

/* A record's fields, in order. Takes over every reference; NULL if one of them is NULL. */
PyObject *record_create(PyObject *type, PyObject *const *fields, size_t count);

/* None for NaN: "nothing was measured". */
PyObject *number_or_none(double value);

/* ---- controller.c, stopwatch.c ---- */

typedef struct controller_object {
    PyObject_HEAD
    core_state *state;
    betapool_controller *native;
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
    mailbox mailbox;
};

extern PyType_Spec pool_spec;

/* ---- task.c ---- */

/* Queues function(*args, **kwargs). A future, None if the pool was shut down or is broken, or NULL with an exception. */
PyObject *task_submit(pool_object *pool, PyObject *function, PyObject *args, PyObject *kwargs);
/* Takes back the oldest task not yet begun: (future, function, args, kwargs), or None. */
PyObject *task_take(pool_object *pool);

/* ---- host.c ---- */

/*
 * A call into the library by a thread that holds the GIL (on free-threaded builds: that is attached). While it lasts, callbacks on this
 * thread may run Python code; without one they must not.
 */
typedef struct host_call {
    struct host_call *outer;
    PyObject *give_up; /* the crew's method for futures of tasks that the library gives up during this call; borrowed */
    PyObject **error;  /* where the exception goes that kept a thread from starting; NULL: nowhere */
} host_call;

void host_enter(host_call *call, PyObject *give_up, PyObject **error);
void host_leave(host_call *call);
/* The method for futures of tasks given up on this thread. */
PyObject *host_give_up(void);

/* Lets go of the GIL for a call into the library that may wait. */
void host_detach(void);
void host_attach(void);

/* Serves as a worker. What betapool_serve returns. */
int host_serve(pool_object *pool);
/* Whether the calling thread is one of the pool's workers. */
bool host_is_serving(pool_object *pool);
/* The future of the task that the calling thread runs, or NULL. */
void host_set_future(PyObject *future);
PyObject *host_future(void);
/* Called by a worker between two tasks: lets other threads have the GIL if they ask for it. */
void host_give_way(void);

/* The callbacks of betapool_config; `host` is the pool_object. */
int host_spawn(void *host);
void host_before_wait(void *host);
void host_after_wait(void *host);
void host_on_decision(void *host, const betapool_decision *decision);

/* ---- gil.c ---- */

/* Where threads sleep that wait for the GIL, for betapool_config.lock and lock_size. Called with it held. -1 with an exception. */
int gil_range(const void **start, size_t *size);

#pragma GCC visibility pop

#endif
