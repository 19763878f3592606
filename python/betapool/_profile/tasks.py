"""How many tasks the pools of this process finish."""

from __future__ import annotations

import concurrent.futures.thread
import functools
import threading
from typing import Any

from betapool import _core, _lifetime
from betapool._profile.estimate import group_of

_MOST_POOLS = 64
"""Pools that are over are let go when there are more."""


class TaskCounts:
    """Counts from start() to stop(), by the group of the threads that ran them: of this project's pools, and of ThreadPoolExecutor's."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._pools: dict[_core.Pool, int] = {}
        self._workers: list[tuple[str, list[int]]] = []
        self._item: Any = getattr(concurrent.futures.thread, "_WorkItem", None)
        self._run: Any = getattr(self._item, "run", None)

    def start(self) -> None:
        for pool in _lifetime.living():
            self._pools[pool] = pool.stats().completed
        _lifetime.observer = self._add
        if self._run is not None:
            self._item.run = self._counting(self._run)

    def stop(self) -> dict[str, int]:
        _lifetime.observer = None
        if self._run is not None:
            self._item.run = self._run
        for pool in list(self._pools):
            self._take(pool)
        for group, count in self._workers:
            if count[0]:  # whoever makes the counter is one of them
                self._note(group, count[0])
        return self._counts

    def _add(self, pool: _core.Pool) -> None:
        """A new pool. Its executor can end without it: to hold it keeps no thread and no task."""
        if len(self._pools) >= _MOST_POOLS:
            for other in [other for other in self._pools if other.is_over and other.stats().threads == 0]:
                self._take(other)
        self._pools[pool] = 0

    def _take(self, pool: _core.Pool) -> None:
        self._note(group_of(f"{pool.crew.prefix}_0"), pool.stats().completed - self._pools.pop(pool))

    def _note(self, group: str, count: int) -> None:
        self._counts[group] = self._counts.get(group, 0) + count

    def _counting(self, run: Any) -> Any:
        workers = self._workers

        class Worker(threading.local):
            """Each thread counts for itself: one number for all would be fought for where there is no GIL."""

            def __init__(self) -> None:
                self.count = [0]
                workers.append((group_of(threading.current_thread().name), self.count))

        worker = Worker()

        @functools.wraps(run)
        def run_and_count(item: Any, *arguments: Any) -> Any:
            result = run(item, *arguments)
            worker.count[0] += 1
            return result

        return run_and_count
