"""A closed loop of load: a constant number of tasks is outstanding, and each submits its successor.

So there is no submitting thread that could be the bottleneck, and the queue is never empty. To submit is part of the task: in an executor
with a lock in its submit() the workers may wait there for each other, and would seem quick if that were left out. All that the loop keeps
is two clock readings for each task, in an array that belongs to the worker: anything shared between workers would be measured too.

The load goes on for a while after what is measured. Where it ends the threads that still have a task share the cores, or the GIL, with ever
fewer others; those tasks end too soon, and a pool of many threads would be credited with more of their work than it did.
"""

from __future__ import annotations

import threading
import time
from array import array
from concurrent.futures import Executor
from typing import Callable

from evaluation.workloads import Task

SECONDS_TO_START = 25.0
"""What a pool may take to start the threads of a static count."""
OVERTIME = 0.25
"""Of the time that is measured: so much longer the load goes on."""


def hold_workers(executor: Executor, threads: int) -> Callable[[], None]:
    """Lets the executor start so many threads and makes them wait until the function that is returned is called."""
    everyone = threading.Barrier(threads + 1, timeout=SECONDS_TO_START)
    gate = threading.Event()

    def wait() -> None:
        everyone.wait()
        gate.wait()

    for _ in range(threads):
        executor.submit(wait)
    try:
        everyone.wait()
    except threading.BrokenBarrierError:
        gate.set()
        raise RuntimeError(f"{threads} threads had not started after {SECONDS_TO_START:g} s") from None
    return gate.set


class ClosedLoop:
    """One run of `seconds` that has begun at `began`, and its overtime; or until end()."""

    def __init__(self, task: Task, outstanding: int, began: float, seconds: float, overtime: float | None = None) -> None:
        self.failures: list[BaseException] = []
        self._task = task
        self._outstanding = outstanding
        self._workers: list[tuple[int, array[float]]] = []
        self._ends = began + seconds + (OVERTIME * seconds if overtime is None else overtime)

    def start(self, executor: Executor) -> None:
        run = self._make_run(executor)
        for _ in range(self._outstanding):
            if time.monotonic() >= self._ends or self.failures:  # with many threads at work even this may take long
                return
            executor.submit(run)

    def end(self) -> None:
        """Now: no task begins any more."""
        self._ends = time.monotonic()
        self._end()

    def wait(self) -> None:
        """Until the overtime is over. Only then may the executor be shut down."""
        while (left := self._ends - time.monotonic()) > 0 and not self.failures:
            time.sleep(min(left, 0.1))

    def worker_ids(self) -> set[int]:
        """Native ids of the threads that have had a task."""
        return {native_id for native_id, _ in list(self._workers)}

    def spans(self) -> list[array[float]]:
        """For each thread start, end, start, end, ... of its tasks. For when the pool has ended."""
        return [spans for _, spans in self._workers]

    def _make_run(self, executor: Executor) -> Task:
        now, ends, task, submit, failures, workers = time.monotonic, self._ends, self._task, executor.submit, self.failures, self._workers

        class Worker(threading.local):
            def __init__(self) -> None:
                spans = array("d")
                self.record = spans.append
                workers.append((threading.get_native_id(), spans))

        worker = Worker()

        def run() -> None:
            record = worker.record
            start = now()
            if start >= ends or failures:
                return
            try:
                task()
            except BaseException as failure:
                failures.append(failure)
                return
            if now() < ends:
                submit(run)
            record(start)
            record(now())

        def end() -> None:
            nonlocal ends
            ends = self._ends

        self._end = end
        return run
