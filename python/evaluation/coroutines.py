"""Event loops instead of threads: so many tasks are under way at once, and each is followed by its successor (Table X).

asyncio and gevent wait for the sleep of a task in their own way. With asyncio.to_thread() the task is the one that threads are given,
and an executor runs it: asyncio's own, or this project's in its place.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from evaluation import timeline
from evaluation.load import OVERTIME
from evaluation.micro import spin
from evaluation.statistics import histogram
from evaluation.strategies import Strategy
from evaluation.workloads import Setting, Workload


class Clients:
    """Each has one task under way, as long as the load goes on, and keeps what it saw for itself."""

    def __init__(self, count: int, seconds: float) -> None:
        self.began = time.monotonic()
        self.ends = self.began + seconds * (1 + OVERTIME)
        self.spans = [array("d") for _ in range(count)]
        self.threads = 1
        """That the tasks had in the end."""


def measure(strategy: Strategy, workload: Workload, setting: Setting, seconds: float, max_workers: int) -> dict[str, Any]:
    """What measurement.measure says of every strategy."""
    assert strategy.threads is not None and workload.parts is not None
    iterations, pause = workload.parts
    if strategy.name == "gevent":
        clients = by_gevent(strategy.threads, seconds, iterations, pause)
    elif strategy.name == "asyncio":
        clients = asyncio.run(by_asyncio(strategy.threads, seconds, iterations, pause))
    else:
        clients = asyncio.run(by_executor(strategy, seconds, workload.make(setting), max_workers))
    done = timeline.build(clients.spans, clients.began, seconds)
    threads = {"threads": clients.threads, "most_threads": clients.threads, "working_threads": clients.threads, "path": []}
    return {**done.figures(), "latencies": histogram(done.latencies), "loaded": 0.0, "controller_cpu": None, **threads}


async def by_asyncio(count: int, seconds: float, iterations: int, pause: float) -> Clients:
    clients, now, sleep = Clients(count, seconds), time.monotonic, asyncio.sleep

    async def client(spans: array[float]) -> None:
        while (start := now()) < clients.ends:
            spin(iterations)
            await sleep(pause)
            spans.append(start)
            spans.append(now())

    await asyncio.gather(*map(client, clients.spans))
    return clients


async def by_executor(strategy: Strategy, seconds: float, task: Callable[[], None], max_workers: int) -> Clients:
    assert strategy.threads is not None
    executor = executor_of(strategy, max_workers)
    asyncio.get_running_loop().set_default_executor(executor)
    clients, now = Clients(strategy.threads, seconds), time.monotonic

    async def client(spans: array[float]) -> None:
        while (start := now()) < clients.ends:
            await asyncio.to_thread(task)
            spans.append(start)
            spans.append(now())

    await asyncio.gather(*map(client, clients.spans))
    clients.threads = len(executor._threads)
    return clients


def executor_of(strategy: Strategy, max_workers: int) -> ThreadPoolExecutor:
    if strategy.name == "to-thread":
        return ThreadPoolExecutor()  # as asyncio makes it itself
    from betapool import AdaptiveThreadPoolExecutor

    return AdaptiveThreadPoolExecutor(max_workers)


def by_gevent(count: int, seconds: float, iterations: int, pause: float) -> Clients:
    import gevent

    clients, now, sleep = Clients(count, seconds), time.monotonic, gevent.sleep

    def client(spans: array[float]) -> None:
        while (start := now()) < clients.ends:
            spin(iterations)
            sleep(pause)
            spans.append(start)
            spans.append(now())

    gevent.joinall([gevent.spawn(client, spans) for spans in clients.spans], raise_error=True)
    return clients
