/*
 * CPython as the host of libbetapool's threads: the callbacks of betapool_config, and what each thread must know about itself for them.
 * A worker serves with the GIL held, lets go of it when it has nothing to do, and gives way between tasks to those that ask for it.
 */
#include "core.h"

/* The innermost call into the library that this thread makes with the GIL held. Not PyGILState_Check: that answers for other reasons too. */
static _Thread_local host_call *current;

/* This thread as a worker. A thread serves one pool at a time. */
static _Thread_local struct {
    pool_object *pool; /* borrowed; NULL: not a worker */
    PyObject *future;  /* of the task that it runs; borrowed, or NULL */
    PyThreadState *parked;
    host_call *parked_call;
    unsigned batch;            /* tasks between two checkpoints */
    unsigned until_checkpoint; /* tasks left of them */
    double since;              /* when the batch began */
} worker;

void host_enter(host_call *call, PyObject *give_up, PyObject **error) {
    *call = (host_call){.outer = current, .give_up = give_up, .error = error};
    current = call;
}

void host_leave(host_call *call) {
    current = call->outer;
}

PyObject *host_give_up(void) {
    return current == NULL ? NULL : current->give_up;
}

/* ---- Calls that may wait ---- */

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
 * A thread that waits for the GIL asks for it when it has waited for a switch interval, and the interpreter looks for such requests in Python
 * code (on a free-threaded build: for the collector's, to stop the world). Between tasks written in C there is none, so a Python function
 * that does nothing is called there. Releasing the GIL and taking it again would be worse than nothing: it starts the waiting thread's
 * interval anew, and it loses the race for the GIL each time.
 *
 * Not after each task: that would cost as much as a small one does, and so would reading a clock. It is done once in a batch of tasks, and
 * the batch is made to last about this long; the first one is a single task.
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
    PyObject *done = PyObject_CallMethodNoArgs(worker.pool->crew, worker.pool->state->checkpoint);
    if (done == NULL) {
        PyErr_WriteUnraisable(worker.pool->crew); /* raised from another thread, meant for a task that is over */
    }
    Py_XDECREF(done);
    begin_batch();
}

/* ---- Serving ---- */

int host_serve(pool_object *pool) {
    host_call call;
    host_enter(&call, pool->state->cancel_future, NULL);
    worker.pool = pool;
    worker.batch = 1;
    begin_batch();
    int code = betapool_serve(pool->native);
    worker.pool = NULL;
    host_leave(&call);
    mailbox_notify(&pool->mailbox);
    return code;
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
    host_detach();
}

void host_after_wait(void *Py_UNUSED(host)) {
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
