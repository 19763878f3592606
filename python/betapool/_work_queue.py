"""What stands for the queue.SimpleQueue in ThreadPoolExecutor._work_queue, which some libraries look into."""

from __future__ import annotations

import queue
from concurrent.futures import Future
from typing import Any, Callable, NamedTuple

from betapool import _core


class WorkItem(NamedTuple):
    """A call that was taken back before it began. Its future stays pending: cancel or resolve it."""

    future: Future[Any]
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class WorkQueue:
    """The calls of an executor that have not begun."""

    def __init__(self, pool: _core.Pool) -> None:
        self._pool = pool

    def qsize(self) -> int:
        return self._pool.stats().queue_length

    def empty(self) -> bool:
        return self.qsize() == 0

    def get(self, block: bool = True, timeout: float | None = None) -> WorkItem:
        """Takes back the oldest call. Raises queue.Empty if there is none, at once: only workers wait for calls."""
        taken = self._pool.take()
        if taken is None:
            raise queue.Empty
        return WorkItem(*taken)

    def get_nowait(self) -> WorkItem:
        return self.get(block=False)
