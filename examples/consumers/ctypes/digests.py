#!/usr/bin/env python3
"""SHA-256 of files, as sha256sum prints it, on BetaPool's native threads: ctypes alone, no extension and no compiler.

    digests.py [FILE...]        without a file: the modules of json in Python's standard library

The tasks are Python functions, called by threads that Python did not start. Reading and hashing let go of the GIL: they run side by side.
BETAPOOL_LIBRARY names the library if it is not where the system looks.
"""

import ctypes
import hashlib
import json
import os
import sys
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint32, c_void_p
from pathlib import Path

Task = ctypes.CFUNCTYPE(None, c_void_p, c_int)  # betapool_function


class Config(ctypes.Structure):
    """struct betapool_config"""

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
        ("callbacks", c_void_p * 4),
        ("host", c_void_p),
        ("lock", c_void_p),
        ("lock_size", c_size_t),
    ]


class Library:
    """The functions of libbetapool that are used here. A negative result becomes an OSError."""

    def __init__(self):
        try:
            library = ctypes.CDLL(os.environ.get("BETAPOOL_LIBRARY", "libbetapool.so.1"))
        except OSError as error:
            raise OSError(f"{error}; name the library with BETAPOOL_LIBRARY") from None
        self._strerror = library.betapool_strerror
        self._strerror.restype = c_char_p
        self.config_init = self._function(library.betapool_config_init, POINTER(Config))
        self.create = self._function(library.betapool_create, POINTER(Config), POINTER(c_void_p))
        self.submit = self._function(library.betapool_submit, c_void_p, Task, c_void_p)
        self.free = self._function(library.betapool_free, c_void_p)

    def _function(self, function, *arguments):
        function.argtypes, function.restype, function.errcheck = arguments, c_int, self._check
        return function

    def _check(self, code, _function, _arguments):
        if code < 0:
            raise OSError(-code, self._strerror(code).decode())
        return code


class Digests:
    """The digests of files; an OSError in the place of one that cannot be read."""

    def __init__(self, paths):
        self.paths = paths
        self.results = [None] * len(paths)
        self._task = Task(self._digest)  # must live until the last task has run

    def _digest(self, index, status):
        try:
            if status != 0:
                raise OSError(-status, os.strerror(-status))
            self.results[index or 0] = hashlib.sha256(self.paths[index or 0].read_bytes()).hexdigest()  # ctypes says None for a NULL
        except OSError as error:
            self.results[index or 0] = error

    def compute(self, library):
        config, pool = Config(), c_void_p()
        library.config_init(config)
        config.thread_name = b"digests"
        config.lock = c_void_p(-1).value  # BETAPOOL_UNKNOWN_LOCK: there is a GIL, ctypes cannot say where
        library.create(config, pool)
        try:
            for index in range(len(self.paths)):
                library.submit(pool, self._task, index)
        finally:
            library.free(pool)  # runs what is queued, and waits for it
        return self.results


def main():
    paths = [Path(argument) for argument in sys.argv[1:]] or sorted(Path(json.__file__).parent.glob("*.py"))
    status = 0
    try:
        results = Digests(paths).compute(Library())
    except OSError as error:
        sys.exit(f"digests: {error}")
    for path, result in zip(paths, results):
        if isinstance(result, OSError):
            print(f"digests: {path}: {result.strerror}", file=sys.stderr)
            status = 1
        else:
            print(f"{result}  {path}")
    return status


if __name__ == "__main__":
    sys.exit(main())
