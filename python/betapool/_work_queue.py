"""What stands for the queue.SimpleQueue in ThreadPoolExecutor._work_queue, which some libraries look into, and put into."""

from __future__ import annotations

import functools
import queue
from concurrent.futures import Future
from concurrent.futures.thread import BrokenThreadPool
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

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Takes what ThreadPoolExecutor.submit makes of a call: it does if somebody has instrumented it, and then has the last word."""
        if item is None:
            return  # to wake a worker: ours need no such call
        run = self._pool.submit(item.run)
        if run is None:
            broken = self._pool.crew.broken
            raise BrokenThreadPool(broken) if broken else RuntimeError("cannot schedule new futures after shutdown")
        run.add_done_callback(functools.partial(_settle, item.future))

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


def _settle(future: Future[Any], run: Future[Any]) -> None:
    """The pool has run an item, and resolved its future; or given it up."""
    if run.cancelled():
        future.cancel()
        future.set_running_or_notify_cancel()
        return
    exception = run.exception()
    if exception is not None and future.set_running_or_notify_cancel():
        future.set_exception(exception)
