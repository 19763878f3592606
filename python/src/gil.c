/*
 * Where a thread sleeps that waits for the GIL: the struct that holds the GIL's condition variables and mutexes.
 *
 * It is CPython's own and not documented, so what the headers of the build say is held against what the running interpreter shows: the
 * caller holds the GIL, so the struct must say that it is locked, and by the calling thread. An interpreter for which that is not true is
 * not one we know.
 */
#define Py_BUILD_CORE 1
#include <Python.h>

#ifndef Py_GIL_DISABLED
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_interp_structs.h"
#endif
#include "internal/pycore_gil.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#endif
#undef Py_BUILD_CORE

#include "core.h"

int gil_range(const void **start, size_t *size) {
#ifdef Py_GIL_DISABLED
    *start = NULL;
    *size = 0;
#else
#if PY_VERSION_HEX >= 0x030c0000
    struct _gil_runtime_state *gil = PyInterpreterState_Get()->ceval.gil;
#else
    struct _gil_runtime_state *gil = &_PyRuntime.ceval.gil;
#endif
    *start = BETAPOOL_UNKNOWN_LOCK;
    *size = 0;
    if (gil == NULL) {
        return 0;
    }
#if PY_VERSION_HEX >= 0x030d0000
    bool is_held = gil->locked == 1 && gil->last_holder == PyThreadState_Get();
#else
    bool is_held = _Py_atomic_load_relaxed(&gil->locked) == 1 &&
                   (PyThreadState *)_Py_atomic_load_relaxed(&gil->last_holder) == PyThreadState_Get();
#endif
    if (is_held) {
        *start = gil;
        *size = sizeof *gil;
    }
#endif
    return 0;
}
