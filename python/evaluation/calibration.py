"""How fast an interpreter is, alone: the size of tasks that are given in CPU time follows from it.

Measured once for each interpreter and then the same for all its runs, so that a task is the same task under every strategy.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from typing import Callable

from evaluation.micro import spin
from evaluation.workloads import Setting

REPEATS = 30


def calibrate() -> Setting:
    data = bytes(1 << 20)
    return Setting(
        iterations_per_second=20_000 / least_cpu_seconds(lambda: spin(20_000)),
        digest_bytes_per_second=len(data) / least_cpu_seconds(lambda: hashlib.sha256(data).digest()),
    )


def wait_for(task: Callable[[], object], beta: float) -> int:
    """Microseconds that the task's request must take for the task to have this beta alone. So far its request takes none."""
    cpu, wall = least(seconds_of_each(task) for _ in range(REPEATS))
    return max(0, round(1e6 * (beta / (1 - beta) * cpu - (wall - cpu))))


def least(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    cpu, wall = zip(*pairs)
    return min(cpu), min(wall)


def seconds_of_each(function: Callable[[], object]) -> tuple[float, float]:
    """CPU time and time."""
    wall = time.perf_counter()
    cpu = _cpu_seconds(function)
    return cpu, time.perf_counter() - wall


def least_cpu_seconds(function: Callable[[], object]) -> float:
    """The least of many: what disturbs a measurement of CPU time only ever adds to it."""
    return min(_cpu_seconds(function) for _ in range(REPEATS))


def _cpu_seconds(function: Callable[[], object]) -> float:
    start = time.thread_time()
    function()
    return time.thread_time() - start
