#!/usr/bin/env python3
"""A sensor loop within the means of a small board: one core and 512 MB, whatever machine this is.

Sixteen sensors are read ten times a second. A reading waits for the sensor, is filtered on the CPU and sent to a service. What is too late
is counted: the loop never waits for a reading.
"""

import os
import resource
import statistics
import time

from betapool import AdaptiveThreadPoolExecutor
from upstream import get, upstream

MEMORY = 512 << 20
SENSORS, PERIOD, ROUNDS = 16, 0.1, 30


def like_a_board():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))  # heap and stacks, as by `ulimit -d`


def read(address, sensor, due):
    time.sleep(0.01)  # as the bus would take
    samples = [(sensor * 31 + number * 17) % 101 for number in range(2000)]
    value = statistics.median(samples[-500:]) + statistics.fmean(samples)
    get(f"{address}/sensor/{sensor}/{value:.1f}")
    return time.monotonic() - due


def main():
    like_a_board()
    with upstream() as address, AdaptiveThreadPoolExecutor(max_workers=32, thread_name_prefix="sensor") as pool:
        futures, began = [], time.monotonic()
        for turn in range(ROUNDS):
            due = began + turn * PERIOD
            time.sleep(max(0.0, due - time.monotonic()))
            futures += [pool.submit(read, address, sensor, due) for sensor in range(SENSORS)]
        delays = sorted(future.result() for future in futures)
        stats = pool.stats()
    assert len(delays) == SENSORS * ROUNDS
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert used < MEMORY >> 20
    late = sum(delay > 5 * PERIOD for delay in delays)
    budget = f"{len(os.sched_getaffinity(0))} core and {used:.0f} of {MEMORY >> 20} MB"
    print(f"{len(delays)} readings on {budget}: {stats.threads_started} threads, {stats.spawn_failures} could not be had")
    print(f"from due to sent: median {delays[len(delays) // 2] * 1e3:.0f} ms, most {delays[-1] * 1e3:.0f} ms; {late} were late")


if __name__ == "__main__":
    main()
