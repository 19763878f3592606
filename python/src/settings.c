/* Python arguments to a betapool_config: each is checked here, so that the exception can name it and say what it may be. */
#include "core.h"

#include <math.h>

#define MOST_THREADS 65536 /* betapool.h, max_threads */

static bool is_given(PyObject *value) {
    return value != NULL && value != Py_None;
}

static int set_policy(betapool_config *config, PyObject *value) {
    if (!is_given(value)) {
        return 0;
    }
    bool is_text = PyUnicode_Check(value);
    Py_ssize_t length = 0;
    const char *name = is_text ? PyUnicode_AsUTF8AndSize(value, &length) : NULL;
    if (is_text && name == NULL) {
        return -1;
    }
    int policy = is_text && strlen(name) == (size_t)length ? betapool_policy_by_name(name) : -EINVAL;
    if (policy < 0) {
        PyErr_Format(is_text ? PyExc_ValueError : PyExc_TypeError, "policy must be 'fixed', 'paper', 'paper-io' or 'adaptive', not %R",
                     value);
        return -1;
    }
    config->policy = policy;
    return 0;
}

int core_count(uint32_t *count, PyObject *value, const char *name, uint32_t most) {
    if (!is_given(value)) {
        return 0;
    }
    PyObject *index = PyNumber_Index(value);
    if (index == NULL) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Format(PyExc_TypeError, "%s must be an integer from 1 to %u, not %R", name, most, value);
        }
        return -1;
    }
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow != 0 || number < 1 || number > most) {
        PyErr_Format(PyExc_ValueError, "%s must be greater than 0 and at most %u, not %R", name, most, value);
        return -1;
    }
    *count = (uint32_t)number;
    return 0;
}

/* The number that an argument is; -1 with an exception if it is none. `range` completes "must be". */
static double as_number(PyObject *value, const char *name, const char *range) {
    double number = PyFloat_AsDouble(value);
    if (number == -1 && PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyErr_Format(PyExc_TypeError, "%s must be %s, not %R", name, range, value);
    }
    return number;
}

/* A number from low (or above it) to high. */
static int set_number(double *number, PyObject *value, const char *name, const char *range, double low, bool is_above, double high) {
    if (!is_given(value)) {
        return 0;
    }
    double given = as_number(value, name, range);
    if (given == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (!(given >= low && given <= high) || (is_above && given == low)) {
        PyErr_Format(PyExc_ValueError, "%s must be %s, not %R", name, range, value);
        return -1;
    }
    *number = given;
    return 0;
}

int core_configure(betapool_config *config, const core_settings *settings) {
    if (set_policy(config, settings->policy) < 0 ||
        core_count(&config->max_threads, settings->max_threads, settings->max_name, MOST_THREADS) < 0) {
        return -1;
    }
    if (!is_given(settings->min_threads) && config->max_threads != 0 && config->min_threads > config->max_threads) {
        config->min_threads = config->max_threads;
    }
    uint32_t most = config->max_threads != 0 ? config->max_threads : MOST_THREADS;
    if (core_count(&config->min_threads, settings->min_threads, settings->min_name, most) < 0 ||
        core_count(&config->hysteresis, settings->hysteresis, "hysteresis", UINT32_MAX) < 0 ||
        set_number(&config->beta_threshold, settings->beta_threshold, "beta_threshold", "a number from 0 to 1", 0, false, 1) < 0 ||
        set_number(&config->alpha, settings->alpha, "alpha", "a number above 0 and at most 1", 0, true, 1) < 0 ||
        set_number(&config->interval, settings->interval, "interval", "a number of seconds from 0.001 to 3600", 0.001, false, 3600) < 0) {
        return -1;
    }
    return 0;
}

double core_seconds(PyObject *value, const char *name) {
    static const char range[] = "a finite number of seconds, at least 0";
    double seconds = as_number(value, name, range);
    if (seconds == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (!isfinite(seconds) || seconds < 0) {
        PyErr_Format(PyExc_ValueError, "%s must be %s, not %R", name, range, value);
        return -1;
    }
    return seconds;
}
