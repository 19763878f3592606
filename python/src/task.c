/* A work item: a future and the call that will resolve it, on its way through the library's queue. */
#include "core.h"

typedef struct task {
    pool_object *pool; /* borrowed: a pool outlives its tasks */
    PyObject *future;
    PyObject *function;
    PyObject *args;
    PyObject *kwargs; /* or NULL */
} task;

/* ---- Running ---- */

static void task_free(task *item) {
    Py_XDECREF(item->future);
    Py_XDECREF(item->function);
    Py_XDECREF(item->args);
    Py_XDECREF(item->kwargs);
    PyMem_Free(item);
}

/* Says that a future did not take what a worker brought. Takes over `done`. */
static void check_done(pool_object *pool, PyObject *done) {
    if (done != NULL) {
        Py_DECREF(done);
        return;
    }
    PyObject *exception = PyErr_GetRaisedException();
    done = PyObject_CallMethodOneArg(pool->crew, pool->state->task_failed, exception);
    if (done == NULL) {
        PyErr_WriteUnraisable(pool->crew);
    }
    Py_XDECREF(done);
    Py_DECREF(exception);
}

/* Whether the future has not been cancelled; from now on it cannot be. */
static bool begin(task *item) {
    PyObject *answer = PyObject_CallMethodNoArgs(item->future, item->pool->state->set_running_or_notify_cancel);
    bool is_wanted = answer == Py_True;
    check_done(item->pool, answer);
    return is_wanted;
}

static void execute(task *item) {
    core_state *state = item->pool->state;
    if (!begin(item)) {
        return;
    }
    host_set_future(item->future);
    PyObject *result = PyObject_Call(item->function, item->args, item->kwargs);
    host_set_future(NULL);
    PyObject *exception = result == NULL ? PyErr_GetRaisedException() : NULL;
    /* Before anybody can see the result, so that whoever has it knows that the arguments are released. */
    Py_CLEAR(item->function);
    Py_CLEAR(item->args);
    Py_CLEAR(item->kwargs);
    PyObject *done = exception == NULL ? PyObject_CallMethodOneArg(item->future, state->set_result, result)
                                       : PyObject_CallMethodOneArg(item->future, state->set_exception, exception);
    Py_XDECREF(result);
    Py_XDECREF(exception);
    check_done(item->pool, done);
}

/* The library gives the task up. What that means for its future is for the call under which it happens to say. */
static void give_up(task *item) {
    PyObject *method = host_give_up();
    if (method != NULL) {
        check_done(item->pool, PyObject_CallMethodOneArg(item->pool->crew, method, item->future));
    }
}

static void task_run(void *argument, int status) {
    task *item = argument;
    if (status == 0) {
        execute(item);
        task_free(item);
        host_give_way();
    } else {
        give_up(item);
        task_free(item);
    }
}

/* ---- Taking back ---- */

PyObject *task_take(pool_object *pool) {
    betapool_task taken;
    int code = betapool_take(pool->native, &taken);
    if (code <= 0) {
        return code < 0 ? core_raise(code) : Py_NewRef(Py_None);
    }
    task *item = taken.argument;
    PyObject *kwargs = item->kwargs == NULL ? PyDict_New() : Py_NewRef(item->kwargs);
    PyObject *parts = kwargs == NULL ? NULL : Py_BuildValue("(OOON)", item->future, item->function, item->args, kwargs);
    task_free(item);
    return parts;
}

/* ---- Submitting ---- */

static task *task_create(pool_object *pool, PyObject *function, PyObject *args, PyObject *kwargs) {
    task *item = PyMem_Calloc(1, sizeof *item);
    if (item == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    item->pool = pool;
    item->future = PyObject_CallNoArgs(pool->state->future_type);
    if (item->future == NULL) {
        PyMem_Free(item);
        return NULL;
    }
    item->function = Py_NewRef(function);
    item->args = Py_NewRef(args);
    item->kwargs = PyDict_GET_SIZE(kwargs) == 0 ? NULL : Py_NewRef(kwargs);
    return item;
}

/* The courier comes with the first task: before that the library has nothing to say. */
static int ensure_courier(pool_object *pool) {
    if (!atomic_load_explicit(&pool->needs_courier, memory_order_relaxed) || !atomic_exchange(&pool->needs_courier, false)) {
        return 0;
    }
    PyObject *done = PyObject_CallMethodOneArg(pool->crew, pool->state->start_courier, (PyObject *)pool);
    if (done == NULL) {
        atomic_store(&pool->needs_courier, true);
        return -1;
    }
    Py_DECREF(done);
    return 0;
}

PyObject *task_submit(pool_object *pool, PyObject *function, PyObject *args, PyObject *kwargs) {
    if (ensure_courier(pool) < 0) {
        return NULL;
    }
    task *item = task_create(pool, function, args, kwargs);
    if (item == NULL) {
        return NULL;
    }
    PyObject *future = Py_NewRef(item->future); /* the item may be gone before betapool_submit returns */
    PyObject *error = NULL;
    host_call call;
    host_enter(&call, pool->state->cancel_future, &error);
    int code = betapool_submit(pool->native, task_run, item);
    host_leave(&call);
    if (code < 0) {
        task_free(item);
        Py_CLEAR(future);
    }
    if (error != NULL) {
        mailbox_notify(&pool->mailbox);
        /* A thread more or less is the pool's business as long as there is one; Ctrl-C is the caller's. */
        if (code == -EAGAIN || !PyErr_GivenExceptionMatches(error, PyExc_Exception)) {
            Py_XDECREF(future);
            PyErr_SetRaisedException(error);
            return NULL;
        }
        Py_DECREF(error);
    }
    /* -EAGAIN without an exception: the first thread started and did not stay, for its initializer failed. */
    if (code == -ESHUTDOWN || code == -EAGAIN) {
        return Py_NewRef(Py_None);
    }
    return code < 0 ? core_raise(code) : future;
}
