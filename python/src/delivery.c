/*
 * Outcomes on their way to an asyncio loop, as many as come up until it looks.
 *
 * asyncio chains its own future to that of an executor by a callback that has the loop call another one: call_soon_threadsafe() writes to a
 * socket that the loop sleeps on, and lets go of the GIL meanwhile, so that loop and worker take turns for each single outcome. Instead a
 * worker has the loop called for the first one, and adds the others to the same delivery until the loop has begun to take it in.
 *
 * The callback is one of asyncio's functions, not of its documented interface: one that does not look as expected is called, as any other.
 */
#include "host.h"
#include "object.h"

struct delivery_object {
    PyObject_HEAD
    PyObject *loop;
    PyObject *parts; /* a list: the callback, the future, the next callback, ...; NULL: the loop takes them in */
};

/* The delivery that this worker adds to, or NULL. */
static _Thread_local delivery_object *current;

/* ---- asyncio's callback ---- */

/* What asyncio.futures._chain_future has in the closure of its _call_set_state. */
enum { SET_STATE, LOOP, DESTINATION, CELLS };
static const char *const cell_names[CELLS] = {"_set_state", "dest_loop", "destination"};

/* Whether it is that function, as far as its name says; then it is not looked at again. */
static bool has_name(core_state *state, PyObject *function) {
    PyObject *module = PyObject_GetAttr(function, state->module_name);
    PyObject *name = module == NULL ? NULL : PyObject_GetAttr(function, state->qualified_name);
    bool is_it = name != NULL && PyUnicode_Check(module) && PyUnicode_CompareWithASCIIString(module, "asyncio.futures") == 0 &&
                 PyUnicode_CompareWithASCIIString(name, "_chain_future.<locals>._call_set_state") == 0;
    Py_XDECREF(module);
    Py_XDECREF(name);
    PyErr_Clear();
    return is_it;
}

/* Where in the closure each of the cells is, four bits each and one more above them; 0: not all of them are there. */
static unsigned find_cells(PyObject *function) {
    PyObject *free = PyObject_GetAttrString(PyFunction_GET_CODE(function), "co_freevars");
    unsigned places = 0, found = 0;
    for (Py_ssize_t i = 0; free != NULL && PyTuple_Check(free) && i < PyTuple_GET_SIZE(free) && i < 16; i++) {
        for (unsigned cell = 0; cell < CELLS; cell++) {
            if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(free, i), cell_names[cell]) == 0) {
                places |= (unsigned)i << (4 * cell);
                found++;
            }
        }
    }
    Py_XDECREF(free);
    PyErr_Clear();
    return found == CELLS ? places | 1U << (4 * CELLS) : 0;
}

/* The first one seen is known by its code from then on. */
static bool is_chain(core_state *state, PyObject *callback) {
    if (!PyFunction_Check(callback)) {
        return false;
    }
    PyObject *code = PyFunction_GET_CODE(callback);
    PyObject *known = atomic_load_explicit(&state->chain_code, memory_order_acquire);
    if (known == NULL && has_name(state, callback)) {
        unsigned cells = find_cells(callback);
        if (cells != 0) {
            atomic_store_explicit(&state->chain_cells, cells, memory_order_relaxed);
            if (atomic_compare_exchange_strong(&state->chain_code, &known, code)) {
                Py_INCREF(code);
                known = code;
            }
        }
    }
    return code == known;
}

/* A new reference, or NULL. */
static PyObject *cell(core_state *state, PyObject *callback, unsigned which) {
    unsigned place = atomic_load_explicit(&state->chain_cells, memory_order_relaxed) >> (4 * which) & 15;
    PyObject *closure = PyFunction_GET_CLOSURE(callback);
    PyObject *found = closure == NULL || place >= PyTuple_GET_SIZE(closure) ? NULL : PyTuple_GET_ITEM(closure, place);
    return found == NULL || !PyCell_Check(found) ? NULL : PyCell_Get(found);
}

/* ---- Sending ---- */

void delivery_end(void) {
    Py_CLEAR(current);
}

/* False with an exception. */
static bool add(PyObject *parts, PyObject *callback, PyObject *future) {
    if (PyList_Append(parts, callback) < 0) {
        return false;
    }
    if (PyList_Append(parts, future) < 0) {
        PyList_SetSlice(parts, PyList_GET_SIZE(parts) - 1, PyList_GET_SIZE(parts), NULL);
        return false;
    }
    return true;
}

/* Adds to the delivery that is on its way to this loop, if there is one. */
static bool send_along(core_state *state, PyObject *loop, PyObject *callback, PyObject *future) {
    delivery_object *self = current;
    if (self == NULL || self->loop != loop) {
        return false;
    }
    PyObject *closed = PyObject_CallMethodNoArgs(loop, state->is_closed);
    bool is_sent = false;
    if (closed == Py_False) {
        BEGIN_ATOMIC(self);
        is_sent = self->parts != NULL && add(self->parts, callback, future);
        END_ATOMIC();
    }
    Py_XDECREF(closed);
    return is_sent;
}

static bool send(core_state *state, PyObject *loop, PyObject *callback, PyObject *future) {
    delivery_end();
    delivery_object *self = (delivery_object *)object_create(state->delivery_type);
    if (self == NULL) {
        return false;
    }
    self->loop = Py_NewRef(loop);
    self->parts = PyList_New(0);
    bool is_sent = self->parts != NULL && add(self->parts, callback, future);
    if (is_sent) {
        COMES_BEFORE(self);
        current = (delivery_object *)Py_NewRef((PyObject *)self); /* before the loop is called: a task may be run meanwhile */
        PyObject *handle = PyObject_CallMethodOneArg(loop, state->call_soon_threadsafe, (PyObject *)self);
        is_sent = handle != NULL;
        Py_XDECREF(handle);
        if (!is_sent) {
            delivery_end();
        }
    }
    Py_DECREF(self);
    return is_sent;
}

/*
 * In the thread of the loop itself, as for a future that was done by the time that asyncio asked: it needs no call to be woken. Whether it
 * runs in this thread asyncio knows.
 */
static bool send_here(core_state *state, PyObject *loop, PyObject *callback, PyObject *future) {
    PyObject *events = PyObject_GetItem(PyFunction_GET_GLOBALS(callback), state->events);
    PyObject *running = events == NULL ? NULL : PyObject_CallMethodNoArgs(events, state->get_running_loop);
    PyObject *handle = NULL;
    if (running == loop) {
        PyObject *set_state = cell(state, callback, SET_STATE);
        PyObject *destination = cell(state, callback, DESTINATION);
        if (set_state != NULL && destination != NULL) {
            handle = PyObject_CallMethodObjArgs(loop, state->call_soon, set_state, destination, future, NULL);
        }
        Py_XDECREF(set_state);
        Py_XDECREF(destination);
    }
    Py_XDECREF(events);
    Py_XDECREF(running);
    Py_XDECREF(handle);
    return handle != NULL;
}

bool delivery_send(core_state *state, future_object *future, PyObject *callback) {
    if (!is_chain(state, callback)) {
        return false;
    }
    PyObject *loop = cell(state, callback, LOOP), *source = (PyObject *)future;
    bool is_sent = false;
    if (loop != NULL && loop != Py_None) {
        is_sent = host_is_worker() ? send_along(state, loop, callback, source) || send(state, loop, callback, source)
                                   : send_here(state, loop, callback, source);
    }
    Py_XDECREF(loop);
    PyErr_Clear(); /* what is wrong with the loop the callback itself may say */
    return is_sent;
}

/* ---- Taking in ---- */

/* What the loop would have been told to call. -1 with an exception. */
static int take_in(core_state *state, PyObject *callback, PyObject *future) {
    PyObject *destination = cell(state, callback, DESTINATION);
    PyObject *value = destination == NULL ? NULL : future_value((future_object *)future);
    PyObject *done = NULL;
    if (value != NULL) {
        PyObject *cancelled = PyObject_CallMethodNoArgs(destination, state->cancelled);
        done = cancelled == Py_False ? PyObject_CallMethodOneArg(destination, state->set_result, value) : Py_XNewRef(cancelled);
        Py_XDECREF(cancelled);
        Py_DECREF(value);
    } else if (destination != NULL) {
        PyObject *set_state = cell(state, callback, SET_STATE);
        done = set_state == NULL ? NULL : PyObject_CallFunctionObjArgs(set_state, destination, future, NULL);
        Py_XDECREF(set_state);
    }
    Py_XDECREF(destination);
    Py_XDECREF(done);
    return done == NULL && PyErr_Occurred() ? -1 : 0;
}

/* What is left after one of them has failed, which the loop hears of as ever: it is called again. */
static void take_in_later(core_state *state, delivery_object *self, PyObject *parts, Py_ssize_t next) {
    PyObject *exception = PyErr_GetRaisedException();
    PyObject *rest = PyList_GetSlice(parts, next, PyList_GET_SIZE(parts));
    PyObject *handle = NULL;
    if (rest != NULL) {
        BEGIN_ATOMIC(self);
        self->parts = rest;
        END_ATOMIC();
        handle = PyObject_CallMethodOneArg(self->loop, state->call_soon, (PyObject *)self);
    }
    if (handle == NULL) {
        PyErr_WriteUnraisable((PyObject *)self);
    }
    Py_XDECREF(handle);
    PyErr_SetRaisedException(exception);
}

/* Called by the loop. */
static PyObject *delivery_call(delivery_object *self, PyObject *Py_UNUSED(args), PyObject *Py_UNUSED(kwargs)) {
    core_state *state = PyType_GetModuleState(Py_TYPE(self));
    PyObject *parts;
    BEGIN_ATOMIC(self);
    parts = self->parts;
    self->parts = NULL;
    END_ATOMIC();
    if (parts == NULL) {
        Py_RETURN_NONE;
    }
    int code = 0;
    Py_ssize_t next = 0;
    while (code == 0 && next < PyList_GET_SIZE(parts)) {
        code = take_in(state, PyList_GET_ITEM(parts, next), PyList_GET_ITEM(parts, next + 1));
        next += 2;
    }
    if (code < 0 && next < PyList_GET_SIZE(parts)) {
        take_in_later(state, self, parts, next);
    }
    Py_DECREF(parts);
    return code < 0 ? NULL : Py_NewRef(Py_None);
}

/* ---- Making and ending ---- */

static int delivery_traverse(delivery_object *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(self->loop);
    Py_VISIT(self->parts);
    return 0;
}

static int delivery_clear(delivery_object *self) {
    Py_CLEAR(self->parts); /* the loop stays: a worker may ask which it is */
    return 0;
}

static void delivery_dealloc(delivery_object *self) {
    object_end((PyObject *)self);
    Py_CLEAR(self->loop);
    Py_CLEAR(self->parts);
    object_free((PyObject *)self);
}

static PyType_Slot delivery_slots[] = {
    {Py_tp_dealloc, delivery_dealloc}, {Py_tp_traverse, delivery_traverse}, {Py_tp_clear, delivery_clear},
    {Py_tp_call, delivery_call},       {Py_tp_doc, PyDoc_STR("Outcomes for the futures of an asyncio loop, which calls it.")},
    {0, NULL},
};

PyType_Spec delivery_spec = {
    .name = "betapool._core.Delivery",
    .basicsize = sizeof(delivery_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = delivery_slots,
};
