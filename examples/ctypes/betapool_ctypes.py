"""betapool's controller for Python programs, by ctypes alone: no extension, no compiler.

    controller = Controller(load(), policy="adaptive", max_threads=32)
    with controller.watching():                         # in each thread, around each task: what it sleeps in is seen
        task()
    controller.report(cpu_seconds, wall_seconds)        # after it
    controller.sample()                                 # some five times an interval
    decision = controller.tick(now, queue_length)       # each interval; decision.threads is the answer

Runs on every CPython from 3.9 on, with and without the GIL: a ctypes call lets go of the GIL, and the library has its own lock. Where the
GIL is cannot be found out by ctypes, so that with a GIL the controller goes by CPU use; without one it sees what the threads do.
"""

import contextlib
import ctypes
import ctypes.util
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p

MAJOR_VERSION = 1
UNKNOWN_LOCK = c_void_p(-1).value


class BetaPoolError(Exception):
    """What the library, or the search for it, has to say; one line."""


class Decision(ctypes.Structure):
    """struct betapool_decision"""

    _fields_ = [
        ("number", c_uint64),
        ("time", c_double),
        ("beta", c_double),
        ("beta_ewma", c_double),
        ("beta_io", c_double),
        ("running_threads", c_double),
        ("contending_threads", c_double),
        ("waiting_threads", c_double),
        ("surplus_threads", c_double),
        ("queue_length", c_uint64),
        ("threads_before", c_uint32),
        ("threads", c_uint32),
        ("action", c_int32),
        ("reason_code", c_int32),
        ("observed", c_double),
        ("limit", c_double),
    ]


class Config(ctypes.Structure):
    """struct betapool_config; what comes after the interval is for pools, which this module does without"""

    _fields_ = [
        ("size", c_size_t),
        ("policy", c_int32),
        ("min_threads", c_uint32),
        ("max_threads", c_uint32),
        ("hysteresis", c_uint32),
        ("beta_threshold", c_double),
        ("alpha", c_double),
        ("interval", c_double),
        ("queue_limit", c_size_t),
        ("stack_size", c_size_t),
        ("thread_name", c_char_p),
        ("spawn", c_void_p),
        ("before_wait", c_void_p),
        ("after_wait", c_void_p),
        ("on_decision", c_void_p),
        ("host", c_void_p),
        ("lock", c_void_p),
        ("lock_size", c_size_t),
    ]


class Limits(ctypes.Structure):
    """struct betapool_limits"""

    _fields_ = [("size", c_size_t), ("cores", c_double), ("memory", c_uint64), ("threads", c_uint64)]


PROTOTYPES = {
    "version": (c_char_p, []),
    "strerror": (c_char_p, [c_int]),
    "get_limits": (c_int, [POINTER(Limits)]),
    "policy_by_name": (c_int, [c_char_p]),
    "action_name": (c_char_p, [c_int]),
    "decision_reason": (c_int, [POINTER(Decision), c_char_p, c_size_t]),
    "config_init": (c_int, [c_void_p]),
    "controller_create": (c_int, [POINTER(Config), POINTER(c_void_p)]),
    "controller_report": (c_int, [c_void_p, c_double, c_double]),
    "controller_tick": (c_int, [c_void_p, c_double, c_uint64, POINTER(Decision)]),
    "controller_attach": (c_int, [c_void_p]),
    "controller_set_busy": (c_int, [c_void_p, c_int, c_int]),
    "controller_detach": (c_int, [c_void_p, c_int]),
    "controller_sample": (c_int, [c_void_p]),
    "controller_threads": (c_int, [c_void_p]),
    "controller_beta": (c_double, [c_void_p]),
    "controller_get_decisions": (c_int, [c_void_p, POINTER(Decision), c_size_t]),
    "controller_free": (c_int, [c_void_p]),
}


def load(path=None):
    """The library: at `path`, or where BETAPOOL_LIBRARY says, or where the system keeps its libraries."""
    name = path or os.environ.get("BETAPOOL_LIBRARY") or ctypes.util.find_library("betapool") or "libbetapool.so.1"
    try:
        library = ctypes.CDLL(name)
        for function, (result, arguments) in PROTOTYPES.items():
            prototype = getattr(library, "betapool_" + function)
            prototype.restype, prototype.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise BetaPoolError(f"{error}; name the library with --library or BETAPOOL_LIBRARY") from None
    version = library.betapool_version().decode()
    if version.split(".")[0] != str(MAJOR_VERSION):
        raise BetaPoolError(f"{name} is version {version}, this module is for version {MAJOR_VERSION}")
    default_config(library)
    limits(library)
    return library


def check(library, code):
    if code < 0:
        raise BetaPoolError(library.betapool_strerror(code).decode())
    return code


def default_config(library):
    """The defaults. The library writes its own size into the struct: proof that both sides mean the same one."""
    memory = ctypes.create_string_buffer(ctypes.sizeof(Config) + 4096)  # a longer struct than ours must find room
    check(library, library.betapool_config_init(memory))
    config = Config.from_buffer_copy(memory)
    if config.size != ctypes.sizeof(Config):
        raise BetaPoolError(f"betapool_config has {config.size} bytes, this module's has {ctypes.sizeof(Config)}: they do not go together")
    return config


def limits(library):
    """Cores, memory and threads that this process may use. The library refuses a size that is not its own."""
    result = Limits(size=ctypes.sizeof(Limits))
    check(library, library.betapool_get_limits(byref(result)))
    return result


def has_gil():
    return getattr(sys, "_is_gil_enabled", lambda: True)()


class Controller:
    """A betapool_controller. Any thread may call any method; close it when no other call is under way. 0: the policy's own value."""

    def __init__(self, library, *, policy="adaptive", min_threads=0, max_threads=0, interval=0):
        self._library = library
        self._handle = c_void_p()
        config = default_config(library)
        config.policy = library.betapool_policy_by_name(policy.encode())
        if config.policy < 0:
            raise BetaPoolError(f"no policy {policy!r}; there are fixed, paper, paper-io and adaptive")
        config.min_threads, config.max_threads, config.interval = min_threads, max_threads, interval
        config.lock = UNKNOWN_LOCK if has_gil() else None
        check(library, library.betapool_controller_create(byref(config), byref(self._handle)))

    def report(self, cpu, wall):
        """A task is done: the CPU and wall seconds it took."""
        check(self._library, self._library.betapool_controller_report(self._handle, cpu, wall))

    def tick(self, now, queue_length):
        """Ends an interval: the Decision."""
        decision = Decision()
        check(self._library, self._library.betapool_controller_tick(self._handle, now, queue_length, byref(decision)))
        return decision

    @contextlib.contextmanager
    def watching(self):
        """While this lasts, the calling thread has a task, and the controller may look at what it is doing."""
        number = check(self._library, self._library.betapool_controller_attach(self._handle))
        try:
            check(self._library, self._library.betapool_controller_set_busy(self._handle, number, True))
            yield
        finally:
            self._library.betapool_controller_detach(self._handle, number)

    def sample(self):
        """Looks at what the watched threads are doing, between two ticks."""
        check(self._library, self._library.betapool_controller_sample(self._handle))

    @property
    def threads(self):
        return check(self._library, self._library.betapool_controller_threads(self._handle))

    @property
    def beta(self):
        return self._library.betapool_controller_beta(self._handle)

    def decisions(self, count=256):
        """The newest decisions, oldest first."""
        log = (Decision * count)()
        return log[: check(self._library, self._library.betapool_controller_get_decisions(self._handle, log, count))]

    def describe(self, decision):
        """A decision as a dict of plain values, its action and reason in words."""
        text = ctypes.create_string_buffer(256)
        check(self._library, self._library.betapool_decision_reason(byref(decision), text, len(text)))
        values = {name: getattr(decision, name) for name, _ in Decision._fields_}
        values = {name: None if value != value else value for name, value in values.items()}  # NaN
        values["action"] = self._library.betapool_action_name(decision.action).decode()
        values["reason"] = text.value.decode()
        return values

    def close(self):
        if self._handle:
            handle, self._handle = self._handle, None
            check(self._library, self._library.betapool_controller_free(handle))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
