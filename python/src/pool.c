/* _core.Pool: a libbetapool pool whose threads are Python's. Serves AdaptiveThreadPoolExecutor. */
#include "host.h"
#include "object.h"

#include <stddef.h>

/* Shuts the pool down. `give_up` is the crew's method for the futures of queued tasks; NULL: they still run. */
static int end(pool_object *self, PyObject *give_up) {
    host_call call;
    host_enter(&call, self, give_up, NULL);
    int code = betapool_shutdown(self->native, give_up == NULL ? BETAPOOL_DRAIN : BETAPOOL_CANCEL);
    host_leave(&call);
    limit_end(self);
    self->needs_courier = false;
    mailbox_close(&self->mailbox);
    return code;
}

/* What is queued still runs, then the threads end. */
static PyObject *owner_is_gone(PyObject *self, PyObject *Py_UNUSED(reference)) {
    end((pool_object *)self, NULL);
    Py_CLEAR(((pool_object *)self)->owner);
    Py_RETURN_NONE;
}

/* Calls the pool when the owner is gone. A callback in C, so that Ctrl-C cannot get in between. */
static int watch_owner(pool_object *self, PyObject *owner) {
    static PyMethodDef definition = {"owner_is_gone", owner_is_gone, METH_O, NULL};
    PyObject *callback = PyCFunction_New(&definition, (PyObject *)self);
    if (callback != NULL) {
        self->owner = PyWeakref_NewRef(owner, callback);
        Py_DECREF(callback);
    }
    return self->owner == NULL ? -1 : 0;
}

static PyObject *pool_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(kwargs)) {
    core_settings settings = {.min_name = "min_workers", .max_name = "max_workers"};
    PyObject *owner, *crew, *max_queue;
    int tells_decisions, refuses, copies_context, times_tasks, tells_tasks;
    uint32_t most = 0;
    if (!PyArg_ParseTuple(args, "OOOOOOOOOpOpppp:Pool", &owner, &crew, &settings.min_threads, &settings.max_threads, &settings.policy,
                          &settings.interval, &settings.beta_threshold, &settings.alpha, &settings.hysteresis, &tells_decisions, &max_queue,
                          &refuses, &copies_context, &times_tasks, &tells_tasks)) {
        return NULL;
    }
    core_state *state = core_state_of(type);
    betapool_config config;
    betapool_config_init(&config);
    if (state == NULL || core_configure(&config, &settings) < 0 || core_count(&most, max_queue, "max_queue", INT32_MAX) < 0 ||
        gil_range(&config.lock, &config.lock_size) < 0) {
        return NULL;
    }
    pool_object *self = (pool_object *)object_create(type);
    if (self == NULL) {
        return NULL;
    }
    host_count_cores();
    self->state = state;
    self->crew = Py_NewRef(crew);
    self->limit.most = most;
    self->limit.refuses = refuses;
    self->copies_context = copies_context;
    self->tells_tasks = tells_tasks;
    self->has_ticker = config.policy != BETAPOOL_FIXED || tells_decisions;
    self->needs_courier = self->has_ticker;
    self->has_listener = tells_decisions;
    if (mailbox_init(&self->mailbox, self->has_ticker) < 0 || (times_tasks && (self->timing = timing_create()) == NULL)) {
        Py_DECREF(self);
        return NULL;
    }
    config.spawn = host_spawn;
    config.before_wait = host_before_wait;
    config.after_wait = host_after_wait;
    config.on_decision = self->has_ticker ? host_on_decision : NULL;
    config.host = self;
    int code = betapool_create(&config, &self->native);
    if (code < 0) {
        self->native = NULL;
        core_raise(code);
    }
    if (code < 0 || watch_owner(self, owner) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

/* There is no tp_clear: callbacks rely on the crew, and what it and the weak reference refer to can be cleared there. */
static int pool_traverse(pool_object *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->crew);
    Py_VISIT(self->owner);
    return 0;
}

/*
 * Whoever serves the pool holds a reference to it, so nobody does any more: betapool_free waits for the library's ticker alone, and the
 * thread that happens to be here is no worker of this pool, even if it was one a moment ago.
 */
void pool_dealloc(pool_object *self) {
    object_end((PyObject *)self);
    if (self->weakrefs != NULL) {
        PyObject_ClearWeakRefs((PyObject *)self);
    }
    if (self->native != NULL) {
        PyObject *exception = PyErr_GetRaisedException();
        end(self, self->state->cancel_future);
        host_detach();
        betapool_free(self->native);
        host_attach();
        PyErr_SetRaisedException(exception);
    }
    mailbox_destroy(&self->mailbox);
    timing_free(self->timing);
    Py_XDECREF(self->owner);
    Py_XDECREF(self->crew);
    object_free((PyObject *)self);
}

static PyObject *pool_submit(pool_object *self, PyObject *function) {
    return task_submit(self, &function, 1, NULL);
}

static PyObject *pool_take(pool_object *self, PyObject *Py_UNUSED(ignored)) {
    return task_take(self);
}

/* What the thread does of a worker that was prepared: serves, or says that it will not. -1 with an exception. */
static int serve(pool_object *self, bool is_ready) {
    if (!is_ready) {
        betapool_serve_failed(self->native);
        mailbox_notify(&self->mailbox);
        return 0;
    }
    int code = host_serve(self);
    /* -EINVAL: this thread was given up because Ctrl-C interrupted its start, or the pool needs it no more. */
    if (code < 0 && code != -EINVAL) {
        core_raise(code);
        return -1;
    }
    return 0;
}

/*
 * All that a worker does, without a frame of Python's around its tasks, which would take a page of each stack. It takes its initializer off
 * a list so that nothing holds it, and what it refers to, once it has run; if the list is empty the thread was given up.
 */
static PyObject *pool_work(pool_object *self, PyObject *first_task) {
    PyObject *initializer = PyObject_CallMethodNoArgs(first_task, self->state->pop);
    if (initializer == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_IndexError)) {
            return NULL;
        }
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    PyObject *prepared = initializer == Py_None ? Py_NewRef(Py_True)
                                                : PyObject_CallMethodObjArgs(self->crew, self->state->initialize, initializer, self, NULL);
    Py_DECREF(initializer);
    int code = prepared == NULL ? -1 : serve(self, prepared == Py_True);
    Py_XDECREF(prepared);
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *done = PyObject_CallMethodOneArg(self->crew, self->state->leave, (PyObject *)self);
    if (done == NULL && exception != NULL) {
        PyErr_WriteUnraisable(self->crew);
    }
    if (exception != NULL) {
        PyErr_SetRaisedException(exception);
    }
    Py_XDECREF(done);
    COMES_BEFORE(self);
    return done == NULL || code < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *pool_courier(pool_object *self, PyObject *Py_UNUSED(ignored)) {
    courier_run(self);
    COMES_BEFORE(self);
    Py_RETURN_NONE;
}

static PyObject *pool_shutdown(pool_object *self, PyObject *cancel) {
    int is_cancelling = PyObject_IsTrue(cancel);
    if (is_cancelling < 0) {
        return NULL;
    }
    int code = end(self, is_cancelling ? self->state->cancel_future : NULL);
    return code < 0 ? core_raise(code) : Py_NewRef(Py_None);
}

static PyObject *pool_break(pool_object *self, PyObject *Py_UNUSED(ignored)) {
    int code = end(self, self->state->break_future);
    return code < 0 ? core_raise(code) : Py_NewRef(Py_None);
}

/*
 * Called in the child of a fork. Tasks that were queued are the parent's, and the library reports them as given up at the first call. If the
 * calling thread is a worker it goes on with its task here too; the task's future is the parent's as well.
 */
static PyObject *pool_forked(pool_object *self, PyObject *Py_UNUSED(ignored)) {
    mailbox_reset(&self->mailbox);
    self->limit.submitters = NULL;
    self->needs_courier = self->has_ticker && !self->mailbox.closing;
    betapool_stats stats = {.size = sizeof stats};
    host_call call;
    host_enter(&call, self, self->state->disown_future, NULL);
    int code = betapool_get_stats(self->native, &stats);
    host_leave(&call);
    if (code < 0) {
        return core_raise(code);
    }
    bool is_serving = host_is_serving(self);
    PyObject *future = is_serving ? host_future(host_this_thread()) : NULL;
    if (future != NULL) {
        PyObject *done = PyObject_CallMethodOneArg(self->crew, self->state->disown_future, future);
        if (done == NULL) {
            return NULL;
        }
        Py_DECREF(done);
    }
    return PyBool_FromLong(is_serving);
}

static PyObject *pool_stats(pool_object *self, PyObject *Py_UNUSED(ignored)) {
    betapool_stats stats = {.size = sizeof stats};
    int code = betapool_get_stats(self->native, &stats);
    return code < 0 ? core_raise(code) : stats_create(self->state, &stats, self->timing);
}

static int copy_decisions(void *pool, betapool_decision *decisions, size_t capacity) {
    return betapool_get_decisions(pool, decisions, capacity);
}

static PyObject *pool_decisions(pool_object *self, PyObject *Py_UNUSED(ignored)) {
    return decision_list(self->state, copy_decisions, self->native);
}

static PyObject *pool_crew(pool_object *self, void *Py_UNUSED(closure)) {
    return Py_NewRef(self->crew);
}

static PyObject *pool_is_over(pool_object *self, void *Py_UNUSED(closure)) {
    return PyBool_FromLong(self->limit.is_over);
}

static PyMethodDef pool_methods[] = {
    {"submit", (PyCFunction)pool_submit, METH_O,
     PyDoc_STR("submit($self, function, /)\n--\n\nQueues a call without arguments; its Future, or None if the pool has ended.")},
    {"take", (PyCFunction)pool_take, METH_NOARGS,
     PyDoc_STR("take($self)\n--\n\nTakes back the oldest call not yet begun: (future, function, args, kwargs), or None.")},
    {"work", (PyCFunction)pool_work, METH_O,
     PyDoc_STR("work($self, first_task, /)\n--\n\n"
               "Makes the calling thread a worker until it is retired or the pool ends. `first_task` is a list with its initializer or\n"
               "None, or empty: then it returns.")},
    {"courier", (PyCFunction)pool_courier, METH_NOARGS,
     PyDoc_STR("courier($self)\n--\n\nMakes the calling thread the pool's courier until the pool has ended.")},
    {"shutdown", (PyCFunction)pool_shutdown, METH_O,
     PyDoc_STR("shutdown($self, cancel, /)\n--\n\nRefuses further calls; those queued run, or are cancelled. Does not wait.")},
    {"break_", (PyCFunction)pool_break, METH_NOARGS,
     PyDoc_STR("break_($self)\n--\n\nAs shutdown(True), but futures of queued calls get BrokenThreadPool.")},
    {"forked", (PyCFunction)pool_forked, METH_NOARGS,
     PyDoc_STR("forked($self)\n--\n\nMakes the pool usable in the child of a fork. Whether the caller is a worker.")},
    {"stats", (PyCFunction)pool_stats, METH_NOARGS, PyDoc_STR("stats($self)\n--\n\nThe pool at this moment, as PoolStats.")},
    {"decisions", (PyCFunction)pool_decisions, METH_NOARGS,
     PyDoc_STR("decisions($self)\n--\n\nThe newest decisions, oldest first; the last 256 are kept.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef pool_getset[] = {
    {"crew", (getter)pool_crew, NULL, PyDoc_STR("Whoever starts the threads."), NULL},
    {"is_over", (getter)pool_is_over, NULL, PyDoc_STR("Whether the pool was shut down."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef pool_members[] = {
    {"__weaklistoffset__", T_PYSSIZET, offsetof(pool_object, weakrefs), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot pool_slots[] = {
    {Py_tp_new, pool_new},
    {Py_tp_dealloc, pool_dealloc},
    {Py_tp_traverse, pool_traverse},
    {Py_tp_methods, pool_methods},
    {Py_tp_getset, pool_getset},
    {Py_tp_members, pool_members},
    {Py_tp_doc, PyDoc_STR("Pool(owner, crew, min_workers, max_workers, policy, interval, beta_threshold, alpha, hysteresis, on_decision, "
                          "max_queue, refuses, copies_context, times_tasks, tells_tasks, /)\n--\n\n"
                          "A pool whose threads a crew starts, and which ends with its owner. None, but for flags: the default.")},
    {0, NULL},
};

PyType_Spec pool_spec = {
    .name = "betapool._core.Pool",
    .basicsize = sizeof(pool_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = pool_slots,
};
