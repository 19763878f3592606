"""What becomes of pools when the interpreter ends, or forks."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

from betapool import _core

_lock = threading.RLock()
_pools: set[weakref.ref[_core.Pool]] = set()  # a WeakSet does the same in Python code
_has_ended = False

observer: Callable[[_core.Pool], object] | None = None
"""Told of each new pool, by one thread at a time; in no child of a fork."""


def watch(pool: _core.Pool) -> None:
    """From now on the pool ends in order with the interpreter, and stays usable in the child of a fork."""
    with _lock:
        _pools.add(weakref.ref(pool, _pools.discard))
        if _has_ended:
            pool.shutdown(False)
        if observer is not None:
            observer(pool)


def living() -> list[_core.Pool]:
    return [pool for pool in [reference() for reference in list(_pools)] if pool is not None]


def interpreter_has_ended() -> bool:
    return _has_ended


def _end() -> None:
    """Lets queued work finish, as concurrent.futures does: while daemon threads still run and before atexit's functions."""
    global _has_ended
    with _lock:
        _has_ended = True
        pools = living()
    for pool in pools:
        pool.shutdown(False)
    for pool in pools:
        # multiprocessing forks in whatever thread it is called, and ends the child there: a worker cannot wait for itself.
        if threading.current_thread() not in pool.crew.threads:
            pool.crew.join(pool)


def _after_fork_in_child() -> None:
    global _lock, observer
    _lock = threading.RLock()
    observer = None
    for pool in living():
        pool.crew.forked(pool)


# Not atexit: its functions run when the threads that are not daemons have been joined, and ours end only when told to.
threading._register_atexit(_end)  # type: ignore[attr-defined]

# The lock is held across the fork, so that the child finds the set of pools whole.
os.register_at_fork(before=lambda: _lock.acquire(), after_in_parent=lambda: _lock.release(), after_in_child=_after_fork_in_child)
