/*
 * The courier: one Python thread per pool that does what the library's ticker wants of Python. The ticker must never wait for the GIL, or
 * it would starve just when control is needed; so it leaves its wishes in a mailbox and goes on.
 */
#include "core.h"

int mailbox_init(mailbox *box, bool takes_decisions) {
    pthread_mutex_init(&box->lock, NULL);
    pthread_cond_init(&box->changed, NULL);
    if (takes_decisions && (box->decisions = PyMem_New(betapool_decision, MAILBOX_DECISIONS)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void mailbox_destroy(mailbox *box) {
    PyMem_Free(box->decisions);
    pthread_cond_destroy(&box->changed);
    pthread_mutex_destroy(&box->lock);
}

void mailbox_reset(mailbox *box) {
    pthread_mutex_init(&box->lock, NULL);
    pthread_cond_init(&box->changed, NULL);
    box->attended = false;
    box->threads = box->oldest = box->count = 0;
}

void mailbox_notify(mailbox *box) {
    pthread_mutex_lock(&box->lock);
    pthread_cond_signal(&box->changed);
    pthread_mutex_unlock(&box->lock);
}

void mailbox_close(mailbox *box) {
    pthread_mutex_lock(&box->lock);
    box->closing = true;
    pthread_cond_signal(&box->changed);
    pthread_mutex_unlock(&box->lock);
}

int mailbox_ask_thread(mailbox *box) {
    pthread_mutex_lock(&box->lock);
    bool attended = box->attended;
    if (attended) {
        box->threads++;
        pthread_cond_signal(&box->changed);
    }
    pthread_mutex_unlock(&box->lock);
    return attended ? 0 : -EAGAIN;
}

void mailbox_put_decision(mailbox *box, const betapool_decision *decision) {
    pthread_mutex_lock(&box->lock);
    box->decisions[(box->oldest + box->count) % MAILBOX_DECISIONS] = *decision;
    if (box->count < MAILBOX_DECISIONS) {
        box->count++;
    } else {
        box->oldest = (box->oldest + 1) % MAILBOX_DECISIONS;
    }
    pthread_cond_signal(&box->changed);
    pthread_mutex_unlock(&box->lock);
}

typedef enum errand { ERRAND_NONE, ERRAND_THREAD, ERRAND_DECISION } errand;

/* Waits for something to do; none is left once the pool was shut down and its last worker is gone. Called without the GIL. */
static errand next_errand(pool_object *pool, betapool_decision *decision) {
    mailbox *box = &pool->mailbox;
    errand next = ERRAND_NONE;
    pthread_mutex_lock(&box->lock);
    while (box->threads == 0 && box->count == 0 && !(box->closing && betapool_join(pool->native, 0) == 0)) {
        pthread_cond_wait(&box->changed, &box->lock);
    }
    if (box->threads > 0) {
        box->threads--;
        next = ERRAND_THREAD;
    } else if (box->count > 0) {
        *decision = box->decisions[box->oldest];
        box->oldest = (box->oldest + 1) % MAILBOX_DECISIONS;
        box->count--;
        next = ERRAND_DECISION;
    } else {
        box->attended = false;
    }
    pthread_mutex_unlock(&box->lock);
    return next;
}

static void start_thread(pool_object *pool) {
    PyObject *done = PyObject_CallMethodOneArg(pool->crew, pool->state->hire, (PyObject *)pool);
    if (done == NULL) {
        /* No memory or no thread to be had: the pool's statistics count it. Anything else somebody should hear of. */
        if (PyErr_ExceptionMatches(PyExc_RuntimeError) || PyErr_ExceptionMatches(PyExc_MemoryError)) {
            PyErr_Clear();
        } else {
            PyErr_WriteUnraisable(pool->crew);
        }
        betapool_serve_failed(pool->native);
    }
    Py_XDECREF(done);
}

/* The crew says who wants to hear, and mostly it is nobody: then no record is made. */
static void tell_decision(pool_object *pool, const betapool_decision *native) {
    PyObject *listeners = PyObject_CallMethodNoArgs(pool->crew, pool->state->listeners); /* a list of its own */
    PyObject *decision = NULL;
    if (listeners == NULL || (PyList_GET_SIZE(listeners) > 0 && (decision = decision_create(pool->state, native)) == NULL)) {
        PyErr_WriteUnraisable(pool->crew);
        Py_XDECREF(listeners);
        return;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(listeners); i++) {
        PyObject *listener = PyList_GET_ITEM(listeners, i);
        PyObject *done = PyObject_CallOneArg(listener, decision);
        if (done == NULL) {
            PyErr_WriteUnraisable(listener);
        }
        Py_XDECREF(done);
    }
    Py_XDECREF(decision);
    Py_DECREF(listeners);
}

void courier_run(pool_object *pool) {
    mailbox *box = &pool->mailbox;
    pthread_mutex_lock(&box->lock);
    bool is_the_first = !box->attended;
    box->attended = true;
    pthread_mutex_unlock(&box->lock);
    while (is_the_first) {
        betapool_decision decision;
        errand next;
        Py_BEGIN_ALLOW_THREADS
        next = next_errand(pool, &decision);
        Py_END_ALLOW_THREADS
        switch (next) {
        case ERRAND_THREAD:
            start_thread(pool);
            break;
        case ERRAND_DECISION:
            tell_decision(pool, &decision);
            break;
        case ERRAND_NONE:
            return;
        }
    }
}
