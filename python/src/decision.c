/* betapool_decision to betapool.Decision. The record's class, in Python, says what each field means. */
#include "core.h"

PyObject *record_create(PyObject *type, PyObject *const *fields, size_t count) {
    bool whole = true;
    for (size_t i = 0; i < count; i++) {
        whole = whole && fields[i] != NULL;
    }
    PyObject *record = whole ? PyObject_Vectorcall(type, fields, count, NULL) : NULL;
    for (size_t i = 0; i < count; i++) {
        Py_XDECREF(fields[i]);
    }
    return record;
}

PyObject *number_or_none(double value) {
    return value != value ? Py_NewRef(Py_None) : PyFloat_FromDouble(value);
}

static PyObject *reason_of(const betapool_decision *decision) {
    char text[256]; /* a sentence; what is longer is cut, as the header allows */
    int length = betapool_decision_reason(decision, text, sizeof text);
    return length < 0 ? core_raise(length) : PyUnicode_FromString(text);
}

PyObject *decision_create(core_state *state, const betapool_decision *decision) {
    const char *action = betapool_action_name(decision->action);
    PyObject *fields[] = {
        PyLong_FromUnsignedLong(decision->threads),
        action == NULL ? core_raise(-EINVAL) : PyUnicode_InternFromString(action),
        reason_of(decision),
        number_or_none(decision->beta),
        PyFloat_FromDouble(decision->beta_ewma),
        number_or_none(decision->beta_io),
        PyLong_FromUnsignedLongLong(decision->queue_length),
        PyFloat_FromDouble(decision->time),
        PyLong_FromUnsignedLongLong(decision->number),
        PyLong_FromUnsignedLong(decision->threads_before),
        number_or_none(decision->running_threads),
        number_or_none(decision->contending_threads),
        number_or_none(decision->waiting_threads),
        number_or_none(decision->surplus_threads),
    };
    return record_create(state->decision_type, fields, sizeof fields / sizeof fields[0]);
}

PyObject *decision_list(core_state *state, int (*copy)(void *, betapool_decision *, size_t), void *source) {
    enum { CAPACITY = 256 }; /* betapool.h: the last 256 are kept */
    betapool_decision *decisions = PyMem_New(betapool_decision, CAPACITY);
    if (decisions == NULL) {
        return PyErr_NoMemory();
    }
    int count = copy(source, decisions, CAPACITY);
    PyObject *list = count < 0 ? core_raise(count) : PyList_New(count);
    for (int i = 0; list != NULL && i < count; i++) {
        PyObject *decision = decision_create(state, &decisions[i]);
        if (decision == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, decision);
        }
    }
    PyMem_Free(decisions);
    return list;
}
