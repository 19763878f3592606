/*
 * A future's insides, which concurrent.futures and asyncio read and write: the attributes of the standard library's class. Those that most
 * futures never have come into being when somebody asks.
 */
#include "future.h"
#include "object.h"

/* ---- Parts of their own ---- */

typedef PyObject *(*maker)(core_state *state);

static PyObject *make_condition(core_state *state) {
    return (PyObject *)condition_create(state);
}

static PyObject *make_list(core_state *Py_UNUSED(state)) {
    return PyList_New(0);
}

/* One of them: `place` is its offset in extra. A new reference, or NULL with an exception. */
static PyObject *part(future_object *self, size_t place, maker make) {
    PyObject *found = NULL, *made = NULL;
    extra *room = NULL;
    for (int attempt = 0; attempt < 2 && found == NULL; attempt++) {
        if (attempt == 1 && ((made = make(future_module_state(self))) == NULL || (room = PyMem_Calloc(1, sizeof *room)) == NULL)) {
            Py_XDECREF(made);
            return made == NULL ? NULL : PyErr_NoMemory();
        }
        COMES_AFTER(room);
        BEGIN_ATOMIC(self);
        if (self->extra == NULL) {
            __atomic_store_n(&self->extra, room, __ATOMIC_RELEASE); /* some look without the critical section */
            room = NULL;
        }
        if (self->extra != NULL) {
            PyObject **member = (PyObject **)((char *)self->extra + place);
            if (*member == NULL) {
                *member = Py_XNewRef(made);
            }
            found = Py_XNewRef(*member);
        }
        END_ATOMIC();
    }
    Py_XDECREF(made);
    PyMem_Free(room);
    object_show((PyObject *)self);
    return found;
}

static int set_part(future_object *self, size_t place, PyObject *value, maker make) {
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a future's own attributes cannot be deleted");
        return -1;
    }
    if (make == make_list && !PyList_Check(value)) {
        PyErr_Format(PyExc_TypeError, "a future's waiters and callbacks are lists, not %R", value);
        return -1;
    }
    PyObject *before = part(self, place, make);
    if (before == NULL) {
        return -1;
    }
    Py_DECREF(before);
    BEGIN_ATOMIC(self);
    PyObject **member = (PyObject **)((char *)self->extra + place);
    before = *member;
    *member = Py_NewRef(value);
    END_ATOMIC();
    Py_DECREF(before);
    return 0;
}

#define PART(name, make)                                                                                                                  \
    static PyObject *future_get_##name(future_object *self, void *Py_UNUSED(closure)) {                                                    \
        return part(self, offsetof(extra, name), make);                                                                                    \
    }                                                                                                                                      \
    static int future_set_##name(future_object *self, PyObject *value, void *Py_UNUSED(closure)) {                                         \
        return set_part(self, offsetof(extra, name), value, make);                                                                         \
    }

PART(condition, make_condition)
PART(waiters, make_list)
PART(callbacks, make_list)

PyObject *future_callbacks(future_object *self) {
    return part(self, offsetof(extra, callbacks), make_list);
}

/* ---- State and outcome ---- */

/* Puts the result, or the exception, in its place. Takes over the reference. */
static void put_value(future_object *self, PyObject *value, bool has_failed) {
    object_show((PyObject *)self);
    PyObject *before;
    BEGIN_ATOMIC(self);
    before = self->value;
    self->value = value;
    self->has_failed = has_failed;
    END_ATOMIC();
    Py_XDECREF(before);
}

static PyObject *future_get_state(future_object *self, void *Py_UNUSED(closure)) {
    return Py_NewRef(future_module_state(self)->future_states[future_state(self)]);
}

static int future_set_state(future_object *self, PyObject *value, void *Py_UNUSED(closure)) {
    core_state *state = future_module_state(self);
    for (unsigned i = 0; value != NULL && i < sizeof state->future_states / sizeof state->future_states[0]; i++) {
        int is_it = PyObject_RichCompareBool(value, state->future_states[i], Py_EQ);
        if (is_it < 0) {
            return -1;
        }
        if (is_it) {
            sleeper *sleepers = NULL;
            BEGIN_ATOMIC(self);
            if (future_is_done(i)) {
                sleepers = sleepers_take(&self->sleepers, true);
            }
            atomic_store_explicit(&self->state, i, memory_order_release);
            END_ATOMIC();
            sleepers_call(sleepers);
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "not a state of a future: %R", value == NULL ? Py_None : value);
    return -1;
}

static PyObject *future_get_result(future_object *self, void *Py_UNUSED(closure)) {
    return future_value_if(self, false);
}

static PyObject *future_get_exception(future_object *self, void *Py_UNUSED(closure)) {
    return future_value_if(self, true);
}

static int future_set_result(future_object *self, PyObject *value, void *Py_UNUSED(closure)) {
    if (value != NULL && value != Py_None) {
        put_value(self, Py_NewRef(value), false);
    } else if (!self->has_failed) {
        put_value(self, NULL, false);
    }
    return 0;
}

static int future_set_exception(future_object *self, PyObject *value, void *Py_UNUSED(closure)) {
    if (value != NULL && value != Py_None) {
        put_value(self, Py_NewRef(value), true);
    } else if (self->has_failed) {
        put_value(self, NULL, false);
    }
    return 0;
}

/* ---- All of them ---- */

static PyObject *future_get_dict(PyObject *self, void *closure) {
    object_show(self);
    return PyObject_GenericGetDict(self, closure);
}

static int future_set_dict(PyObject *self, PyObject *value, void *closure) {
    object_show(self);
    return PyObject_GenericSetDict(self, value, closure);
}

PyGetSetDef future_getset[] = {
    {"__dict__", future_get_dict, future_set_dict, NULL, NULL},
    {"_state", (getter)future_get_state, (setter)future_set_state, NULL, NULL},
    {"_result", (getter)future_get_result, (setter)future_set_result, NULL, NULL},
    {"_exception", (getter)future_get_exception, (setter)future_set_exception, NULL, NULL},
    {"_condition", (getter)future_get_condition, (setter)future_set_condition, NULL, NULL},
    {"_waiters", (getter)future_get_waiters, (setter)future_set_waiters, NULL, NULL},
    {"_done_callbacks", (getter)future_get_callbacks, (setter)future_set_callbacks, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};
