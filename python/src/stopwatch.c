/* What Controller.task() returns: reads the clocks around a block and reports the difference. */
#include "core.h"

typedef struct stopwatch_object {
    PyObject_HEAD
    controller_object *controller;
    unsigned long thread;   /* the thread in which it runs; 0: it does not */
    attachment *attachment; /* of that thread */
    double cpu, wall;
} stopwatch_object;

PyObject *stopwatch_create(controller_object *controller) {
    PyTypeObject *type = controller->state->stopwatch_type;
    stopwatch_object *self = (stopwatch_object *)type->tp_alloc(type, 0);
    if (self != NULL) {
        self->controller = (controller_object *)Py_NewRef((PyObject *)controller);
    }
    return (PyObject *)self;
}

static void stopwatch_dealloc(stopwatch_object *self) {
    PyTypeObject *type = Py_TYPE(self);
    Py_DECREF(self->controller);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *stopwatch_enter(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    stopwatch_object *self = (stopwatch_object *)object;
    if (self->thread != 0) {
        PyErr_SetString(PyExc_RuntimeError, "this task() is running already: call task() anew for each block");
        return NULL;
    }
    controller_object *controller = self->controller;
    if ((self->attachment = watch_begin(controller->watch, controller->state->attachment)) == NULL) {
        return NULL;
    }
    self->thread = PyThread_get_thread_ident();
    /* The wall clock is read first and last, so that it covers the CPU clock's readings. */
    self->wall = betapool_wall_time();
    self->cpu = betapool_cpu_time();
    return Py_NewRef(object);
}

static PyObject *stopwatch_exit(PyObject *object, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(count)) {
    stopwatch_object *self = (stopwatch_object *)object;
    double cpu = betapool_cpu_time() - self->cpu;
    double wall = betapool_wall_time() - self->wall;
    if (self->thread != PyThread_get_thread_ident()) {
        PyErr_SetString(PyExc_RuntimeError, "a task() must end in the thread in which it began");
        return NULL;
    }
    self->thread = 0;
    watch_end(self->attachment);
    /* A measurement is not an argument to be refused: where the two clocks disagree, the wall clock is right. */
    int code = betapool_controller_report(self->controller->native, cpu < wall ? cpu : wall, wall);
    return code < 0 ? core_raise(code) : Py_NewRef(Py_False);
}

static PyMethodDef stopwatch_methods[] = {
    {"__enter__", stopwatch_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))stopwatch_exit, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot stopwatch_slots[] = {
    {Py_tp_dealloc, stopwatch_dealloc},
    {Py_tp_methods, stopwatch_methods},
    {0, NULL},
};

PyType_Spec stopwatch_spec = {
    .name = "betapool._core.Stopwatch",
    .basicsize = sizeof(stopwatch_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = stopwatch_slots,
};
