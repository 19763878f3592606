/* The module betapool._core: its types, its functions, and the state they share. */
#include "core.h"
#include "survey.h"

#include <dlfcn.h> /* dladdr: Python.h defines _GNU_SOURCE */
#include <stddef.h>

static struct PyModuleDef core_module;

core_state *core_state_of(PyTypeObject *type) {
    /* PyType_GetModuleByDef is newer than 3.9; a class that Python code derives has no module of its own. */
    for (; type != NULL; type = type->tp_base) {
        PyObject *module = (type->tp_flags & Py_TPFLAGS_HEAPTYPE) ? PyType_GetModule(type) : NULL;
        if (module != NULL && PyModule_GetDef(module) == &core_module) {
            return PyModule_GetState(module);
        }
        PyErr_Clear();
    }
    PyErr_SetString(PyExc_SystemError, "not a type of betapool._core");
    return NULL;
}

PyObject *core_raise(int code) {
    if (code == -ENOMEM) {
        return PyErr_NoMemory();
    }
    PyErr_SetString(code == -EINVAL ? PyExc_ValueError : PyExc_RuntimeError, betapool_strerror(code));
    return NULL;
}

static PyObject *policies(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    PyObject *names = PyList_New(0);
    const char *text;
    for (int policy = 0; names != NULL && (text = betapool_policy_name(policy)) != NULL; policy++) {
        PyObject *name = PyUnicode_FromString(text);
        if (name == NULL || PyList_Append(names, name) < 0) {
            Py_CLEAR(names);
        }
        Py_XDECREF(name);
    }
    return names;
}

static PyObject *limits(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    betapool_limits limits = {.size = sizeof limits};
    int code = betapool_get_limits(&limits);
    if (code < 0) {
        return core_raise(code);
    }
    return Py_BuildValue("{s:d,s:K,s:K}", "cores", limits.cores, "memory", (unsigned long long)limits.memory, "threads",
                         (unsigned long long)limits.threads);
}

static PyObject *library(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    Dl_info info;
    if (dladdr((void *)betapool_version, &info) == 0 || info.dli_fname == NULL) {
        PyErr_SetString(PyExc_OSError, "the dynamic linker does not say where libbetapool was loaded from");
        return NULL;
    }
    return PyUnicode_DecodeFSDefault(info.dli_fname);
}

static PyObject *own_memory(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored)) {
    return survey_own_memory();
}

static PyMethodDef core_functions[] = {
    {"policies", policies, METH_NOARGS, PyDoc_STR("policies()\n--\n\nThe names of all policies.")},
    {"limits", limits, METH_NOARGS,
     PyDoc_STR("limits()\n--\n\nWhat this process may use: cores, memory (bytes; 0: unknown) and threads (0: unknown).")},
    {"own_memory", own_memory, METH_NOARGS,
     PyDoc_STR("own_memory()\n--\n\nWhere this interpreter keeps its threads and its GIL (0: it has none), for a Survey.")},
    {"library", library, METH_NOARGS, PyDoc_STR("library()\n--\n\nThe path that libbetapool was loaded from.")},
    {NULL, NULL, 0, NULL},
};

/* Makes a type of the module, known by its name if it has one there. */
static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec, bool is_public) {
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL) {
        return NULL;
    }
#if PY_VERSION_HEX < 0x030a0000
    if (!is_public) {
        type->tp_new = NULL; /* Py_TPFLAGS_DISALLOW_INSTANTIATION */
    }
#endif
    if (is_public && PyModule_AddType(module, type) < 0) {
        Py_CLEAR(type);
    }
    return type;
}

static PyObject *import_name(const char *module_name, const char *name) {
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *object = module == NULL ? NULL : PyObject_GetAttrString(module, name);
    Py_XDECREF(module);
    return object;
}

/* Names of methods and attributes, and where in the state they stand. */
static const struct {
    size_t offset;
    const char *name;
} names[] = {
#define NAME(name) {offsetof(core_state, name), #name}
    NAME(set_running_or_notify_cancel),
    NAME(set_result),
    NAME(set_exception),
    NAME(add_result),
    NAME(add_exception),
    NAME(add_cancelled),
    NAME(notify_all),
    NAME(checkpoint),
    NAME(hire),
    NAME(initialize),
    NAME(leave),
    NAME(pop),
    NAME(start_courier),
    NAME(listeners),
    NAME(task_failed),
    NAME(cancel_future),
    NAME(break_future),
    NAME(disown_future),
    NAME(submit),
    {offsetof(core_state, refusal), "_refusal"},
    NAME(run),
    NAME(attachment),
    {offsetof(core_state, module_name), "__module__"},
    {offsetof(core_state, qualified_name), "__qualname__"},
    NAME(events),
    {offsetof(core_state, get_running_loop), "_get_running_loop"},
    NAME(call_soon),
    NAME(call_soon_threadsafe),
    NAME(is_closed),
    NAME(cancelled),
#undef NAME
};

#define NAME_COUNT (sizeof names / sizeof names[0])

static PyObject **name_place(core_state *state, size_t index) {
    return (PyObject **)((char *)state + names[index].offset);
}

/* What futures take from the standard library, and their class. */
static int add_futures(PyObject *module, core_state *state) {
    static const char *const states[] = {"PENDING", "RUNNING", "CANCELLED", "CANCELLED_AND_NOTIFIED", "FINISHED"};
    static const char base[] = "concurrent.futures._base";
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if ((state->future_states[i] = import_name(base, states[i])) == NULL) {
            return -1;
        }
    }
    PyObject *standard = NULL;
    if ((state->condition_type = import_name("threading", "Condition")) != NULL &&
        (state->cancelled_error = import_name(base, "CancelledError")) != NULL &&
        (state->queue_full = import_name("queue", "Full")) != NULL && (state->timeout_error = import_name(base, "TimeoutError")) != NULL &&
        (state->callback_failed = import_name("betapool._futures", "callback_failed")) != NULL &&
        (state->own_condition_type = add_type(module, &condition_spec, false)) != NULL &&
        (state->delivery_type = add_type(module, &delivery_spec, false)) != NULL &&
        (state->future_base = add_type(module, &future_spec, true)) != NULL && (standard = import_name(base, "Future")) != NULL &&
        (state->standard_cancel = PyObject_GetAttrString(standard, "cancel")) != NULL) {
        state->future_class = future_class_create(state->future_base, standard);
    }
    Py_XDECREF(standard);
    if ((state->standard_executor = import_name("concurrent.futures", "ThreadPoolExecutor")) == NULL ||
        (state->standard_globals = import_name("concurrent.futures.thread", "__dict__")) == NULL) {
        return -1;
    }
    return state->future_class == NULL ? -1 : PyModule_AddType(module, state->future_class);
}

static int core_exec(PyObject *module) {
    core_state *state = PyModule_GetState(module);
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "betapool does not support subinterpreters: import it in the main interpreter");
        return -1;
    }
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if ((*name_place(state, i) = PyUnicode_InternFromString(names[i].name)) == NULL) {
            return -1;
        }
    }
    if (watch_prepare() < 0) {
        return -1;
    }
    if ((state->decision_type = import_name("betapool._records", "Decision")) == NULL ||
        (state->stats_type = import_name("betapool._records", "PoolStats")) == NULL ||
        (state->times_type = import_name("betapool._records", "Times")) == NULL ||
        (state->controller_type = add_type(module, &controller_spec, true)) == NULL ||
        (state->stopwatch_type = add_type(module, &stopwatch_spec, false)) == NULL ||
        (state->pool_type = add_type(module, &pool_spec, true)) == NULL ||
        (state->survey_type = add_type(module, &survey_spec, true)) == NULL ||
        (state->executor_base = add_type(module, &executor_spec, true)) == NULL || add_futures(module, state) < 0) {
        return -1;
    }
    return PyModule_AddStringConstant(module, "version", betapool_version());
}

/* What the state owns, apart from names. */
#define OBJECTS(DO)                                                                                                                       \
    DO(state->controller_type)                                                                                                             \
    DO(state->stopwatch_type)                                                                                                              \
    DO(state->survey_type)                                                                                                                 \
    DO(state->pool_type)                                                                                                                   \
    DO(state->executor_base)                                                                                                               \
    DO(state->future_base)                                                                                                                 \
    DO(state->future_class)                                                                                                                \
    DO(state->decision_type)                                                                                                               \
    DO(state->stats_type)                                                                                                                  \
    DO(state->times_type)                                                                                                                  \
    DO(state->own_condition_type)                                                                                                          \
    DO(state->condition_type)                                                                                                              \
    DO(state->cancelled_error)                                                                                                             \
    DO(state->queue_full)                                                                                                                  \
    DO(state->timeout_error)                                                                                                               \
    DO(state->standard_cancel)                                                                                                             \
    DO(state->callback_failed)                                                                                                             \
    DO(state->delivery_type)                                                                                                               \
    DO(state->standard_executor)                                                                                                           \
    DO(state->standard_globals)

static int core_traverse(PyObject *module, visitproc visit, void *arg) {
    core_state *state = PyModule_GetState(module);
#define VISIT(object) Py_VISIT(object);
    OBJECTS(VISIT)
#undef VISIT
    return 0;
}

static int core_clear(PyObject *module) {
    core_state *state = PyModule_GetState(module);
#define CLEAR(object) Py_CLEAR(object);
    OBJECTS(CLEAR)
#undef CLEAR
    for (size_t i = 0; i < sizeof state->future_states / sizeof state->future_states[0]; i++) {
        Py_CLEAR(state->future_states[i]);
    }
    for (size_t i = 0; i < NAME_COUNT; i++) {
        Py_CLEAR(*name_place(state, i));
    }
    Py_XDECREF(atomic_exchange(&state->chain_code, NULL));
    return 0;
}

static void core_free(void *module) {
    core_clear(module);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030d0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "betapool._core",
    .m_doc = PyDoc_STR("What betapool takes from libbetapool. Use the names that the package exports."),
    .m_size = sizeof(core_state),
    .m_methods = core_functions,
    .m_slots = core_slots,
    .m_traverse = core_traverse,
    .m_clear = core_clear,
    .m_free = core_free,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void) {
    return PyModuleDef_Init(&core_module);
}
