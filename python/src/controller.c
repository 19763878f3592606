/* _core.Controller: the controller alone, for orchestrators that own their threads. */
#include "host.h"

static PyObject *controller_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"min_threads", "max_threads", "policy", "beta_threshold", "alpha", "hysteresis", "interval", NULL};
    core_settings settings = {.min_name = "min_threads", .max_name = "max_threads"};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|OO$OOOOO:Controller", names, &settings.min_threads, &settings.max_threads,
                                     &settings.policy, &settings.beta_threshold, &settings.alpha, &settings.hysteresis,
                                     &settings.interval)) {
        return NULL;
    }
    core_state *state = core_state_of(type);
    betapool_config config;
    betapool_config_init(&config);
    config.policy = BETAPOOL_PAPER;
    config.min_threads = 4;
    config.max_threads = 64;
    config.interval = 0.5;
    if (state == NULL || core_configure(&config, &settings) < 0 || gil_range(&config.lock, &config.lock_size) < 0) {
        return NULL;
    }
    controller_object *self = (controller_object *)type->tp_alloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->state = state;
    int code = betapool_controller_create(&config, &self->native);
    if (code < 0) {
        self->native = NULL;
        Py_DECREF(self);
        return core_raise(code);
    }
    if ((self->watch = watch_create(self->native, config.interval)) == NULL) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void controller_dealloc(controller_object *self) {
    PyTypeObject *type = Py_TYPE(self);
    if (self->watch != NULL) {
        PyObject *exception = PyErr_GetRaisedException();
        watch_free(self->watch);
        PyErr_SetRaisedException(exception);
    }
    betapool_controller_free(self->native);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *controller_report(controller_object *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"cpu_time", "wall_time", NULL};
    PyObject *cpu_object, *wall_object;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:report", names, &cpu_object, &wall_object)) {
        return NULL;
    }
    double cpu = core_seconds(cpu_object, "cpu_time");
    double wall = cpu < 0 ? -1 : core_seconds(wall_object, "wall_time");
    if (wall < 0) {
        return NULL;
    }
    int code = betapool_controller_report(self->native, cpu, wall);
    if (code == -EINVAL) {
        PyErr_Format(PyExc_ValueError, "cpu_time must be at most wall_time (%R s), not %R", wall_object, cpu_object);
        return NULL;
    }
    return code < 0 ? core_raise(code) : Py_NewRef(Py_None);
}

static PyObject *controller_tick(controller_object *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"queue_length", NULL};
    PyObject *length_object;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:tick", names, &length_object)) {
        return NULL;
    }
    static const char range[] = "an integer from 0 to 2**64 - 1";
    PyObject *index = PyNumber_Index(length_object);
    if (index == NULL) {
        PyErr_Format(PyExc_TypeError, "queue_length must be %s, not %R", range, length_object);
        return NULL;
    }
    unsigned long long length = PyLong_AsUnsignedLongLong(index);
    Py_DECREF(index);
    if (length == (unsigned long long)-1 && PyErr_Occurred()) {
        PyErr_Format(PyExc_ValueError, "queue_length must be %s, not %R", range, length_object);
        return NULL;
    }
    betapool_decision decision;
    int code;
    Py_BEGIN_ALLOW_THREADS /* else whatever it sees waits for the caller to let go of the GIL */
    code = betapool_controller_tick(self->native, betapool_wall_time(), length, &decision);
    Py_END_ALLOW_THREADS
    return code < 0 ? core_raise(code) : decision_create(self->state, &decision);
}

static PyObject *controller_task(controller_object *self, PyObject *Py_UNUSED(ignored)) {
    return stopwatch_create(self);
}

static int copy_decisions(void *controller, betapool_decision *decisions, size_t capacity) {
    return betapool_controller_get_decisions(controller, decisions, capacity);
}

static PyObject *controller_decisions(controller_object *self, PyObject *Py_UNUSED(ignored)) {
    return decision_list(self->state, copy_decisions, self->native);
}

static PyObject *controller_beta(controller_object *self, void *Py_UNUSED(closure)) {
    return PyFloat_FromDouble(betapool_controller_beta(self->native));
}

static PyObject *controller_threads(controller_object *self, void *Py_UNUSED(closure)) {
    int threads = betapool_controller_threads(self->native);
    return threads < 0 ? core_raise(threads) : PyLong_FromLong(threads);
}

static PyMethodDef controller_methods[] = {
    {"report", (PyCFunction)(void (*)(void))controller_report, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("report($self, /, cpu_time, wall_time)\n--\n\n"
               "Takes in one finished task: the seconds of CPU and of wall time it took.\n\n"
               "O(1) in time and space (paper, Theorem 1). A cpu_time above wall_time by no more than the clocks' own error\n"
               "(1 % + 20 us) counts as equal to it. From any thread. Raises ValueError, TypeError.")},
    {"tick", (PyCFunction)(void (*)(void))controller_tick, METH_VARARGS | METH_KEYWORDS,
     PyDoc_STR("tick($self, /, queue_length)\n--\n\n"
               "Ends an interval and decides; returns the Decision. Call it every `interval` seconds.\n\n"
               "queue_length: tasks that wait for a thread. From any thread. Raises ValueError, TypeError.")},
    {"task", (PyCFunction)controller_task, METH_NOARGS,
     PyDoc_STR("task($self)\n--\n\n"
               "A context manager that measures the block under it and reports it, whether it raises or not.\n\n"
               "Meanwhile the controller sees what the thread is doing: computing, waiting for the GIL, or for I/O. Costs two reads\n"
               "of the thread's CPU clock. The block must begin and end in the same thread; RuntimeError if not.")},
    {"decisions", (PyCFunction)controller_decisions, METH_NOARGS,
     PyDoc_STR("decisions($self)\n--\n\nThe newest decisions, oldest first; the last 256 are kept. From any thread.")},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef controller_getset[] = {
    {"beta", (getter)controller_beta, NULL,
     PyDoc_STR("The mean blocking ratio now in force: beta_ewma (paper, Algorithm 1); 0.5 at the start."), NULL},
    {"threads", (getter)controller_threads, NULL, PyDoc_STR("The thread count now in force."), NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot controller_slots[] = {
    {Py_tp_new, controller_new},
    {Py_tp_dealloc, controller_dealloc},
    {Py_tp_methods, controller_methods},
    {Py_tp_getset, controller_getset},
    {Py_tp_doc, PyDoc_STR("Controller(min_threads=4, max_threads=64, *, policy='paper', beta_threshold=0.3, alpha=0.2, hysteresis=3, "
                          "interval=0.5)\n--\n\nTurns the CPU and wall times of tasks into thread counts.")},
    {0, NULL},
};

PyType_Spec controller_spec = {
    .name = "betapool._core.Controller",
    .basicsize = sizeof(controller_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = controller_slots,
};
