/* The type of futures: how they are made, asked and collected. */
#include "future.h"
#include "object.h"

static void future_dealloc(future_object *self);

core_state *future_module_state(future_object *self) {
    PyTypeObject *type = Py_TYPE(self);
    while (type->tp_dealloc != (destructor)future_dealloc) {
        type = type->tp_base;
    }
    return PyType_GetModuleState(type);
}

/* ---- Making ---- */

/* NULL with an exception. */
static arguments *arguments_create(PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t total = count + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
    arguments *self = PyMem_Malloc(sizeof *self + (size_t)total * sizeof self->items[0]);
    if (self == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    COMES_AFTER(self);
    self->names = names == NULL ? NULL : new_crossing_ref(names);
    self->count = count;
    for (Py_ssize_t i = 0; i < total; i++) {
        self->items[i] = new_crossing_ref(args[i]);
    }
    return self;
}

/* Hidden from the collector: while it is queued it is no garbage. */
static future_object *future_alloc(PyTypeObject *type) {
#if PY_VERSION_HEX >= 0x030d0000
    /* As type->tp_alloc, which looks at more, and shows the object to the collector. */
    future_object *self = PyObject_GC_New(future_object, type);
    if (self != NULL) {
        COMES_AFTER(self);
        memset((char *)self + sizeof(PyObject), 0, (size_t)type->tp_basicsize - sizeof(PyObject));
    }
    return self;
#else
    future_object *self = (future_object *)object_create(type);
    if (self != NULL) {
        object_hide((PyObject *)self);
    }
    return self;
#endif
}

future_object *future_create(core_state *state, PyObject *function, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    arguments *arguments = NULL;
    if ((count > 1 || names != NULL) && (arguments = arguments_create(args, count, names)) == NULL) {
        return NULL;
    }
    future_object *self = future_alloc(state->future_class);
    if (self == NULL) {
        call_clear(&(call){.arguments = arguments});
        return NULL;
    }
    self->call.function = new_crossing_ref(function);
    self->call.argument = arguments == NULL && count == 1 ? new_crossing_ref(args[0]) : NULL;
    self->call.arguments = arguments;
    return self;
}

void future_take_call(future_object *self, call *call) {
    *call = self->call;
    self->call = (struct call){NULL, NULL, NULL};
}

void call_clear(call *call) {
    arguments *arguments = call->arguments;
    call->arguments = NULL;
    Py_CLEAR(call->function);
    Py_CLEAR(call->argument);
    if (arguments != NULL) {
        for (Py_ssize_t i = 0, total = arguments_total(arguments); i < total; i++) {
            Py_DECREF(arguments->items[i]);
        }
        Py_XDECREF(arguments->names);
        COMES_BEFORE(arguments);
        PyMem_Free(arguments);
    }
}

/* Of the moment 48 bits are kept, without the lowest ones, which tell no more than some nanoseconds. */
#define QUEUED_SHIFT 4
#define QUEUED_BITS 48

void future_set_queued(future_object *self, uint64_t now) {
    self->queued_high = (uint16_t)(now >> (QUEUED_SHIFT + 32));
    self->queued_low = (uint32_t)(now >> QUEUED_SHIFT);
}

uint64_t future_waited(const future_object *self, uint64_t now) {
    uint64_t queued = (uint64_t)self->queued_high << 32 | self->queued_low;
    uint64_t waited = ((now >> QUEUED_SHIFT) - queued) & ((UINT64_C(1) << QUEUED_BITS) - 1);
    bool is_negative = waited >> (QUEUED_BITS - 1); /* clocks of two cores may be apart by some ticks */
    return is_negative ? 0 : waited << QUEUED_SHIFT;
}

/* ---- Asking ---- */

static PyObject *future_cancelled(future_object *self, PyObject *Py_UNUSED(ignored)) {
    unsigned now = future_state(self);
    return PyBool_FromLong(now == CANCELLED || now == CANCELLED_AND_NOTIFIED);
}

static PyObject *future_running(future_object *self, PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(future_state(self) == RUNNING);
}

static PyObject *future_done(future_object *self, PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(future_is_done(future_state(self)));
}

PyObject *future_only_argument(const char *method, const char *name, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (count + named > 1 || (named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), name) != 0)) {
        PyErr_Format(PyExc_TypeError, "%s() takes one argument, %s", method, name);
        return NULL;
    }
    return count + named == 1 ? args[0] : NULL;
}

/* ---- The collector ---- */

void future_show_if_needed(future_object *self) {
    if (self->value == NULL || PyType_IS_GC(Py_TYPE(self->value))) {
        object_show((PyObject *)self);
    }
}

static int future_setattro(PyObject *self, PyObject *name, PyObject *value) {
    object_show(self);
    return PyObject_GenericSetAttr(self, name, value);
}

static int future_traverse(future_object *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->call.function);
    Py_VISIT(self->call.argument);
    if (self->call.arguments != NULL) {
        for (Py_ssize_t i = 0, total = arguments_total(self->call.arguments); i < total; i++) {
            Py_VISIT(self->call.arguments->items[i]);
        }
    }
    Py_VISIT(self->value);
    if (self->extra != NULL) {
        Py_VISIT(self->extra->condition);
        Py_VISIT(self->extra->waiters);
        Py_VISIT(self->extra->callbacks);
    }
    return 0;
}

static int future_clear(future_object *self) {
    if (self->call.function != NULL) {
        call_clear(&self->call);
    }
    Py_CLEAR(self->value);
    if (self->extra != NULL) {
        Py_CLEAR(self->extra->condition);
        Py_CLEAR(self->extra->waiters);
        Py_CLEAR(self->extra->callbacks);
    }
    return 0;
}

/* Gives back all that it has. */
static void future_end(future_object *self) {
    future_clear(self);
    if (self->extra != NULL) {
        COMES_BEFORE(self->extra);
        PyMem_Free(self->extra);
    }
    object_free((PyObject *)self);
}

static void future_dealloc(future_object *self) {
    object_end((PyObject *)self);
    future_end(self);
}

#if PY_VERSION_HEX >= 0x030d0000
/* Whether there may be another future in it, and so on. */
static bool may_nest(const future_object *self) {
    return self->extra != NULL || self->call.function != NULL || (self->value != NULL && PyType_IS_GC(Py_TYPE(self->value)));
}

/* With what its class has beyond FutureBase. */
static void class_end(PyObject *self) {
    if (*(PyObject **)((char *)self + Py_TYPE(self)->tp_weaklistoffset) != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    PyObject_ClearManagedDict(self);
    future_end((future_object *)self);
}

/*
 * The destructor of the class that derives from the standard library's: in the place of the one that classes made in Python have, which
 * finds out for each object what its class has.
 */
static void class_dealloc(PyObject *self) {
    if (Py_TYPE(self)->tp_finalize != NULL) {
        object_show(self);
        if (PyObject_CallFinalizerFromDealloc(self) < 0) {
            return; /* __del__ has kept it */
        }
    }
    object_end(self);
    bool is_own = Py_TYPE(self)->tp_dealloc == class_dealloc; /* else the destructor of the derived class sees to the depth */
    if (is_own && may_nest((future_object *)self)) {
        Py_TRASHCAN_BEGIN(self, class_dealloc)
        class_end(self);
        Py_TRASHCAN_END
    } else {
        class_end(self);
    }
}
#endif

static PyMethodDef future_methods[] = {
    {"result", (PyCFunction)(void (*)(void))future_result, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("result($self, /, timeout=None)\n--\n\n"
               "Returns what the call returned, or raises what it raised.\n\n"
               "Waits for it, at most `timeout` seconds if that is given: then TimeoutError. CancelledError if it was cancelled.")},
    {"exception", (PyCFunction)(void (*)(void))future_exception, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("exception($self, /, timeout=None)\n--\n\n"
               "Returns what the call raised, or None if it returned.\n\n"
               "Waits for it, at most `timeout` seconds if that is given: then TimeoutError. CancelledError if it was cancelled.")},
    {"cancel", (PyCFunction)future_cancel, METH_NOARGS,
     PyDoc_STR("cancel($self)\n--\n\nCancels the call if it has not begun. Whether it is cancelled now.")},
    {"cancelled", (PyCFunction)future_cancelled, METH_NOARGS, PyDoc_STR("cancelled($self)\n--\n\nWhether the call was cancelled.")},
    {"running", (PyCFunction)future_running, METH_NOARGS, PyDoc_STR("running($self)\n--\n\nWhether the call has begun and not ended.")},
    {"done", (PyCFunction)future_done, METH_NOARGS, PyDoc_STR("done($self)\n--\n\nWhether the call has ended or was cancelled.")},
    {"add_done_callback", (PyCFunction)(void (*)(void))future_add_done_callback, METH_FASTCALL | METH_KEYWORDS,
     PyDoc_STR("add_done_callback($self, /, fn)\n--\n\n"
               "Has fn(future) called when the call has ended or is cancelled: by the thread that does it, in the order of adding; at\n"
               "once if that has happened. An Exception that it raises is logged.")},
    {"_disown", (PyCFunction)future_disown, METH_NOARGS,
     PyDoc_STR("_disown($self)\n--\n\nIn the child of a fork: leaves the call, and those who wait for it, to the parent.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot future_slots[] = {
    {Py_tp_dealloc, future_dealloc}, {Py_tp_traverse, future_traverse}, {Py_tp_clear, future_clear}, {Py_tp_setattro, future_setattro},
    {Py_tp_getset, future_getset},   {0, NULL},
};

PyType_Spec future_spec = {
    .name = "betapool._core.FutureBase",
    .basicsize = sizeof(future_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = future_slots,
};

/* Gives the class its methods: the interpreter calls straight from its bytecode those of an object's own class, but none of a base. */
static int add_methods(PyObject *class) {
    for (PyMethodDef *definition = future_methods; definition->ml_name != NULL; definition++) {
        PyObject *method = PyDescr_NewMethod((PyTypeObject *)class, definition);
        int code = method == NULL ? -1 : PyObject_SetAttrString(class, definition->ml_name, method);
        Py_XDECREF(method);
        if (code < 0) {
            return -1;
        }
    }
    return 0;
}

PyTypeObject *future_class_create(PyTypeObject *base, PyObject *standard) {
    /* Without the last one the class would have a __dict__ that does not show the future to the collector. */
    PyObject *dict = PyObject_GetAttrString((PyObject *)base, "__dict__");
    PyObject *show = dict == NULL ? NULL : PyMapping_GetItemString(dict, "__dict__");
    PyObject *made = NULL;
    if (show != NULL) {
        made = PyObject_CallFunction((PyObject *)&PyType_Type, "s(OO){s():sssssO}", "Future", base, standard, "__slots__", "__module__",
                                     "betapool._core", "__doc__", "The outcome of a call, as it will be.", "__dict__", show);
    }
    if (made != NULL && add_methods(made) < 0) {
        Py_CLEAR(made);
    }
#if PY_VERSION_HEX >= 0x030d0000
    if (made != NULL) {
        ((PyTypeObject *)made)->tp_dealloc = class_dealloc;
    }
#endif
    Py_XDECREF(dict);
    Py_XDECREF(show);
    return (PyTypeObject *)made;
}
