/*
 * The condition of a future: a reentrant lock as long as nobody waits on it, and nobody does but in wait(), which most futures never see.
 * A threading.Condition around this lock comes into being then. As small and quick to make as it is, concurrent.futures.wait can have one
 * for each of many thousand futures.
 */
#include "object.h"

struct condition_object {
    PyObject_HEAD
    unsigned long owner; /* the thread that has it; 0: nobody */
    unsigned depth;
    sleeper *sleepers; /* threads that want it */
    PyObject *inner;   /* the threading.Condition, or NULL */
};

static core_state *state_of(condition_object *self) {
    return PyType_GetModuleState(Py_TYPE(self));
}

/* ---- The lock ---- */

/* Takes it if it is free, or the caller's already; else has the caller called when it may be. */
static bool take_or_queue(condition_object *self, unsigned long me, sleeper *own) {
    bool is_taken;
    BEGIN_ATOMIC(self);
    is_taken = self->owner == 0 || self->owner == me;
    if (is_taken) {
        self->owner = me;
        self->depth++;
    } else if (own != NULL) {
        sleepers_add(&self->sleepers, own);
    }
    END_ATOMIC();
    return is_taken;
}

/* Calls one of those that want the lock. */
static void call_next(condition_object *self) {
    sleeper *next = NULL;
    BEGIN_ATOMIC(self);
    if (self->owner == 0) {
        next = sleepers_take(&self->sleepers, false);
    }
    END_ATOMIC();
    sleepers_call(next);
}

int condition_acquire(condition_object *self, double deadline) {
    unsigned long me = PyThread_get_thread_ident();
    if (take_or_queue(self, me, NULL)) {
        return 1;
    }
    int outcome = 0;
    while (outcome == 0 && deadline > 0) {
        sleeper own;
        if (sleeper_init(&own) < 0) {
            return -1;
        }
        if (take_or_queue(self, me, &own)) {
            outcome = 1;
        } else {
            int called = sleeper_wait(&own, deadline);
            if (called <= 0) {
                bool was_called;
                BEGIN_ATOMIC(self);
                was_called = !sleepers_remove(&self->sleepers, &own);
                END_ATOMIC();
                if (was_called) { /* at the same moment: the call is another's now */
                    sleeper_wait_for_call(&own);
                    call_next(self);
                }
                outcome = called;
                deadline = 0;
            }
        }
        sleeper_destroy(&own);
    }
    return outcome;
}

/* Lets go `depth` times. */
static int release(condition_object *self, unsigned depth) {
    bool is_own;
    sleeper *next = NULL;
    BEGIN_ATOMIC(self);
    is_own = self->owner == PyThread_get_thread_ident() && self->depth >= depth;
    if (is_own && (self->depth -= depth) == 0) {
        self->owner = 0;
        next = sleepers_take(&self->sleepers, false);
    }
    END_ATOMIC();
    sleepers_call(next);
    if (!is_own) {
        PyErr_SetString(PyExc_RuntimeError, "cannot release un-acquired lock");
        return -1;
    }
    return 0;
}

void condition_release(condition_object *self) {
    release(self, 1);
}

static PyObject *condition_method_acquire(condition_object *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"blocking", "timeout", NULL};
    int blocking = 1;
    double timeout = -1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|pd:acquire", names, &blocking, &timeout)) {
        return NULL;
    }
    if (!blocking && timeout != -1) {
        PyErr_SetString(PyExc_ValueError, "can't specify a timeout for a non-blocking call");
        return NULL;
    }
    if (timeout < 0 && timeout != -1) {
        PyErr_SetString(PyExc_ValueError, "timeout value must be a non-negative number");
        return NULL;
    }
    int taken = condition_acquire(self, !blocking ? 0 : timeout < 0 ? FOREVER : betapool_wall_time() + timeout);
    return taken < 0 ? NULL : PyBool_FromLong(taken);
}

static PyObject *condition_enter(condition_object *self, PyObject *Py_UNUSED(ignored)) {
    return condition_acquire(self, FOREVER) < 0 ? NULL : Py_NewRef(Py_True);
}

static PyObject *condition_method_release(condition_object *self, PyObject *Py_UNUSED(ignored)) {
    return release(self, 1) < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *condition_exit(condition_object *self, PyObject *const *Py_UNUSED(args), Py_ssize_t Py_UNUSED(count)) {
    return release(self, 1) < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- What threading.Condition asks of its lock ---- */

static PyObject *condition_is_owned(condition_object *self, PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(self->owner == PyThread_get_thread_ident());
}

static PyObject *condition_release_save(condition_object *self, PyObject *Py_UNUSED(ignored)) {
    unsigned depth = self->depth;
    return release(self, depth == 0 ? 1 : depth) < 0 ? NULL : PyLong_FromUnsignedLong(depth);
}

static PyObject *condition_acquire_restore(condition_object *self, PyObject *depth_object) {
    unsigned long depth = PyLong_AsUnsignedLong(depth_object);
    if (PyErr_Occurred() || condition_acquire(self, FOREVER) < 0) {
        return NULL;
    }
    self->depth = (unsigned)depth;
    Py_RETURN_NONE;
}

/* ---- Waiting and notifying ---- */

/* The threading.Condition: a new reference, or NULL with an exception. The caller has the lock, or will be told by it that it has not. */
static PyObject *inner(condition_object *self) {
    PyObject *found = NULL, *made = NULL;
    for (int attempt = 0; attempt < 2 && found == NULL; attempt++) {
        if (attempt == 1 && (made = PyObject_CallOneArg(state_of(self)->condition_type, (PyObject *)self)) == NULL) {
            return NULL;
        }
        BEGIN_ATOMIC(self);
        if (self->inner == NULL && made != NULL) {
            self->inner = Py_NewRef(made);
        }
        found = Py_XNewRef(self->inner);
        END_ATOMIC();
    }
    Py_XDECREF(made);
    object_show((PyObject *)self); /* they refer to each other */
    return found;
}

static PyObject *call_inner(condition_object *self, const char *name, PyObject *args, PyObject *kwargs) {
    PyObject *condition = inner(self);
    PyObject *method = condition == NULL ? NULL : PyObject_GetAttrString(condition, name);
    PyObject *answer = method == NULL ? NULL : PyObject_Call(method, args, kwargs);
    Py_XDECREF(method);
    Py_XDECREF(condition);
    return answer;
}

#define BY_INNER(name)                                                                                                                    \
    static PyObject *condition_method_##name(condition_object *self, PyObject *args, PyObject *kwargs) {                                   \
        return call_inner(self, #name, args, kwargs);                                                                                      \
    }

BY_INNER(wait)
BY_INNER(wait_for)
BY_INNER(notify)
BY_INNER(notify_all)

int condition_notify_all(condition_object *self) {
    PyObject *condition;
    BEGIN_ATOMIC(self);
    condition = Py_XNewRef(self->inner);
    END_ATOMIC();
    if (condition == NULL) {
        return 0; /* nobody has ever waited */
    }
    PyObject *done = PyObject_CallMethodNoArgs(condition, state_of(self)->notify_all);
    Py_DECREF(condition);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* ---- Making and ending ---- */

condition_object *condition_create(core_state *state) {
    condition_object *self = (condition_object *)object_create(state->own_condition_type);
    if (self != NULL) {
        object_hide((PyObject *)self);
    }
    return self;
}

static int condition_traverse(condition_object *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->inner);
    return 0;
}

static int condition_clear(condition_object *self) {
    Py_CLEAR(self->inner);
    return 0;
}

static void condition_dealloc(condition_object *self) {
    object_end((PyObject *)self);
    Py_CLEAR(self->inner);
    object_free((PyObject *)self);
}

#define KEYWORDS(function) (PyCFunction)(void (*)(void))function, METH_VARARGS | METH_KEYWORDS

static PyMethodDef condition_methods[] = {
    {"acquire", KEYWORDS(condition_method_acquire), NULL},
    {"release", (PyCFunction)condition_method_release, METH_NOARGS, NULL},
    {"__enter__", (PyCFunction)condition_enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))condition_exit, METH_FASTCALL, NULL},
    {"wait", KEYWORDS(condition_method_wait), NULL},
    {"wait_for", KEYWORDS(condition_method_wait_for), NULL},
    {"notify", KEYWORDS(condition_method_notify), NULL},
    {"notify_all", KEYWORDS(condition_method_notify_all), NULL},
    {"_is_owned", (PyCFunction)condition_is_owned, METH_NOARGS, NULL},
    {"_release_save", (PyCFunction)condition_release_save, METH_NOARGS, NULL},
    {"_acquire_restore", (PyCFunction)condition_acquire_restore, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot condition_slots[] = {
    {Py_tp_dealloc, condition_dealloc}, {Py_tp_traverse, condition_traverse}, {Py_tp_clear, condition_clear},
    {Py_tp_methods, condition_methods}, {Py_tp_doc, PyDoc_STR("The condition of a future: as threading.Condition().")},
    {0, NULL},
};

PyType_Spec condition_spec = {
    .name = "betapool._core.Condition",
    .basicsize = sizeof(condition_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = condition_slots,
};
