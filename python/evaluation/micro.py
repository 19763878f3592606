"""The paper's mixed task, in a module that needs little: processes and interpreters are given it by its name, and each imports it."""

from __future__ import annotations

import time

ITERATIONS, SLEEP = 1000, 0.0001


def spin(iterations: int) -> None:
    """Computes in Python, under the GIL where there is one."""
    total = 0
    for _ in range(iterations):
        total += 1  # noqa: SIM113  (the addition is the work)


def micro() -> None:
    spin(ITERATIONS)
    time.sleep(SLEEP)
