/* betapool._core.Survey: a native thread that looks at the threads of a process some times a second, and what it has seen. */
#include "survey.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int read_layout(layout *into, PyObject *offsets) {
#define GET(name)                                                                                                                         \
    {                                                                                                                                      \
        PyObject *value = PyDict_GetItemString(offsets, #name);                                                                            \
        into->name = value == NULL ? -1 : PyLong_AsLongLong(value);                                                                        \
        if (into->name == -1 && PyErr_Occurred()) {                                                                                        \
            return -1;                                                                                                                     \
        }                                                                                                                                  \
    }
    LAYOUT(GET)
#undef GET
    return 0;
}

static PyObject *survey_new(PyTypeObject *type, PyObject *args, PyObject *keywords) {
    static char *names[] = {"process", "memory", "rate", "visits", "samples", "roots", NULL};
    int process, samples = 0, roots = 0;
    PyObject *offsets;
    double rate = 50;
    unsigned visits = 8;
    unsigned long long runtime, gil;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "i(KKO!)|$dIpp", names, &process, &runtime, &gil, &PyDict_Type, &offsets, &rate,
                                     &visits, &samples, &roots)) {
        return NULL;
    }
    if (!(rate >= 0.1 && rate <= 10000) || visits == 0) {
        PyErr_SetString(PyExc_ValueError, "rate must be 0.1 to 10000 looks a second, and visits at least 1");
        return NULL;
    }
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/task", process);
    int tasks = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (tasks < 0) {
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    }
    survey_object *self = (survey_object *)type->tp_alloc(type, 0);
    if (self == NULL) {
        close(tasks);
        return NULL;
    }
    thread_prepare(&self->lock, &self->changed);
    self->owner = getpid();
    self->tasks = tasks;
    self->rate = rate;
    self->visits = visits;
    self->memory.process = process;
    self->memory.runtime = (uintptr_t)runtime;
    self->gil = (uintptr_t)gil;
    self->keeps_samples = samples;
    self->wants_roots = roots;
    self->keep_every = 1;
    self->random = (uint64_t)(betapool_wall_time() * 1e9) | 1;
    struct rlimit limit;
    rlim_t files = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 4096 ? limit.rlim_cur : 4096;
    self->most_files = (unsigned)files / 4;
    self->first_file = (unsigned)files / 2;
    self->samples = samples ? malloc(MOST_SAMPLES * sizeof *self->samples) : NULL; /* taken from the system as it fills */
    if (samples && self->samples == NULL) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    if (read_layout(&self->memory.layout, offsets) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static PyObject *survey_start(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    pthread_mutex_lock(&self->lock);
    int code = self->is_started ? EALREADY : 0;
    if (code == 0) {
        code = thread_start(&self->thread, survey_run, self);
        self->is_started = code == 0;
    }
    pthread_mutex_unlock(&self->lock);
    if (code != 0) {
        errno = code;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

/* In the child of a fork there is no thread, and nobody knows who had the lock. */
static bool is_own(const survey_object *self) {
    return self->owner == getpid();
}

static void end(survey_object *self) {
    if (!self->is_started || !is_own(self)) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    bool was_running = !self->is_ending;
    self->is_ending = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    if (was_running) {
        Py_BEGIN_ALLOW_THREADS
        pthread_join(self->thread, NULL);
        Py_END_ALLOW_THREADS
    }
}

static PyObject *survey_stop(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    end(self);
    Py_RETURN_NONE;
}

static void survey_dealloc(survey_object *self) {
    PyTypeObject *type = Py_TYPE(self);
    end(self);
    for (size_t i = 0; i < self->count; i++) {
        survey_close_probe(self, &self->records[i]);
    }
    close(self->tasks);
    free(self->records);
    free(self->living);
    free(self->samples);
    if (is_own(self)) {
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->lock);
    }
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *record_as_tuple(const record *record) {
    PyObject *seconds = PyTuple_New(SURVEY_STATES);
    for (Py_ssize_t i = 0; seconds != NULL && i < SURVEY_STATES; i++) {
        PyObject *value = PyFloat_FromDouble(record->seconds[i]);
        if (value == NULL) {
            Py_CLEAR(seconds);
        } else {
            PyTuple_SET_ITEM(seconds, i, value);
        }
    }
    PyObject *name = seconds == NULL ? NULL : PyUnicode_DecodeFSDefault(record->name);
    PyObject *root = name == NULL ? NULL : PyUnicode_DecodeFSDefault(record->root);
    if (root == NULL) {
        Py_XDECREF(name);
        Py_XDECREF(seconds);
        return NULL;
    }
    return Py_BuildValue("iNNOIddNddddd", (int)record->probe.thread, name, root, record->is_gone ? Py_False : Py_True, record->visits,
                         record->first, record->last, seconds, record->span, record->cpu, record->queued,
                         record->awake_for_gil, record->without_gil);
}

static PyObject *survey_threads(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    PyObject *list = PyList_New(0);
    if (list == NULL || !is_own(self)) {
        return list;
    }
    pthread_mutex_lock(&self->lock);
    size_t count = self->count;
    record *copy = malloc((count + 1) * sizeof *copy);
    if (copy != NULL && count > 0) {
        memcpy(copy, self->records, count * sizeof *copy);
    }
    pthread_mutex_unlock(&self->lock);
    if (copy == NULL) {
        Py_DECREF(list);
        return PyErr_NoMemory();
    }
    for (size_t i = 0; list != NULL && i < count; i++) {
        PyObject *one = record_as_tuple(&copy[i]);
        if (one == NULL || PyList_Append(list, one) < 0) {
            Py_CLEAR(list);
        }
        Py_XDECREF(one);
    }
    free(copy);
    return list;
}

static PyObject *survey_samples(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    if (!is_own(self)) {
        return PyBytes_FromString("");
    }
    pthread_mutex_lock(&self->lock);
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)self->samples, (Py_ssize_t)(self->sample_count * sizeof *self->samples));
    pthread_mutex_unlock(&self->lock);
    return bytes;
}

static PyObject *survey_totals(survey_object *self, PyObject *Py_UNUSED(ignored)) {
    bool own = is_own(self);
    if (own) {
        pthread_mutex_lock(&self->lock);
    }
    double began = self->began, seconds = self->seconds, seen = self->gil_seen, held = self->gil_held, cost = self->cost;
    unsigned long looks = self->looks;
    bool is_over = self->is_over;
    if (own) {
        pthread_mutex_unlock(&self->lock);
    }
    return Py_BuildValue("{s:d,s:d,s:d,s:d,s:d,s:k,s:O}", "began", began, "seconds", seconds, "gil_seen", seen, "gil_held", held, "cost",
                         cost, "looks", looks, "is_over", is_over ? Py_True : Py_False);
}

static PyMethodDef survey_methods[] = {
    {"start", (PyCFunction)survey_start, METH_NOARGS, PyDoc_STR("start()\n--\n\nBegins to look. Once.")},
    {"stop", (PyCFunction)survey_stop, METH_NOARGS, PyDoc_STR("stop()\n--\n\nLooks no more; what was seen stays.")},
    {"threads", (PyCFunction)survey_threads, METH_NOARGS,
     PyDoc_STR("threads()\n--\n\nEvery thread seen, as betapool._profile.records.ThreadRecord has it.")},
    {"samples", (PyCFunction)survey_samples, METH_NOARGS,
     PyDoc_STR("samples()\n--\n\nVisits in order: structs 'ffII' of time, weight, index of the thread, state.")},
    {"totals", (PyCFunction)survey_totals, METH_NOARGS, PyDoc_STR("totals()\n--\n\nWhat there is but once: times and the GIL.")},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot survey_slots[] = {
    {Py_tp_doc, (void *)PyDoc_STR("Samples what the threads of a process are doing, from a native thread.")},
    {Py_tp_new, survey_new},
    {Py_tp_dealloc, survey_dealloc},
    {Py_tp_methods, survey_methods},
    {0, NULL},
};

PyType_Spec survey_spec = {
    .name = "betapool._core.Survey",
    .basicsize = sizeof(survey_object),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = survey_slots,
};
