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
#ifndef BETAPOOL_FUTURE_H
#define BETAPOOL_FUTURE_H

#include "core.h"

#include <stddef.h>

#pragma GCC visibility push(hidden)

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
    call call; /* until it begins */
    PyObject *value; /* the result or the exception */
    extra *extra;
    sleeper *sleepers;
    atomic_uchar state;
    bool has_failed; /* value is an exception */
    uint16_t queued_high; /* when it was queued, where there is room for it: see future_set_queued */
    uint32_t queued_low;
};

static inline unsigned future_state(future_object *self) {
    return atomic_load_explicit(&self->state, memory_order_acquire);
}

static inline bool future_is_done(unsigned state) {
    return state >= CANCELLED;
}

/* ---- future.c ---- */

core_state *future_module_state(future_object *self);

/* The one argument that a method may have, by place or by name; borrowed. NULL if there is none, or with an exception. */
PyObject *future_only_argument(const char *method, const char *name, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* ---- future_change.c ---- */

PyObject *future_cancel(future_object *self, PyObject *ignored);
PyObject *future_disown(future_object *self, PyObject *ignored);
PyObject *future_add_done_callback(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* ---- future_result.c ---- */

/* The value, if it is what is asked for, or None. */
PyObject *future_value_if(future_object *self, bool has_failed);
PyObject *future_result(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names);
PyObject *future_exception(future_object *self, PyObject *const *args, Py_ssize_t count, PyObject *names);

/* ---- future_inside.c ---- */

extern PyGetSetDef future_getset[];
/* The list of callbacks: a new reference, or NULL with an exception. */
PyObject *future_callbacks(future_object *self);

#pragma GCC visibility pop

#endif
