/*
 * Where a thread sleeps that waits for the GIL: the struct that holds the GIL's condition variables and mutexes.
 *
 * It is CPython's own and not documented, so what the headers of the build say is held against what the running interpreter shows: the
 * caller holds the GIL, so the struct must say that it is locked, and by the calling thread. An interpreter for which that is not true is
 * not one we know.
 */
#define Py_BUILD_CORE 1
#include <Python.h>

#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_interp_structs.h"
#endif
#include "internal/pycore_gil.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#undef Py_BUILD_CORE

#include "host.h"

/* Whether somebody has the GIL, as the struct says; NULL: not known, or there is none. */
static const int *_Atomic gil_is_held;

void gil_await(void) {
    const int *is_held = atomic_load_explicit(&gil_is_held, memory_order_relaxed);
    double until = betapool_wall_time() + 50e-6;
    while (is_held != NULL && __atomic_load_n(is_held, __ATOMIC_RELAXED) && betapool_wall_time() < until) {
    }
}

int gil_range(const void **start, size_t *size) {
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
#ifdef Py_GIL_DISABLED
    if (__atomic_load_n(&gil->enabled, __ATOMIC_RELAXED) == 0) {
        *start = NULL;
        return 0;
    }
#endif
#if PY_VERSION_HEX >= 0x030d0000
    bool is_held = gil->locked == 1 && gil->last_holder == PyThreadState_Get();
#else
    bool is_held = _Py_atomic_load_relaxed(&gil->locked) == 1 &&
                   (PyThreadState *)_Py_atomic_load_relaxed(&gil->last_holder) == PyThreadState_Get();
#endif
    if (is_held) {
        *start = gil;
        *size = sizeof *gil;
        atomic_store_explicit(&gil_is_held, (const int *)&gil->locked, memory_order_relaxed);
    }
    return 0;
}
