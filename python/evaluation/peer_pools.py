"""The peers as pools that the benches can use alike. Each imports its library when it is made: only one is in a process."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from evaluation.peers import PEERS
from evaluation.strategies import REFERENCE_VERSION


class Futures:
    """Has submit() and map() of concurrent.futures' executors, and gives futures."""

    result = staticmethod(operator.methodcaller("result"))

    def __init__(self, executor: Any) -> None:
        self.executor = executor
        self.submit = executor.submit

    def run(self, task: Callable[[], object], count: int) -> None:
        """So many calls, and the result of each."""
        for future in [self.submit(task) for _ in range(count)]:
            future.result()

    def map(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Any]:
        return list(self.executor.map(task, items))

    def close(self) -> None:
        """Returns when the threads have ended."""
        self.executor.shutdown()


class MultiprocessingPool:
    result = staticmethod(operator.methodcaller("get"))

    def __init__(self, workers: int) -> None:
        from multiprocessing.pool import ThreadPool

        self._pool = ThreadPool(workers)

    def submit(self, task: Callable[..., object], *arguments: Any) -> Any:
        return self._pool.apply_async(task, arguments)

    def run(self, task: Callable[[], object], count: int) -> None:
        for result in [self._pool.apply_async(task) for _ in range(count)]:
            result.get()

    def map(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Any]:
        return list(self._pool.imap(task, items))

    def close(self) -> None:
        self._pool.close()
        self._pool.join()


class FastThreadPool:
    """Its results are in a queue: there is nothing to wait for them with but a look at it."""

    def __init__(self, workers: int) -> None:
        import fastthreadpool

        self._pool = fastthreadpool.Pool(workers)
        self.submit = self._pool.submit

    def run(self, task: Callable[[], object], count: int) -> None:
        for _ in range(count):
            self._pool.submit(task)
        take, left = self._pool.done.popleft, count
        while left:
            try:
                take()
                left -= 1
            except IndexError:
                time.sleep(0.0005)

    def close(self) -> None:
        self._pool.shutdown()


class JoblibThreads:
    def __init__(self, workers: int) -> None:
        import joblib

        self._delayed = joblib.delayed
        self._parallel = joblib.Parallel(n_jobs=workers, backend="threading").__enter__()  # which keeps its threads until close()

    def run(self, task: Callable[[], object], count: int) -> None:
        self._parallel(self._delayed(task)() for _ in range(count))

    def map(self, task: Callable[[Any], object], items: Iterable[Any]) -> list[Any]:
        return list(self._parallel(self._delayed(task)(item) for item in items))

    def close(self) -> None:
        self._parallel.__exit__(None, None, None)


def make(peer: str, workers: int, least: int = 1) -> Any:
    """A pool of so many threads; one that chooses their number goes from `least` to that."""
    if peer == "tpe":
        return Futures(ThreadPoolExecutor(workers))
    if peer == "fixed":
        return Futures(_betapool().AdaptiveThreadPoolExecutor(workers, policy="fixed"))
    if peer == "adaptive":
        return Futures(_betapool().AdaptiveThreadPoolExecutor(workers, min_workers=least))
    if peer == "reference":
        betapool = _betapool()
        if betapool.__version__ != REFERENCE_VERSION:
            raise RuntimeError(f"the reference is betapool {REFERENCE_VERSION}, but {betapool.__version__} was imported")
        return Futures(betapool.AdaptiveThreadPoolExecutor(max(least, min(4, workers)), workers))  # 4 is its default
    if peer == "fastthreadpool":
        return FastThreadPool(workers)
    if peer == "ft-utils":
        return Futures(_on_concurrent_queue(workers))
    if peer == "multiprocessing":
        return MultiprocessingPool(workers)
    if peer == "joblib":
        return JoblibThreads(workers)
    raise ValueError(f"no peer is called {peer}; there are {', '.join(PEERS)}")


def _betapool() -> Any:
    """This project's, or the reference package aside: the process's path decides."""
    import betapool

    return betapool


def _on_concurrent_queue(workers: int) -> ThreadPoolExecutor:
    from ft_utils.concurrency import StdConcurrentQueue

    executor = ThreadPoolExecutor(workers)
    executor._work_queue = StdConcurrentQueue()
    return executor
