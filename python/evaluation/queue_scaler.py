"""The queue-depth scaler that many programs have: a thread more while tasks wait, a thread less while none does."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Executor, Future
from typing import Any, Callable

INTERVAL = 0.1
"""Seconds between two looks at the queue: as often as betapool's own default policy looks."""


class QueueScaler(Executor):
    """Looks at the length of the queue and at nothing else, as the "queue-depth scaler" of the paper's Table X does."""

    def __init__(self, max_workers: int) -> None:
        self._max_workers = max_workers
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._workers: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._add_worker()
        self._scaler = threading.Thread(target=self._scale, name="queue-scaler")
        self._scaler.start()

    def thread_count(self) -> int:
        return len(self._workers)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._calls.put((future, lambda: fn(*args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True) -> None:  # type: ignore[override]  # cancel_futures: nobody here asks for it
        """Queued calls still run."""
        self._ended.set()
        self._scaler.join()
        with self._lock:
            workers = list(self._workers)
        for _ in workers:
            self._calls.put(None)
        if wait:
            for worker in workers:
                worker.join()

    def _scale(self) -> None:
        while not self._ended.wait(INTERVAL):
            if not self._calls.empty():
                if len(self._workers) < self._max_workers:
                    self._add_worker()
            elif len(self._workers) > 1:
                self._calls.put(None)  # whoever takes it leaves

    def _add_worker(self) -> None:
        worker = threading.Thread(target=self._work, daemon=True)
        with self._lock:
            self._workers.add(worker)
        worker.start()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as error:
                    future.set_exception(error)
            del call, future, function
        with self._lock:
            self._workers.discard(threading.current_thread())
