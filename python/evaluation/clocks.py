"""What it costs to measure a task (Table III): the paper's four clock calls in Python beside ours, all in the same loop."""

from __future__ import annotations

import gc
import math
import operator
import statistics
import time
from array import array
from collections.abc import Sequence
from typing import Any, Callable

import betapool
from evaluation import peer_pools
from evaluation.gil import require_no_gil
from evaluation.load import hold_workers

WORKERS = 4
TASKS = 100
"""Given to a pool at once."""


def measure(request: dict[str, Any]) -> dict[str, dict[str, float]]:
    require_no_gil()
    calls = request["calls"]
    timings = {name: in_microseconds(timed(call, calls)) for name, call in single_calls().items()}
    by_policy = through_pools(max(10, calls // TASKS))
    for name, beyond in (("measuring", "adaptive"), ("timing", "timed")):
        by_policy[name] = array("d", map(operator.sub, by_policy[beyond], by_policy["fixed"]))
    del by_policy["timed"]  # no row of its own: what it adds to the other is what there is to say
    return {**timings, **{policy: in_microseconds(seconds) for policy, seconds in by_policy.items()}}


def single_calls() -> dict[str, Callable[[], object]]:
    wall_time, cpu_time = time.time, time.thread_time
    controller = betapool.Controller(policy="adaptive")
    task, report = controller.task, controller.report

    def four() -> None:
        wall_time()
        cpu_time()
        cpu_time()
        wall_time()

    def with_task() -> None:
        with task():
            pass

    return {
        "time": wall_time,
        "thread_time": cpu_time,
        "four": four,
        "nothing": nothing,
        "task": with_task,
        "report": lambda: report(0.0001, 0.0002),
    }


def nothing() -> None:
    pass


def timed(call: Callable[[], object], count: int) -> array[float]:
    """Seconds of each call, the reading of the loop's own clock among them."""
    seen = array("d", bytes(8 * count))
    now = time.perf_counter
    for warm in (True, False):
        gc.collect()
        for number in range(min(count, 1000) if warm else count):
            start = now()
            call()
            seen[number] = now() - start
    return seen


def through_pools(passes: int) -> dict[str, array[float]]:
    """Seconds of a task that does nothing, a mean of many given at once. The pools take turns, so that what disturbs one disturbs both."""
    pools = {policy: peer_pools.make(policy, WORKERS, WORKERS) for policy in ("fixed", "adaptive")}
    pools["timed"] = peer_pools.Futures(betapool.AdaptiveThreadPoolExecutor(WORKERS, policy="fixed", timing=True))
    seen = {policy: array("d") for policy in pools}
    try:
        for pool in pools.values():
            hold_workers(pool, WORKERS)()
        for number in range(passes + passes // 10):
            for policy, pool in pools.items():
                start = time.perf_counter()
                pool.run(nothing, TASKS)
                seconds = (time.perf_counter() - start) / TASKS
                if number >= passes // 10:  # those before are to warm up
                    seen[policy].append(seconds)
    finally:
        for pool in pools.values():
            pool.close()
    return seen


def in_microseconds(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return {"mean": 1e6 * statistics.fmean(ordered), "median": 1e6 * statistics.median(ordered), "p99": 1e6 * p99}
