/* How the objects of betapool._core come and go: what they share beyond a type, by the rules of the collector and of threads without a GIL. */
#ifndef BETAPOOL_OBJECT_H
#define BETAPOOL_OBJECT_H

#include "core.h"

/* A new object of a type without items. Memory is used again: what was done to an object that was there comes before. */
static inline PyObject *object_create(PyTypeObject *type) {
    PyObject *made = type->tp_alloc(type, 0);
    if (made != NULL) {
        COMES_AFTER(made);
    }
    return made;
}

/* A destructor begins with this, for an object that the collector may see: nobody has it any more. */
static inline void object_end(PyObject *object) {
    PyObject_GC_UnTrack(object);
    COMES_AFTER(object);
}

/* ... and ends with this. */
static inline void object_free(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    COMES_BEFORE(object);
    type->tp_free(object);
    Py_DECREF(type);
}

/* Hides a new object from the collector, for as long as it cannot be part of garbage. */
static inline void object_hide(PyObject *object) {
    PyObject_GC_UnTrack(object);
}

/* Not in a BEGIN_ATOMIC of the object. Several threads may find at once that it is to be shown. */
static inline void object_show(PyObject *object) {
    if (!PyObject_GC_IsTracked(object)) {
        BEGIN_ATOMIC(object);
        if (!PyObject_GC_IsTracked(object)) {
            PyObject_GC_Track(object);
        }
        END_ATOMIC();
    }
}

/*
 * References that another thread will give back. Free-threaded CPython counts those of the thread that made an object apart from those of
 * all others, and when another one gives back the last of the former, it must ask the maker to sort it out, under a lock. So what crosses
 * from one thread to another is counted as the others' from the start.
 */

/* As Py_NewRef. */
static inline PyObject *new_crossing_ref(PyObject *object) {
#ifdef Py_GIL_DISABLED
    if (!_Py_IsImmortal(object)) {
        _Py_atomic_add_ssize(&object->ob_ref_shared, (Py_ssize_t)1 << _Py_REF_SHARED_SHIFT);
    }
    return object;
#else
    return Py_NewRef(object);
#endif
}

/* Takes over the caller's reference and returns one that crosses, if it is the only one and the caller's thread made the object. */
static inline PyObject *let_cross(PyObject *object) {
#ifdef Py_GIL_DISABLED
    if (_Py_IsOwnedByCurrentThread(object) && _Py_atomic_load_uint32_relaxed(&object->ob_ref_local) == 1 &&
        _Py_atomic_load_ssize_relaxed(&object->ob_ref_shared) == 0) {
        _Py_atomic_store_ssize_relaxed(&object->ob_ref_shared, _Py_REF_SHARED(1, _Py_REF_MERGED));
        _Py_atomic_store_uint32_relaxed(&object->ob_ref_local, 0);
        _Py_atomic_store_uintptr_relaxed(&object->ob_tid, _Py_UNOWNED_TID);
    }
#endif
    return object;
}

#endif
