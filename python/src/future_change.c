/* What becomes of a future: it begins, ends, or is cancelled, and whoever waits for that is told. */
#include "future.h"
#include "object.h"

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

APART static int make_change(future_object *self, core_state *state, const change *change, unsigned *before) {
    PyObject *held = NULL;
    for (;;) {
        PyObject *condition, *value = NULL;
        sleeper *sleepers = NULL;
        bool is_right, is_made = false;
        BEGIN_ATOMIC(self);
        condition = self->extra == NULL ? NULL : self->extra->condition;
        is_right = condition == held;
        if (is_right) {
            *before = future_state(self);
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
            if (future_is_done(change->to)) {
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
APART static int call_all_back(future_object *self, core_state *state) {
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

/* The short way for most futures, whose insides nobody has looked at: there is no condition, and nobody to be told but who sleeps. */
static bool begin_alone(future_object *self) {
    bool is_made;
    BEGIN_ATOMIC(self);
    is_made = self->extra == NULL && future_state(self) == PENDING;
    if (is_made) {
        atomic_store_explicit(&self->state, RUNNING, memory_order_release);
    }
    END_ATOMIC();
    return is_made;
}

/* Takes over `value` if it is made. */
static bool finish_alone(future_object *self, PyObject *value, bool has_failed) {
    sleeper *sleepers = NULL;
    bool is_made;
    BEGIN_ATOMIC(self);
    is_made = self->extra == NULL && self->value == NULL && future_state(self) == RUNNING;
    if (is_made) {
        self->value = value;
        self->has_failed = has_failed;
        sleepers = sleepers_take(&self->sleepers, true);
        atomic_store_explicit(&self->state, FINISHED, memory_order_release);
    }
    END_ATOMIC();
    sleepers_call(sleepers);
    return is_made;
}

int future_begin(future_object *self, core_state *state) {
    if (begin_alone(self)) {
        return 1;
    }
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
    value = let_cross(value);
    if (finish_alone(self, value, has_failed)) {
        return 0;
    }
    unsigned before;
    change finished = {
        .from = 1 << PENDING | 1 << RUNNING,
        .to = FINISHED,
        .value = value,
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

PyObject *future_cancel(future_object *self, PyObject *Py_UNUSED(ignored)) {
    unsigned before = future_state(self);
    if (before == FINISHED) {
        return Py_NewRef(Py_False);
    }
    core_state *state = future_module_state(self);
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
PyObject *future_disown(future_object *self, PyObject *Py_UNUSED(ignored)) {
    self->sleepers = NULL;
    if (self->extra != NULL) {
        Py_CLEAR(self->extra->condition);
        Py_CLEAR(self->extra->waiters);
        Py_CLEAR(self->extra->callbacks);
    }
    unsigned now = future_state(self);
    if (now == PENDING || now == CANCELLED) {
        atomic_store(&self->state, CANCELLED_AND_NOTIFIED);
    }
    Py_RETURN_NONE;
}

PyObject *future_add_done_callback(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    PyObject *callback = future_only_argument("add_done_callback", "fn", args, count, names);
    PyObject *callbacks = callback == NULL ? NULL : future_callbacks(self);
    if (callbacks == NULL) {
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_TypeError, "add_done_callback() missing 1 required argument: 'fn'");
        }
        return NULL;
    }
    bool is_late;
    int code = 0;
    BEGIN_ATOMIC(self);
    is_late = future_is_done(future_state(self));
    if (!is_late) {
        code = PyList_Append(callbacks, callback);
    }
    END_ATOMIC();
    Py_DECREF(callbacks);
    if (is_late) {
        code = call_back(self, future_module_state(self), callback);
    }
    return code < 0 ? NULL : Py_NewRef(Py_None);
}
