/* What newer CPythons have and older ones have not, mostly under the newer names. */
#ifndef BETAPOOL_COMPAT_H
#define BETAPOOL_COMPAT_H

#include "sanitize.h"

#if PY_VERSION_HEX < 0x030a0000
static inline PyObject *Py_NewRef(PyObject *object) {
    Py_INCREF(object);
    return object;
}

static inline PyObject *Py_XNewRef(PyObject *object) {
    Py_XINCREF(object);
    return object;
}

#define Py_TPFLAGS_DISALLOW_INSTANTIATION 0
#define Py_TPFLAGS_IMMUTABLETYPE 0
#endif

#if PY_VERSION_HEX < 0x030c0000
/* The current exception, normalised and with its traceback; NULL if there is none. */
static inline PyObject *PyErr_GetRaisedException(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (type == NULL) {
        return NULL;
    }
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL) {
        PyException_SetTraceback(value, traceback);
        Py_DECREF(traceback);
    }
    Py_DECREF(type);
    return value;
}

static inline void PyErr_SetRaisedException(PyObject *exception) {
    if (exception == NULL) {
        PyErr_Clear();
    } else {
        PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(exception)), exception, PyException_GetTraceback(exception));
    }
}
#endif

#if PY_VERSION_HEX < 0x030d0000
#define Py_IsFinalizing _Py_IsFinalizing

static inline PyObject *PyList_GetItemRef(PyObject *list, Py_ssize_t index) {
    return Py_XNewRef(PyList_GetItem(list, index));
}

/* With the GIL, what calls no Python code is one step to other threads. */
#define BEGIN_ATOMIC(object) {
#define END_ATOMIC() }
#elif defined(__SANITIZE_THREAD__)
#define BEGIN_ATOMIC(object)                                                                                                               \
    Py_BEGIN_CRITICAL_SECTION(object);                                                                                                     \
    void *const guarded = (object);                                                                                                        \
    COMES_AFTER(guarded);
#define END_ATOMIC()                                                                                                                       \
    COMES_BEFORE(guarded);                                                                                                                 \
    Py_END_CRITICAL_SECTION()
#else
#define BEGIN_ATOMIC(object) Py_BEGIN_CRITICAL_SECTION(object)
#define END_ATOMIC() Py_END_CRITICAL_SECTION()
#endif

#endif
