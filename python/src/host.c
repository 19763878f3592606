/*
 * CPython as the host of libbetapool's threads: the callbacks of betapool_config, and what each thread must know about itself for them.
 * A worker serves with the GIL held, lets go of it when it has nothing to do, and gives way between tasks to those that ask for it.
 */
#include "core.h"

#include <sched.h>

/* The innermost call into the library that this thread makes with the GIL held. Not PyGILState_Check: that answers for other reasons too. */
static _Thread_local host_call *current;

/* This thread as a worker. A thread serves one pool at a time. */
static _Thread_local struct {
    pool_object *pool; /* borrowed; NULL: not a worker */
    PyObject *future;  /* of the task that it runs; borrowed, or NULL */
    PyThreadState *parked;
    double parked_since;
    host_call *parked_call;
#if PY_VERSION_HEX >= 0x030d0000
    const uintptr_t *requests; /* what other threads ask of this one */
#else
    unsigned batch;            /* tasks between two checkpoints */
    unsigned until_checkpoint; /* tasks left of them */
    double since;              /* when the batch began */
#endif
} worker;

void host_enter(host_call *call, pool_object *pool, PyObject *give_up, PyObject **error) {
    *call = (host_call){.outer = current, .pool = pool, .give_up = give_up, .error = error};
    current = call;
}

void host_leave(host_call *call) {
    current = call->outer;
}

pool_object *host_pool(void) {
    return current->pool;
}

PyObject *host_give_up(void) {
    return current == NULL ? NULL : current->give_up;
}

/* ---- Calls that may wait ---- */

static atomic_bool has_cores;

void host_count_cores(void) {
    static _Atomic double counted = -1;
    double now = betapool_wall_time();
    if (now - atomic_load_explicit(&counted, memory_order_relaxed) < 1 && counted >= 0) {
        return; /* a moment ago */
    }
    atomic_store_explicit(&counted, now, memory_order_relaxed);
    cpu_set_t cores;
    bool has_two = sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) >= 2; /* it fails where there are over 1,024 */
    atomic_store_explicit(&has_cores, has_two, memory_order_relaxed);
}

bool host_has_cores(void) {
    return atomic_load_explicit(&has_cores, memory_order_relaxed);
}


void host_detach(void) {
    worker.parked_call = current;
    current = NULL;
    worker.parked = PyEval_SaveThread();
}

void host_attach(void) {
    PyEval_RestoreThread(worker.parked);
    current = worker.parked_call;
}

/* ---- Giving way ---- */

/*
 * A thread that waits for the GIL asks for it when it has waited for a switch interval, and the interpreter looks for such requests in
 * Python code; for the collector's too, to stop the world. Between tasks written in C there is none, so a Python function that does nothing
 * is called there. Releasing the GIL and taking it again would be worse than nothing: it starts the waiting thread's interval anew, and it
 * loses the race for the GIL each time.
 */
static void checkpoint(void) {
    PyObject *done = PyObject_CallMethodNoArgs(worker.pool->crew, worker.pool->state->checkpoint);
    if (done == NULL) {
        PyErr_WriteUnraisable(worker.pool->crew); /* raised from another thread, meant for a task that is over */
    }
    Py_XDECREF(done);
}

#if PY_VERSION_HEX >= 0x030d0000

/* The lower bits are requests, each of another kind. */
#define REQUESTS 0xff

static void begin_batch(void) {
    worker.requests = &PyThreadState_Get()->eval_breaker;
}

void host_give_way(void) {
    if (__atomic_load_n(worker.requests, __ATOMIC_RELAXED) & REQUESTS) {
        checkpoint();
    }
}

#else

/*
 * Where requests cannot be seen it is not done after each task: that would cost as much as a small one does, and so would reading a clock.
 * It is done once in a batch of tasks, and the batch is made to last about this long; the first one is a single task.
 */
#define BATCH_SECONDS 0.001
#define BATCH_TASKS 1024

static void begin_batch(void) {
    worker.until_checkpoint = worker.batch;
    worker.since = betapool_wall_time();
}

void host_give_way(void) {
    if (--worker.until_checkpoint > 0) {
        return;
    }
    double elapsed = betapool_wall_time() - worker.since;
    if (elapsed > BATCH_SECONDS) {
        unsigned fitting = (unsigned)(worker.batch * (BATCH_SECONDS / elapsed));
        worker.batch = fitting > 1 ? fitting : 1;
    } else if (elapsed < BATCH_SECONDS / 2 && worker.batch < BATCH_TASKS) {
        worker.batch *= 2;
    }
    checkpoint();
    begin_batch();
}

#endif

/* ---- Serving ---- */

int host_serve(pool_object *pool) {
    host_call call;
    host_enter(&call, pool, pool->state->cancel_future, NULL);
    worker.pool = pool;
#if PY_VERSION_HEX < 0x030d0000
    worker.batch = 1;
#endif
    begin_batch();
    int code = betapool_serve(pool->native);
    worker.pool = NULL;
    delivery_end();
    host_leave(&call);
    if (betapool_join(pool->native, 0) != -ETIMEDOUT) {
        mailbox_notify(&pool->mailbox); /* this was the last one of a pool that was shut down */
    }
    return code;
}

bool host_is_worker(void) {
    return worker.pool != NULL;
}

bool host_is_serving(pool_object *pool) {
    return worker.pool == pool;
}

void host_set_future(PyObject *future) {
    worker.future = future;
}

PyObject *host_future(void) {
    return worker.future;
}

/* ---- Callbacks ---- */

void host_before_wait(void *Py_UNUSED(host)) {
#ifdef Py_GIL_DISABLED
    host_give_way(); /* whoever stops the world is told at once of a thread that stops, but looks for one that detaches each 1 ms */
#endif
    delivery_end();
    worker.parked_since = betapool_wall_time();
    host_detach();
}

void host_after_wait(void *Py_UNUSED(host)) {
    /* Called so soon that it was not asleep: then whoever called it is likely to let go of the GIL in a moment, to wait for the outcome. */
    if (host_has_cores() && betapool_wall_time() - worker.parked_since < 60e-6) {
        gil_await();
    }
    host_attach();
    begin_batch();
}

/* Takes over the exception. */
static void keep_error(PyObject **where, PyObject *exception) {
    if (where == NULL) {
        Py_DECREF(exception);
    } else {
        Py_XSETREF(*where, exception);
    }
}

int host_spawn(void *host) {
    pool_object *pool = host;
    if (current == NULL) {
        return mailbox_ask_thread(&pool->mailbox);
    }
    /* While the interpreter ends it takes threads away in the middle of a task: they come here as they unwind, and hold no GIL. */
    if (Py_IsFinalizing()) {
        return -EAGAIN;
    }
    host_call *call = current;
    PyObject *interruption = PyObject_CallMethodOneArg(pool->crew, pool->state->hire, (PyObject *)pool);
    if (interruption == NULL) {
        keep_error(call->error, PyErr_GetRaisedException());
        return -EAGAIN;
    }
    if (interruption == Py_None) {
        Py_DECREF(interruption);
    } else {
        keep_error(call->error, interruption);
    }
    return 0;
}

void host_on_decision(void *host, const betapool_decision *decision) {
    mailbox_put_decision(&((pool_object *)host)->mailbox, decision);
}
