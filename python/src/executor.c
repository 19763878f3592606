/* _core.ExecutorBase: what AdaptiveThreadPoolExecutor does for each call. */
#include "object.h"

typedef struct executor_object {
    PyObject_HEAD
    pool_object *pool;
} executor_object;

/*
 * Whether somebody has put a function of his own in the place of ThreadPoolExecutor.submit, as OpenTelemetry and Sentry do.
 * The version of a type changes with any of its attributes, so as long as that is the same nothing has to be looked up.
 */
static bool is_instrumented(core_state *state) {
    PyTypeObject *standard = (PyTypeObject *)state->standard_executor;
    uint64_t seen = atomic_load_explicit(&state->seen, memory_order_relaxed); /* the version, and the answer below it */
    unsigned version = standard->tp_version_tag;
    if (version != 0 && version == seen >> 1) {
        return seen & 1;
    }
    PyObject *submit = PyObject_GetAttr((PyObject *)standard, state->submit);
    bool found = submit != NULL && !(PyFunction_Check(submit) && PyFunction_GET_GLOBALS(submit) == state->standard_globals);
    atomic_store_explicit(&state->seen, (uint64_t)standard->tp_version_tag << 1 | found, memory_order_relaxed);
    PyErr_Clear();
    Py_XDECREF(submit);
    return found;
}

/* As the instrumented ThreadPoolExecutor.submit does it. In the end it puts a work item into _work_queue. */
static PyObject *submit_instrumented(executor_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    core_state *state = self->pool->state;
    PyObject *bound = PyObject_CallFunctionObjArgs((PyObject *)&PySuper_Type, state->executor_base, self, NULL);
    PyObject *submit = bound == NULL ? NULL : PyObject_GetAttr(bound, state->submit);
    PyObject *future = submit == NULL ? NULL : PyObject_Vectorcall(submit, args, (size_t)count, names);
    Py_XDECREF(bound);
    Py_XDECREF(submit);
    return future;
}

static PyObject *executor_submit(executor_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (count == 0) {
        PyErr_SetString(PyExc_TypeError, "submit() missing 1 required positional argument: 'fn'");
        return NULL;
    }
    pool_object *pool = self->pool;
    if (pool == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this executor was not made: a subclass must call super().__init__()");
        return NULL;
    }
    if (is_instrumented(pool->state)) {
        return submit_instrumented(self, args, count, names);
    }
    PyObject *future = task_submit(pool, args, count, names);
    if (future != Py_None) {
        return future;
    }
    Py_DECREF(future);
    PyObject *refusal = PyObject_CallMethodNoArgs((PyObject *)self, pool->state->refusal);
    if (refusal != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(refusal), refusal);
        Py_DECREF(refusal);
    }
    return NULL;
}

static PyObject *executor_get_pool(executor_object *self, void *Py_UNUSED(closure)) {
    if (self->pool == NULL) {
        PyErr_SetString(PyExc_AttributeError, "_pool");
    }
    return Py_XNewRef((PyObject *)self->pool);
}

/* Once: calls under way rely on it. */
static int executor_set_pool(executor_object *self, PyObject *value, void *Py_UNUSED(closure)) {
    if (value == NULL || self->pool != NULL || Py_TYPE(value)->tp_dealloc != (destructor)pool_dealloc) {
        PyErr_SetString(PyExc_TypeError, "an executor has one _core.Pool, for good");
        return -1;
    }
    self->pool = (pool_object *)Py_NewRef(value);
    return 0;
}

static int executor_traverse(executor_object *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->pool);
    return 0;
}

static int executor_clear(executor_object *self) {
    Py_CLEAR(self->pool);
    return 0;
}

static void executor_dealloc(executor_object *self) {
    object_end((PyObject *)self);
    Py_CLEAR(self->pool);
    object_free((PyObject *)self);
}

static PyMethodDef executor_methods[] = {
    {"submit", (PyCFunction)(void (*)(void))executor_submit, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("submit($self, fn, /, *args, **kwargs)\n--\n\n"
               "Schedules fn(*args, **kwargs) and returns its Future.\n\n"
               "Waits for room if max_queue calls wait, or raises queue.Full, as was asked for; never if a call of the pool's own\n"
               "submits. Raises RuntimeError after shutdown() and at the end of the interpreter, or if not one thread can be\n"
               "started; BrokenThreadPool after an initializer has failed.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef executor_getset[] = {
    {"_pool", (getter)executor_get_pool, (setter)executor_set_pool, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot executor_slots[] = {
    {Py_tp_dealloc, executor_dealloc}, {Py_tp_traverse, executor_traverse}, {Py_tp_clear, executor_clear},
    {Py_tp_methods, executor_methods}, {Py_tp_getset, executor_getset},     {0, NULL},
};

PyType_Spec executor_spec = {
    .name = "betapool._core.ExecutorBase",
    .basicsize = sizeof(executor_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = executor_slots,
};
