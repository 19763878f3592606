"""What a pool costs in memory (Table IX), while it runs the paper's mixed workload.

RSS is the paper's measure: each process counts whole, what it shares with its parent too. PSS gives every process its share of such pages.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

from evaluation import pools, processes
from evaluation.gil import require_no_gil
from evaluation.memory_strategies import INTERPRETERS, PROCESSES
from evaluation.micro import micro
from evaluation.strategies import Strategy

OUTSTANDING = 192


def measure(request: dict[str, Any]) -> dict[str, float]:
    require_no_gil()
    strategy, seconds = Strategy(*request["strategy"]), request["seconds"]
    before = processes.memory()
    with make(strategy, request["max_workers"]) as executor:
        loop = Refilled(executor)
        began = time.monotonic()
        loop.start()
        time.sleep(max(0.0, began + seconds / 2 - time.monotonic()))
        half, done_by_half = time.monotonic(), loop.done()
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        rate = (loop.done() - done_by_half) / (time.monotonic() - half)
        during = processes.memory()
        loop.stop()
    if loop.failures:
        raise loop.failures[0]
    mb = {"rss": during.rss / 1e6, "pss": during.pss / 1e6, "rss_before": before.rss / 1e6, "pss_before": before.pss / 1e6}
    return {**mb, "processes": during.processes, "rate": rate}


def make(strategy: Strategy, max_workers: int) -> Executor:
    if strategy.name == PROCESSES:
        return ProcessPoolExecutor(strategy.threads)
    if strategy.name == INTERPRETERS:
        from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined]  # of 3.14

        executor: Executor = InterpreterPoolExecutor(strategy.threads)
        return executor
    return pools.make(strategy, max_workers).executor


class Refilled:
    """A closed loop that processes can be given too: what is done is followed by a new task, submitted by whoever says that it is done."""

    def __init__(self, executor: Executor) -> None:
        self.failures: list[BaseException] = []
        self._executor = executor
        self._is_over = False
        counts: list[list[int]] = []

        class Count(threading.local):
            def __init__(self) -> None:
                self.of_thread = [0]
                counts.append(self.of_thread)

        self._count = Count()
        self._counts = counts

    def start(self) -> None:
        for _ in range(OUTSTANDING):
            self._submit()

    def stop(self) -> None:
        self._is_over = True

    def done(self) -> int:
        return sum(count for [count] in list(self._counts))

    def _submit(self) -> None:
        self._executor.submit(micro).add_done_callback(self._follow)

    def _follow(self, future: Future[None]) -> None:
        self._count.of_thread[0] += 1
        failure = future.exception()
        if failure is not None:
            self.failures.append(failure)
        elif not self._is_over:
            try:
                self._submit()
            except RuntimeError as error:
                if not self._is_over:  # else the pool has been shut down since
                    self.failures.append(error)
