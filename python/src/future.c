/*
 * A concurrent.futures.Future that is its own work item. Its condition, its list of waiters and its list of callbacks come into being when
 * somebody asks for them. Once there is a condition, the state changes under it, as everybody who looks inside a future relies on.
 *
 * The collector does not see a future that can be no part of garbage: while its call is queued, and when its result is a number or a string
 * and nobody has put anything else into it. Many thousand futures then cost no collection anything.
 *
 * What is between BEGIN_ATOMIC and END_ATOMIC is one step to other threads: under the GIL because it calls no Python code, on free-threaded
 * builds because it is a critical section.
 */
#include "core.h"

#include <stddef.h>

/* In the order of core_state.future_states. */
enum { PENDING, RUNNING, CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED };

/* What most futures never have. */
typedef struct extra {
    PyObject *condition; /* a condition_object, or what somebody has put in its place */
    PyObject *waiters;   /* a list, of concurrent.futures.wait and as_completed */
    PyObject *callbacks; /* a list */
} extra;

struct future_object {
    PyObject_HEAD
    /* The call, until it begins. */
    PyObject *function;
    PyObject *args;  /* a tuple: the positional ones, then those by name; or NULL */
    PyObject *names; /* a tuple, or NULL */
    PyObject *value; /* the result or the exception */
    extra *extra;
    sleeper *sleepers;
    atomic_uchar state;
    bool has_failed; /* value is an exception */
    uint16_t queued_high; /* when it was queued, where there is room for it: see future_set_queued */
    uint32_t queued_low;
};

static unsigned state_of(future_object *self) {
    return atomic_load_explicit(&self->state, memory_order_acquire);
}

static bool is_done(unsigned state) {
    return state >= CANCELLED;
}

static void future_dealloc(future_object *self);

static core_state *state_of_module(future_object *self) {
    PyTypeObject *type = Py_TYPE(self);
    while (type->tp_dealloc != (destructor)future_dealloc) {
        type = type->tp_base;
    }
    return PyType_GetModuleState(type);
}

/* ---- Threads that wait ---- */

/* Waits until the future is done, or the deadline. -1 with an exception; running out of time is none. */
static int wait_until_done(future_object *self, double deadline) {
    sleeper own;
    if (sleeper_init(&own) < 0) {
        return -1;
    }
    bool must_wait;
    BEGIN_ATOMIC(self);
    must_wait = !is_done(state_of(self));
    if (must_wait) {
        sleepers_add(&self->sleepers, &own);
    }
    END_ATOMIC();
    int called = must_wait ? sleeper_wait(&own, deadline) : 1;
    if (called <= 0) {
        bool was_called;
        BEGIN_ATOMIC(self);
        was_called = !sleepers_remove(&self->sleepers, &own);
        END_ATOMIC();
        if (was_called) {
            sleeper_wait_for_call(&own); /* it comes at once */
        }
    }
    sleeper_destroy(&own);
    return called < 0 ? -1 : 0;
}

/* ---- The parts that come into being when somebody asks ---- */

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
        if (attempt == 1 && ((made = make(state_of_module(self))) == NULL || (room = PyMem_Calloc(1, sizeof *room)) == NULL)) {
            Py_XDECREF(made);
            return made == NULL ? NULL : PyErr_NoMemory();
        }
        BEGIN_ATOMIC(self);
        if (self->extra == NULL) {
            self->extra = room;
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

/* ---- Changes of state ---- */

typedef struct change {
    unsigned from;   /* the states that it is made from: a bit for each */
    unsigned to;     /* the state after it */
    PyObject *value; /* put in its place, if it is not NULL */
    bool has_failed;
    PyObject *told; /* the method of waiters that is called, or NULL */
    bool notifies;  /* those who wait on the condition */
} change;

/* Tells those who wait for one of many futures, and those who wait on the condition. The condition is held. */
static int tell(future_object *self, const change *change, condition_object *condition) {
    PyObject *waiters;
    BEGIN_ATOMIC(self);
    waiters = Py_XNewRef(self->extra->waiters);
    END_ATOMIC();
    int code = 0;
    for (Py_ssize_t i = 0; waiters != NULL && change->told != NULL && code == 0 && i < PyList_GET_SIZE(waiters); i++) {
        PyObject *waiter = PyList_GetItemRef(waiters, i);
        PyObject *done = waiter == NULL ? NULL : PyObject_CallMethodOneArg(waiter, change->told, (PyObject *)self);
        code = done == NULL ? -1 : 0;
        Py_XDECREF(waiter);
        Py_XDECREF(done);
    }
    Py_XDECREF(waiters);
    return code == 0 && change->notifies ? condition_notify_all(condition) : code;
}

/*
 * Makes a change, under the condition if there is one. 1: it was made; 0: not from the state that the future is in, which goes to `before`;
 * -1 with an exception; BY_THE_BOOK: somebody has put a condition of his own in its place, and the standard library's method must do it.
 */
enum { BY_THE_BOOK = 2 };

static int make_change(future_object *self, core_state *state, const change *change, unsigned *before) {
    PyObject *held = NULL;
    for (;;) {
        PyObject *condition, *value = NULL;
        sleeper *sleepers = NULL;
        bool is_right, is_made = false;
        BEGIN_ATOMIC(self);
        condition = self->extra == NULL ? NULL : self->extra->condition;
        is_right = condition == held;
        if (is_right) {
            *before = state_of(self);
            is_made = (change->from >> *before) & 1;
        } else {
            Py_XINCREF(condition);
        }
        if (is_made) {
            if (change->value != NULL) {
                value = self->value;
                self->value = new_crossing_ref(change->value);
                self->has_failed = change->has_failed;
            }
            if (is_done(change->to)) {
                sleepers = sleepers_take(&self->sleepers, true);
            }
            atomic_store_explicit(&self->state, change->to, memory_order_release);
        }
        END_ATOMIC();
        Py_XDECREF(value);
        if (is_right) {
            int code = is_made && held != NULL ? tell(self, change, (condition_object *)held) : 0;
            sleepers_call(sleepers);
            if (held != NULL) {
                condition_release((condition_object *)held);
                Py_DECREF(held);
            }
            return code < 0 ? -1 : is_made;
        }
        if (held != NULL) {
            condition_release((condition_object *)held);
            Py_DECREF(held);
        }
        if (condition == NULL || Py_TYPE(condition) != state->own_condition_type) {
            Py_XDECREF(condition);
            return BY_THE_BOOK;
        }
        if (condition_acquire((condition_object *)condition, FOREVER) < 0) {
            Py_DECREF(condition);
            return -1;
        }
        held = condition;
    }
}

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

/* Calls one of those given to add_done_callback. -1 with an exception that was none of Exception; the others are logged. */
static int call_back(future_object *self, core_state *state, PyObject *callback) {
    if (delivery_send(state, self, callback)) {
        return 0;
    }
    PyObject *done = PyObject_CallOneArg(callback, (PyObject *)self);
    if (done == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyObject *exception = PyErr_GetRaisedException();
        done = PyObject_CallFunctionObjArgs(state->callback_failed, (PyObject *)self, exception, NULL);
        Py_DECREF(exception);
    }
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Calls all of them. None is added to the list of a future that is done. */
static int call_all_back(future_object *self, core_state *state) {
    PyObject *callbacks;
    BEGIN_ATOMIC(self);
    callbacks = self->extra == NULL ? NULL : Py_XNewRef(self->extra->callbacks);
    END_ATOMIC();
    int code = 0;
    for (Py_ssize_t i = 0; callbacks != NULL && code == 0 && i < PyList_GET_SIZE(callbacks); i++) {
        PyObject *callback = PyList_GetItemRef(callbacks, i);
        code = callback == NULL ? -1 : call_back(self, state, callback);
        Py_XDECREF(callback);
    }
    Py_XDECREF(callbacks);
    return code;
}

int future_begin(future_object *self, core_state *state) {
    unsigned before;
    int made = make_change(self, state, &(change){.from = 1 << PENDING, .to = RUNNING}, &before);
    if (made == 0 && before == CANCELLED) {
        change notified = {.from = 1 << CANCELLED, .to = CANCELLED_AND_NOTIFIED, .told = state->add_cancelled};
        made = make_change(self, state, &notified, &before);
        if (made == 1) {
            return 0;
        }
    }
    if (made == 1 || made < 0) {
        return made;
    }
    PyObject *answer = PyObject_CallMethodNoArgs((PyObject *)self, state->set_running_or_notify_cancel);
    int code = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return code;
}

int future_finish(future_object *self, core_state *state, PyObject *value, bool has_failed) {
    unsigned before;
    change finished = {
        .from = 1 << PENDING | 1 << RUNNING,
        .to = FINISHED,
        .value = let_cross(value),
        .has_failed = has_failed,
        .told = has_failed ? state->add_exception : state->add_result,
        .notifies = true,
    };
    int made = make_change(self, state, &finished, &before);
    int code = made < 0 ? -1 : 0;
    if (made == 1) {
        code = call_all_back(self, state);
    } else if (code == 0) {
        PyObject *done = PyObject_CallMethodOneArg((PyObject *)self, has_failed ? state->set_exception : state->set_result, value);
        code = done == NULL ? -1 : 0;
        Py_XDECREF(done);
    }
    Py_DECREF(value);
    return code;
}

static PyObject *future_cancel(future_object *self, PyObject *Py_UNUSED(ignored)) {
    unsigned before = state_of(self);
    if (before == FINISHED) {
        return Py_NewRef(Py_False);
    }
    core_state *state = state_of_module(self);
    int made = make_change(self, state, &(change){.from = 1 << PENDING, .to = CANCELLED, .notifies = true}, &before);
    switch (made) {
    case 1:
        return call_all_back(self, state) < 0 ? NULL : Py_NewRef(Py_True);
    case 0:
        return PyBool_FromLong(before == CANCELLED || before == CANCELLED_AND_NOTIFIED);
    case BY_THE_BOOK:
        return PyObject_CallOneArg(state->standard_cancel, (PyObject *)self);
    default:
        return NULL;
    }
}

/* In the child of a fork: whoever waited for the future, or held its condition, does not exist here. */
static PyObject *future_disown(future_object *self, PyObject *Py_UNUSED(ignored)) {
    self->sleepers = NULL;
    if (self->extra != NULL) {
        Py_CLEAR(self->extra->condition);
        Py_CLEAR(self->extra->waiters);
        Py_CLEAR(self->extra->callbacks);
    }
    unsigned now = state_of(self);
    if (now == PENDING || now == CANCELLED) {
        atomic_store(&self->state, CANCELLED_AND_NOTIFIED);
    }
    Py_RETURN_NONE;
}

/* ---- Asking ---- */

static PyObject *future_cancelled(future_object *self, PyObject *Py_UNUSED(ignored)) {
    unsigned now = state_of(self);
    return PyBool_FromLong(now == CANCELLED || now == CANCELLED_AND_NOTIFIED);
}

static PyObject *future_running(future_object *self, PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(state_of(self) == RUNNING);
}

static PyObject *future_done(future_object *self, PyObject *Py_UNUSED(ignored)) {
    return PyBool_FromLong(is_done(state_of(self)));
}

/* The one argument that a method may have, by place or by name; borrowed. NULL if there is none, or with an exception. */
static PyObject *only_argument(const char *method, const char *name, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (count + named > 1 || (named == 1 && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), name) != 0)) {
        PyErr_Format(PyExc_TypeError, "%s() takes one argument, %s", method, name);
        return NULL;
    }
    return count + named == 1 ? args[0] : NULL;
}

/* The argument of result() and exception(), in seconds; -1 if there is none, -2 with an exception. */
static double timeout_of(const char *method, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    PyObject *argument = only_argument(method, "timeout", args, count, names);
    if (argument == NULL || argument == Py_None) {
        return argument == NULL && PyErr_Occurred() ? -2 : -1;
    }
    double timeout = PyFloat_AsDouble(argument);
    if (timeout == -1 && PyErr_Occurred()) {
        return -2;
    }
    if (timeout != timeout) {
        PyErr_SetString(PyExc_ValueError, "Invalid value NaN (not a number)");
        return -2;
    }
    if (timeout > (double)(PY_TIMEOUT_MAX / 1000000)) {
        PyErr_SetString(PyExc_OverflowError, "timeout value is too large");
        return -2;
    }
    return timeout > 0 ? timeout : 0;
}

/* Waits for the outcome. 0, or -1 with an exception: CancelledError, TimeoutError or what a signal's handler raised. */
static int await(future_object *self, double timeout) {
    if (timeout == -2) {
        return -1;
    }
    unsigned now = state_of(self);
    if (!is_done(now) && timeout != 0) {
        if (wait_until_done(self, timeout < 0 ? FOREVER : betapool_wall_time() + timeout) < 0) {
            return -1;
        }
        now = state_of(self);
    }
    if (now == FINISHED) {
        return 0;
    }
    core_state *state = state_of_module(self);
    PyErr_SetNone(is_done(now) ? state->cancelled_error : state->timeout_error);
    return -1;
}

/* The value, if it is what is asked for, or None. */
static PyObject *value_if(future_object *self, bool has_failed) {
    PyObject *value;
    BEGIN_ATOMIC(self);
    value = Py_NewRef(self->value != NULL && self->has_failed == has_failed ? self->value : Py_None);
    END_ATOMIC();
    return value;
}

PyObject *future_value(future_object *self) {
    PyObject *value;
    BEGIN_ATOMIC(self);
    value = state_of(self) == FINISHED && !self->has_failed ? Py_XNewRef(self->value) : NULL;
    END_ATOMIC();
    return value;
}

static PyObject *future_result(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (await(self, timeout_of("result", args, count, names)) < 0) {
        return NULL;
    }
    if (!self->has_failed) {
        return value_if(self, false);
    }
    PyObject *exception = value_if(self, true);
    if (exception == Py_None) {
        return exception; /* somebody has taken it away */
    }
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
    return NULL;
}

static PyObject *future_exception(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return await(self, timeout_of("exception", args, count, names)) < 0 ? NULL : value_if(self, true);
}

static PyObject *future_add_done_callback(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    PyObject *callback = only_argument("add_done_callback", "fn", args, count, names);
    PyObject *callbacks = callback == NULL ? NULL : part(self, offsetof(extra, callbacks), make_list);
    if (callbacks == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "add_done_callback() missing 1 required argument: 'fn'");
        }
        return NULL;
    }
    bool is_late;
    int code = 0;
    BEGIN_ATOMIC(self);
    is_late = is_done(state_of(self));
    if (!is_late) {
        code = PyList_Append(callbacks, callback);
    }
    END_ATOMIC();
    Py_DECREF(callbacks);
    if (is_late) {
        code = call_back(self, state_of_module(self), callback);
    }
    return code < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- What others read and write: the attributes of the standard library's class ---- */

static PyObject *future_get_state(future_object *self, void *Py_UNUSED(closure)) {
    return Py_NewRef(state_of_module(self)->future_states[state_of(self)]);
}

static int future_set_state(future_object *self, PyObject *value, void *Py_UNUSED(closure)) {
    core_state *state = state_of_module(self);
    for (unsigned i = 0; value != NULL && i < sizeof state->future_states / sizeof state->future_states[0]; i++) {
        int is_it = PyObject_RichCompareBool(value, state->future_states[i], Py_EQ);
        if (is_it < 0) {
            return -1;
        }
        if (is_it) {
            sleeper *sleepers = NULL;
            BEGIN_ATOMIC(self);
            if (is_done(i)) {
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
    return value_if(self, false);
}

static PyObject *future_get_exception(future_object *self, void *Py_UNUSED(closure)) {
    return value_if(self, true);
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

/* ---- Making, finding, ending ---- */

future_object *future_create(core_state *state, PyObject *function, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    Py_ssize_t total = count + (names == NULL ? 0 : PyTuple_GET_SIZE(names));
    PyObject *tuple = NULL;
    if (total > 0) {
        if ((tuple = PyTuple_New(total)) == NULL) {
            return NULL;
        }
        for (Py_ssize_t i = 0; i < total; i++) {
            PyTuple_SET_ITEM(tuple, i, new_crossing_ref(args[i]));
        }
    }
    PyTypeObject *type = state->future_class;
    future_object *self = (future_object *)type->tp_alloc(type, 0);
    if (self == NULL) {
        Py_XDECREF(tuple);
        return NULL;
    }
    self->function = new_crossing_ref(function);
    self->args = tuple == NULL ? NULL : let_cross(tuple);
    self->names = names == NULL ? NULL : new_crossing_ref(names);
    return self;
}

void future_take_call(future_object *self, call *call) {
    call->function = self->function;
    call->args = self->args;
    call->names = self->names;
    self->function = self->args = self->names = NULL;
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

/* ---- The collector ---- */

void future_show_if_needed(future_object *self) {
    if (self->value == NULL || PyObject_IS_GC(self->value)) {
        object_show((PyObject *)self);
    }
}

static int future_setattro(PyObject *self, PyObject *name, PyObject *value) {
    object_show(self);
    return PyObject_GenericSetAttr(self, name, value);
}

static PyObject *future_get_dict(PyObject *self, void *closure) {
    object_show(self);
    return PyObject_GenericGetDict(self, closure);
}

static int future_set_dict(PyObject *self, PyObject *value, void *closure) {
    object_show(self);
    return PyObject_GenericSetDict(self, value, closure);
}

static int future_traverse(future_object *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->function);
    Py_VISIT(self->args);
    Py_VISIT(self->value);
    if (self->extra != NULL) {
        Py_VISIT(self->extra->condition);
        Py_VISIT(self->extra->waiters);
        Py_VISIT(self->extra->callbacks);
    }
    return 0;
}

static int future_clear(future_object *self) {
    Py_CLEAR(self->function);
    Py_CLEAR(self->args);
    Py_CLEAR(self->names);
    Py_CLEAR(self->value);
    if (self->extra != NULL) {
        Py_CLEAR(self->extra->condition);
        Py_CLEAR(self->extra->waiters);
        Py_CLEAR(self->extra->callbacks);
    }
    return 0;
}

static void future_dealloc(future_object *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    future_clear(self);
    PyMem_Free(self->extra);
    type->tp_free(self);
    Py_DECREF(type);
}

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

static PyGetSetDef future_getset[] = {
    {"__dict__", future_get_dict, future_set_dict, NULL, NULL},
    {"_state", (getter)future_get_state, (setter)future_set_state, NULL, NULL},
    {"_result", (getter)future_get_result, (setter)future_set_result, NULL, NULL},
    {"_exception", (getter)future_get_exception, (setter)future_set_exception, NULL, NULL},
    {"_condition", (getter)future_get_condition, (setter)future_set_condition, NULL, NULL},
    {"_waiters", (getter)future_get_waiters, (setter)future_set_waiters, NULL, NULL},
    {"_done_callbacks", (getter)future_get_callbacks, (setter)future_set_callbacks, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot future_slots[] = {
    {Py_tp_dealloc, future_dealloc}, {Py_tp_traverse, future_traverse}, {Py_tp_clear, future_clear}, {Py_tp_setattro, future_setattro},
    {Py_tp_methods, future_methods}, {Py_tp_getset, future_getset},     {0, NULL},
};

PyType_Spec future_spec = {
    .name = "betapool._core.FutureBase",
    .basicsize = sizeof(future_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = future_slots,
};

PyTypeObject *future_class_create(PyTypeObject *base, PyObject *standard) {
    /* Without the last one the class would have a __dict__ that does not show the future to the collector. */
    PyObject *dict = PyObject_GetAttrString((PyObject *)base, "__dict__");
    PyObject *show = dict == NULL ? NULL : PyMapping_GetItemString(dict, "__dict__");
    PyObject *made = NULL;
    if (show != NULL) {
        made = PyObject_CallFunction((PyObject *)&PyType_Type, "s(OO){s():sssssO}", "Future", base, standard, "__slots__", "__module__",
                                     "betapool._core", "__doc__", "The outcome of a call, as it will be.", "__dict__", show);
    }
    Py_XDECREF(dict);
    Py_XDECREF(show);
    return (PyTypeObject *)made;
}
