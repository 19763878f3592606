"""What the executors are asked to do and timed at. Each bench is run in a process of its own (cell.py)."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import threading
import time
from array import array
from collections.abc import Iterator
from concurrent.futures import as_completed, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, NamedTuple

from evaluation import peer_pools
from evaluation.gil import require_no_gil
from evaluation.load import hold_workers
from evaluation.micro import spin
from evaluation.peers import PEERS
from evaluation.workloads import Setting

GATHERED = 100
PASS_SECONDS = 0.1
"""That one pass of tasks that compute or sleep would take, if they had a core each or nothing else to wait for."""
LEAST_SAMPLES = 3
PATIENCE = 10
"""How many times the seconds to be measured may pass if what is measured is a small part of what must be done for it."""


class Sizes(NamedTuple):
    tasks: int
    """In a pass."""
    queued: int
    """Tasks whose memory is measured."""
    threads: int
    """That are idle."""
    seconds: float
    """That are measured at least, after as long a time to warm up."""


class Figure(NamedTuple):
    """A row of the table."""

    title: str
    """May name the fields of Sizes."""
    unit: str
    lower_is_better: bool = False


@dataclass(frozen=True)
class Ground:
    """Where a bench is run."""

    peer: str
    sizes: Sizes
    setting: Setting

    @contextlib.contextmanager
    def pool(self, workers: int, least: int = 1) -> Iterator[Any]:
        pool = peer_pools.make(self.peer, workers, least)
        try:
            if (least == workers or not PEERS[self.peer].adapts) and "submit" in PEERS[self.peer].can:
                hold_workers(pool, workers)()  # all are there from now on
            yield pool
        finally:
            pool.close()


@dataclass(frozen=True)
class Bench:
    figures: dict[str, Figure]
    """By the names that `run` gives the values."""
    run: Callable[[Ground], dict[str, float]]
    needs: str = "submit"
    """Of a peer (peers.LACKS)."""


def nothing() -> None:
    pass


def same(value: int) -> int:
    return value


# ---- Tasks per second --------------------------------------------------------------------------------------------------------------

Pass = Callable[[], object]


def rate(title: str, workers: int, prepare: Callable[[Any, Ground], tuple[Pass, int]], needs: str) -> Bench:
    """prepare: gives what is repeated, and how many tasks are in it."""

    def run(ground: Ground) -> dict[str, float]:
        with ground.pool(workers) as pool:
            one_pass, tasks = prepare(pool, ground)
            repeat(one_pass, ground.sizes.seconds)
            gc.collect()
            passes, seconds = repeat(one_pass, ground.sizes.seconds)
        return {"rate": passes * tasks / seconds}

    return Bench({"rate": Figure(title, "tasks/s")}, run, needs)


def repeat(one_pass: Pass, seconds: float) -> tuple[int, float]:
    """How often, and how long that took: as long as asked for, or longer by a part of a pass."""
    passes, began = 0, time.monotonic()
    while True:
        one_pass()
        passes += 1
        elapsed = time.monotonic() - began
        if elapsed >= seconds:
            return passes, elapsed


def bulk(pool: Any, ground: Ground) -> tuple[Pass, int]:
    return lambda: pool.run(nothing, ground.sizes.tasks), ground.sizes.tasks


def by_producers(producers: int) -> Callable[[Any, Ground], tuple[Pass, int]]:
    def prepare(pool: Any, ground: Ground) -> tuple[Pass, int]:
        share = max(1, ground.sizes.tasks // producers)

        def one_pass() -> None:
            threads = [threading.Thread(target=pool.run, args=(nothing, share)) for _ in range(producers)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        return one_pass, producers * share

    return prepare


def mapped(pool: Any, ground: Ground) -> tuple[Pass, int]:
    tasks = ground.sizes.tasks
    if pool.map(same, range(tasks)) != list(range(tasks)):
        raise RuntimeError("its map() does not give the results in order")
    return lambda: pool.map(same, range(tasks)), tasks


def waited_for(pool: Any, ground: Ground) -> tuple[Pass, int]:
    return lambda: wait([pool.submit(nothing) for _ in range(ground.sizes.tasks)]), ground.sizes.tasks


def completed(pool: Any, ground: Ground) -> tuple[Pass, int]:
    def one_pass() -> None:
        for future in as_completed([pool.submit(nothing) for _ in range(ground.sizes.tasks)]):
            future.result()

    return one_pass, ground.sizes.tasks


def gathered(pool: Any, ground: Ground) -> tuple[Pass, int]:
    gathers = max(1, ground.sizes.tasks // GATHERED)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(gathers):
            await asyncio.gather(*(loop.run_in_executor(pool.executor, nothing) for _ in range(GATHERED)))

    return lambda: asyncio.run(main()), gathers * GATHERED


def computing(seconds: float) -> Callable[[Any, Ground], tuple[Pass, int]]:
    def prepare(pool: Any, ground: Ground) -> tuple[Pass, int]:
        iterations, tasks = ground.setting.iterations(seconds), round(PASS_SECONDS / seconds)
        return lambda: pool.run(lambda: spin(iterations), tasks), tasks

    return prepare


def sleeping(seconds: float, workers: int) -> Callable[[Any, Ground], tuple[Pass, int]]:
    def prepare(pool: Any, ground: Ground) -> tuple[Pass, int]:
        tasks = workers * round(PASS_SECONDS / seconds)
        return lambda: pool.run(lambda: time.sleep(seconds), tasks), tasks

    return prepare


# ---- Times, and memory -------------------------------------------------------------------------------------------------------------


def ping_pong(ground: Ground) -> dict[str, float]:
    with ground.pool(4) as pool:
        submit, result, now = pool.submit, pool.result, time.perf_counter

        def times() -> array[float]:
            seen = array("d")
            end = now() + ground.sizes.seconds
            start = now()
            while start < end:
                result(submit(nothing))
                start, before = now(), start
                seen.append(start - before)
            return seen

        times()
        gc.collect()
        seen = sorted(times())
    return {name: 1e6 * seen[int(share * (len(seen) - 1))] for name, share in (("p50", 0.50), ("p99", 0.99))}


def first_task(ground: Ground) -> dict[str, float]:
    """From the making of the pool until its first task has begun."""

    def once() -> float:
        began_task: list[float] = []
        began = time.perf_counter()
        pool = peer_pools.make(ground.peer, 4)
        try:
            pool.run(lambda: began_task.append(time.perf_counter()), 1)
        finally:
            pool.close()
        return began_task[0] - began

    return {"first": 1e6 * sampled(once, ground.sizes.seconds)}


def shutdown(ground: Ground) -> dict[str, float]:
    def once() -> float:
        pool = peer_pools.make(ground.peer, ground.sizes.threads, ground.sizes.threads)
        hold_workers(pool, ground.sizes.threads)()
        time.sleep(0.02)  # they are idle by then
        began = time.perf_counter()
        pool.close()
        return time.perf_counter() - began

    return {"shutdown": 1e3 * sampled(once, ground.sizes.seconds)}


def sampled(once: Callable[[], float], seconds: float) -> float:
    """The median of what was measured in that time, without the first."""
    once()
    gc.collect()
    seen: list[float] = []
    ends = time.monotonic() + PATIENCE * seconds
    while len(seen) < LEAST_SAMPLES or (sum(seen) < seconds and time.monotonic() < ends):
        seen.append(once())
    return statistics.median(seen)


def queued_memory(ground: Ground) -> dict[str, float]:
    """What keeps a task that waits, and its future, which the submitter holds."""
    workers, queued = 4, ground.sizes.queued
    with ground.pool(workers, workers) as pool:
        let_go = hold_workers(pool, workers)
        try:
            submit, handles = pool.submit, [None] * queued
            gc.collect()
            before = resident()
            for number in range(queued):
                handles[number] = submit(nothing)
            grown = resident() - before
        finally:
            let_go()
    return {"queued": grown / queued}


def thread_memory(ground: Ground) -> dict[str, float]:
    threads = ground.sizes.threads
    with ground.pool(1):
        pass  # what the first pool of a process costs beyond its threads
    gc.collect()
    before = resident()
    with ground.pool(threads, threads):
        time.sleep(0.05)  # they are idle by then
        grown = resident() - before
    return {"idle": grown / threads / 1024}


def resident() -> int:
    """Bytes of this process that are in memory."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


# ---- All of them -------------------------------------------------------------------------------------------------------------------

BENCHES = {
    "bulk-1": rate("submit {tasks:,} and take results, 1 worker", 1, bulk, "one-worker"),
    "bulk-4": rate("submit {tasks:,} and take results, 4 workers", 4, bulk, "run"),
    "bulk-32": rate("submit {tasks:,} and take results, 32 workers", 32, bulk, "run"),
    "producers": rate("4 threads submit {tasks:,}, 4 workers", 4, by_producers(4), "submit"),
    "map": rate("map() over {tasks:,}, 4 workers", 4, mapped, "map"),
    "wait": rate("wait() for {tasks:,}, 4 workers", 4, waited_for, "futures"),
    "as-completed": rate("as_completed() of {tasks:,}, 4 workers", 4, completed, "futures"),
    "asyncio": rate(f"run_in_executor() {GATHERED} at a time, 4 workers", 4, gathered, "futures"),
    "compute-10us": rate("tasks that compute 10 us, 4 workers", 4, computing(10e-6), "run"),
    "compute-100us": rate("tasks that compute 100 us, 4 workers", 4, computing(100e-6), "run"),
    "compute-1ms": rate("tasks that compute 1 ms, 4 workers", 4, computing(1e-3), "run"),
    "sleep-1ms": rate("tasks that sleep 1 ms, 32 workers", 32, sleeping(1e-3, 32), "run"),
    "ping-pong": Bench(
        {
            "p50": Figure("submit one and take its result, median", "us", lower_is_better=True),
            "p99": Figure("submit one and take its result, P99", "us", lower_is_better=True),
        },
        ping_pong,
        "result",
    ),
    "first-task": Bench({"first": Figure("first task of a new pool begins", "us", lower_is_better=True)}, first_task, "run"),
    "shutdown": Bench({"shutdown": Figure("shutdown of {threads} idle threads", "ms", lower_is_better=True)}, shutdown),
    "queued-memory": Bench({"queued": Figure("memory of a queued task", "bytes", lower_is_better=True)}, queued_memory),
    "thread-memory": Bench({"idle": Figure("memory of an idle thread", "KiB", lower_is_better=True)}, thread_memory),
}
"""In the order of the tables."""


def measure(request: dict[str, Any]) -> dict[str, float]:
    ground = Ground(request["peer"], Sizes(*request["sizes"]), Setting(**request["setting"]))
    measured = BENCHES[request["bench"]].run(ground)
    require_no_gil()  # only now: the benches import what they measure
    return measured
