/*
 * CPython as the host of libbetapool's threads: the callbacks of betapool_config, and what each thread must know about itself for them.
 * A worker serves with the GIL held, lets go of it when it has nothing to do, and gives way between tasks to those that ask for it.
 */
#include "host.h"

#include <sched.h>

struct host_thread {
    /* The innermost call into the library that it makes with the GIL held. Not PyGILState_Check: that answers for other reasons too. */
    host_call *call;
    /* As a worker. A thread serves one pool at a time. */
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
};

static _Thread_local host_thread this_thread;

host_thread *host_this_thread(void) {
    return &this_thread;
}

void host_enter(host_call *call, pool_object *pool, PyObject *give_up, PyObject **error) {
    host_thread *thread = &this_thread;
    *call = (host_call){.thread = thread, .outer = thread->call, .pool = pool, .give_up = give_up, .error = error};
    thread->call = call;
}

void host_leave(host_call *call) {
    call->thread->call = call->outer;
}

pool_object *host_pool(const host_thread *thread) {
    return thread->call->pool;
}

PyObject *host_give_up(void) {
    return this_thread.call == NULL ? NULL : this_thread.call->give_up;
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
    this_thread.parked_call = this_thread.call;
    this_thread.call = NULL;
    this_thread.parked = PyEval_SaveThread();
}

void host_attach(void) {
    PyEval_RestoreThread(this_thread.parked);
    this_thread.call = this_thread.parked_call;
}

/* ---- Giving way ---- */

/*
 * A thread that waits for the GIL asks for it when it has waited for a switch interval, and the interpreter looks for such requests in
 * Python code; for the collector's too, to stop the world. Between tasks written in C there is none, so a Python function that does nothing
 * is called there. Releasing the GIL and taking it again would be worse than nothing: it starts the waiting thread's interval anew, and it
 * loses the race for the GIL each time.
 */
static void checkpoint(void) {
    PyObject *done = PyObject_CallMethodNoArgs(this_thread.pool->crew, this_thread.pool->state->checkpoint);
    if (done == NULL) {
        PyErr_WriteUnraisable(this_thread.pool->crew); /* raised from another thread, meant for a task that is over */
    }
    Py_XDECREF(done);
}

#if PY_VERSION_HEX >= 0x030d0000

/* The lower bits are requests, each of another kind. */
#define REQUESTS 0xff

static void begin_batch(void) {
    this_thread.requests = &PyThreadState_Get()->eval_breaker;
}

void host_give_way(host_thread *thread) {
    if (__atomic_load_n(thread->requests, __ATOMIC_RELAXED) & REQUESTS) {
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
    this_thread.until_checkpoint = this_thread.batch;
    this_thread.since = betapool_wall_time();
}

void host_give_way(host_thread *thread) {
    if (--thread->until_checkpoint > 0) {
        return;
    }
    double elapsed = betapool_wall_time() - thread->since;
    if (elapsed > BATCH_SECONDS) {
        unsigned fitting = (unsigned)(thread->batch * (BATCH_SECONDS / elapsed));
        thread->batch = fitting > 1 ? fitting : 1;
    } else if (elapsed < BATCH_SECONDS / 2 && thread->batch < BATCH_TASKS) {
        thread->batch *= 2;
    }
    checkpoint();
    begin_batch();
}

#endif

/* ---- Serving ---- */

int host_serve(pool_object *pool) {
    host_call call;
    host_enter(&call, pool, pool->state->cancel_future, NULL);
    this_thread.pool = pool;
#if PY_VERSION_HEX < 0x030d0000
    this_thread.batch = 1;
#endif
    begin_batch();
    int code = betapool_serve(pool->native);
    this_thread.pool = NULL;
    delivery_end();
    host_leave(&call);
    if (betapool_join(pool->native, 0) != -ETIMEDOUT) {
        mailbox_notify(&pool->mailbox); /* this was the last one of a pool that was shut down */
    }
    return code;
}

bool host_is_worker(void) {
    return this_thread.pool != NULL;
}

bool host_is_serving(pool_object *pool) {
    return this_thread.pool == pool;
}

void host_set_future(host_thread *thread, PyObject *future) {
    thread->future = future;
}

PyObject *host_future(const host_thread *thread) {
    return thread->future;
}

/* ---- Callbacks ---- */

void host_before_wait(void *Py_UNUSED(host)) {
#ifdef Py_GIL_DISABLED
    host_give_way(&this_thread); /* whoever stops the world is told at once of a thread that stops, but looks for one that detaches each 1 ms */
#endif
    delivery_end();
    this_thread.parked_since = betapool_wall_time();
    host_detach();
}

void host_after_wait(void *Py_UNUSED(host)) {
    /* Called so soon that it was not asleep: then whoever called it is likely to let go of the GIL in a moment, to wait for the outcome. */
    if (host_has_cores() && betapool_wall_time() - this_thread.parked_since < 60e-6) {
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
    if (this_thread.call == NULL) {
        return mailbox_ask_thread(&pool->mailbox);
    }
    /* While the interpreter ends it takes threads away in the middle of a task: they come here as they unwind, and hold no GIL. */
    if (Py_IsFinalizing()) {
        return -EAGAIN;
    }
    host_call *call = this_thread.call;
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
