/* A call on its way through the library's queue, which holds a reference to its future. */
#include "host.h"
#include "object.h"

/* ---- Running ---- */

static PyObject *call_make(const call *call) {
    if (call->arguments != NULL) {
        return PyObject_Vectorcall(call->function, call->arguments->items, (size_t)call->arguments->count, call->arguments->names);
    }
    return call->argument == NULL ? PyObject_CallNoArgs(call->function) : PyObject_CallOneArg(call->function, call->argument);
}

/* The first argument, if there is one. */
static PyObject *call_first(const call *call) {
    return call->arguments == NULL ? call->argument : call->arguments->items[0];
}

/* Says that a future did not take what a worker brought. */
APART static void report_failure(pool_object *pool) {
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *done = PyObject_CallMethodOneArg(pool->crew, pool->state->task_failed, exception);
    if (done == NULL) {
        PyErr_WriteUnraisable(pool->crew);
    }
    Py_XDECREF(done);
    Py_DECREF(exception);
}

/* Tells the executor's on_task. An exception that the call has raised stays. */
static void tell_task(pool_object *pool, const call *call, double queued, double wall, double cpu) {
    PyObject *raised = PyErr_GetRaisedException();
    /* In a context's copy it is context.run that is called, and the function is its first argument. */
    PyObject *function = pool->copies_context && call_first(call) != NULL ? call_first(call) : call->function;
    /* Where the two clocks disagree, the wall clock is right. */
    PyObject *done = PyObject_CallMethod(pool->crew, "tell_task", "Oddd", function, queued, wall, cpu < wall ? cpu : wall);
    if (done == NULL) {
        PyErr_WriteUnraisable(function);
    }
    Py_XDECREF(done);
    if (raised != NULL) {
        PyErr_SetRaisedException(raised);
    }
}

/* As call_make, and sees how long the call had waited and how long it takes. */
APART static PyObject *call_and_time(pool_object *pool, const call *call, const future_object *future) {
    uint64_t began = ticks_now(), waited = future_waited(future, began);
    double cpu = pool->tells_tasks ? betapool_cpu_time() : 0;
    PyObject *result = call_make(call);
    if (pool->tells_tasks) {
        cpu = betapool_cpu_time() - cpu;
    }
    uint64_t ended = ticks_now(), ran = ended > began ? ended - began : 0;
    timing_count(pool->timing, waited, ran);
    if (pool->tells_tasks) {
        tell_task(pool, call, timing_seconds(pool->timing, waited), timing_seconds(pool->timing, ran), cpu);
    }
    return result;
}

static void execute(host_thread *thread, pool_object *pool, future_object *future) {
    int goes = future_begin(future, pool->state);
    if (goes <= 0) {
        if (goes < 0) {
            report_failure(pool);
        }
        return;
    }
    call call;
    future_take_call(future, &call);
    host_set_future(thread, (PyObject *)future);
    PyObject *result = pool->timing == NULL ? call_make(&call) : call_and_time(pool, &call, future);
    host_set_future(thread, NULL);
    PyObject *exception = result == NULL ? PyErr_GetRaisedException() : NULL;
    /* Before anybody can see the result, so that whoever has it knows that the arguments are released. */
    call_clear(&call);
    if (future_finish(future, pool->state, result == NULL ? exception : result, result == NULL) < 0) {
        report_failure(pool);
    }
}

/* The library gives the task up. What that means for its future is for the call under which it happens to say. */
APART static void give_up(pool_object *pool, future_object *future) {
    PyObject *method = host_give_up();
    if (method == NULL) {
        return;
    }
    PyObject *done = PyObject_CallMethodOneArg(pool->crew, method, (PyObject *)future);
    if (done == NULL) {
        report_failure(pool);
    }
    Py_XDECREF(done);
}

static void task_run(void *argument, int status) {
    future_object *future = argument;
    host_thread *thread = host_this_thread();
    pool_object *pool = host_pool(thread);
    COMES_AFTER(future);
    limit_leave(pool);
    if (status == 0) {
        execute(thread, pool, future);
    } else {
        give_up(pool, future);
    }
    future_show_if_needed(future);
    COMES_BEFORE(future);
    Py_DECREF(future);
    if (status == 0) {
        host_give_way(thread);
    }
}

/* ---- Taking back ---- */

/* The arguments as a tuple and a dict. -1 with an exception. */
static int unpack(const call *call, PyObject **args, PyObject **kwargs) {
    const arguments *arguments = call->arguments;
    PyObject *const *items = arguments == NULL ? &call->argument : arguments->items;
    Py_ssize_t count = arguments == NULL ? call->argument != NULL : arguments->count;
    *args = PyTuple_New(count);
    *kwargs = PyDict_New();
    int code = *args == NULL || *kwargs == NULL ? -1 : 0;
    for (Py_ssize_t i = 0; code == 0 && i < count; i++) {
        PyTuple_SET_ITEM(*args, i, Py_NewRef(items[i]));
    }
    for (Py_ssize_t i = count; code == 0 && arguments != NULL && i < arguments_total(arguments); i++) {
        code = PyDict_SetItem(*kwargs, PyTuple_GET_ITEM(arguments->names, i - count), items[i]);
    }
    if (code < 0) {
        Py_CLEAR(*args);
        Py_CLEAR(*kwargs);
    }
    return code;
}

PyObject *task_take(pool_object *pool) {
    betapool_task taken;
    int code = betapool_take(pool->native, &taken);
    if (code <= 0) {
        return code < 0 ? core_raise(code) : Py_NewRef(Py_None);
    }
    future_object *future = taken.argument;
    COMES_AFTER(future);
    limit_leave(pool);
    object_show((PyObject *)future);
    call call;
    future_take_call(future, &call);
    PyObject *args, *kwargs, *parts = NULL;
    if (unpack(&call, &args, &kwargs) == 0) {
        parts = Py_BuildValue("(OONN)", future, call.function, args, kwargs);
    }
    call_clear(&call);
    Py_DECREF(future);
    return parts;
}

/* ---- Submitting ---- */

/*
 * The courier comes when the library may have something to say: when there is a listener for its decisions, or a second task, for which it
 * may want another thread.
 */
static int ensure_courier(pool_object *pool) {
    if (!atomic_load_explicit(&pool->needs_courier, memory_order_relaxed)) {
        return 0;
    }
    bool is_first = !atomic_exchange(&pool->has_submitted, true);
    if ((is_first && !pool->has_listener) || !atomic_exchange(&pool->needs_courier, false)) {
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

static PyObject *submit(pool_object *pool, PyObject *function, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (ensure_courier(pool) < 0) {
        return NULL;
    }
    int has_room = limit_enter(pool);
    if (has_room <= 0) {
        if (has_room == 0) {
            PyErr_Format(pool->state->queue_full, "%zd calls wait, as many as max_queue allows: submit again later", pool->limit.most);
        }
        return NULL;
    }
    future_object *future = future_create(pool->state, function, args, count, names);
    if (future == NULL) {
        limit_leave(pool);
        return NULL;
    }
    if (pool->timing != NULL) {
        future_set_queued(future, ticks_now());
    }
    new_crossing_ref((PyObject *)future); /* the queue's */
    COMES_BEFORE(future);
    PyObject *error = NULL;
    host_call call;
    host_enter(&call, pool, pool->state->cancel_future, &error);
    int code = betapool_submit(pool->native, task_run, future);
    host_leave(&call);
    if (code < 0) {
        limit_leave(pool);
        object_show((PyObject *)future);
        Py_DECREF(future);
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
    return code < 0 ? core_raise(code) : (PyObject *)future;
}

/* Of a call in a copy of the caller's context: of context.run(function, ...). */
static PyObject *submit_in_context(pool_object *pool, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    PyObject *context = PyContext_CopyCurrent();
    PyObject *run = context == NULL ? NULL : PyObject_GetAttr(context, pool->state->run);
    PyObject *future = run == NULL ? NULL : submit(pool, run, args, count, names);
    Py_XDECREF(run);
    Py_XDECREF(context);
    return future;
}

PyObject *task_submit(pool_object *pool, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return pool->copies_context ? submit_in_context(pool, args, count, names) : submit(pool, args[0], args + 1, count - 1, names);
}
