/* Waiting for the outcome of a future, and taking it. */
#include "future.h"

/* Waits until the future is done, or the deadline. -1 with an exception; running out of time is none. */
static int wait_until_done(future_object *self, double deadline) {
    sleeper own;
    if (sleeper_init(&own) < 0) {
        return -1;
    }
    bool must_wait;
    BEGIN_ATOMIC(self);
    must_wait = !future_is_done(future_state(self));
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

/* The value, if it is what is asked for, or None. */
PyObject *future_value_if(future_object *self, bool has_failed) {
    PyObject *value;
    BEGIN_ATOMIC(self);
    value = Py_NewRef(self->value != NULL && self->has_failed == has_failed ? self->value : Py_None);
    END_ATOMIC();
    return value;
}

/* The argument of result() and exception(), in seconds; -1 if there is none, -2 with an exception. */
static double timeout_of(const char *method, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    PyObject *argument = future_only_argument(method, "timeout", args, count, names);
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

/*
 * Takes the condition and lets it go, if there is one. Whoever has it may have set the state and not yet the outcome, as CPython's own tests
 * do from outside; the standard library's result() has the condition too. -1 with an exception.
 */
static int pass_condition(future_object *self) {
    extra *extra = __atomic_load_n(&self->extra, __ATOMIC_ACQUIRE);
    if (extra == NULL) {
        return 0;
    }
    PyObject *condition, *done = NULL;
    BEGIN_ATOMIC(self);
    condition = Py_XNewRef(extra->condition);
    END_ATOMIC();
    if (condition == NULL) {
        return 0;
    }
    if (Py_TYPE(condition) == future_module_state(self)->own_condition_type) {
        if (condition_acquire((condition_object *)condition, FOREVER) == 1) {
            condition_release((condition_object *)condition);
            done = Py_NewRef(Py_None);
        }
    } else {
        PyObject *taken = PyObject_CallMethod(condition, "acquire", NULL);
        done = taken == NULL ? NULL : PyObject_CallMethod(condition, "release", NULL);
        Py_XDECREF(taken);
    }
    Py_DECREF(condition);
    Py_XDECREF(done);
    return done == NULL ? -1 : 0;
}

/* Waits for the outcome. 0, or -1 with an exception: CancelledError, TimeoutError or what a signal's handler raised. */
static int await(future_object *self, double timeout) {
    if (timeout == -2) {
        return -1;
    }
    unsigned now = future_state(self);
    if (!future_is_done(now) && timeout != 0) {
        if (wait_until_done(self, timeout < 0 ? FOREVER : betapool_wall_time() + timeout) < 0) {
            return -1;
        }
        now = future_state(self);
    }
    if (now == FINISHED) {
        return pass_condition(self);
    }
    core_state *state = future_module_state(self);
    PyErr_SetNone(future_is_done(now) ? state->cancelled_error : state->timeout_error);
    return -1;
}

PyObject *future_value(future_object *self) {
    PyObject *value;
    BEGIN_ATOMIC(self);
    value = future_state(self) == FINISHED && !self->has_failed ? Py_XNewRef(self->value) : NULL;
    END_ATOMIC();
    return value;
}

/* The short way for most futures, whose insides nobody has looked at: the result if it is there, or NULL without an exception. */
static PyObject *result_alone(future_object *self) {
    if (future_state(self) != FINISHED || __atomic_load_n(&self->extra, __ATOMIC_ACQUIRE) != NULL) {
        return NULL;
    }
    PyObject *value;
    BEGIN_ATOMIC(self);
    value = self->has_failed ? NULL : Py_XNewRef(self->value);
    END_ATOMIC();
    return value;
}

PyObject *future_result(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    if (count == 0 && names == NULL) {
        PyObject *value = result_alone(self);
        if (value != NULL) {
            return value;
        }
    }
    if (await(self, timeout_of("result", args, count, names)) < 0) {
        return NULL;
    }
    if (!self->has_failed) {
        return future_value_if(self, false);
    }
    PyObject *exception = future_value_if(self, true);
    if (exception == Py_None) {
        return exception; /* somebody has taken it away */
    }
    PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_DECREF(exception);
    return NULL;
}

PyObject *future_exception(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    return await(self, timeout_of("exception", args, count, names)) < 0 ? NULL : future_value_if(self, true);
}
