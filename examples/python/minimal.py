#!/usr/bin/env python3
"""BetaPool in ten lines: concurrent.futures.ThreadPoolExecutor, except that it finds its own number of threads."""

import time

from betapool import AdaptiveThreadPoolExecutor


def fetch(number: int) -> int:
    time.sleep(0.05)  # as a request to somewhere would
    return number * number


with AdaptiveThreadPoolExecutor() as pool:  # was: with ThreadPoolExecutor() as pool:
    print("sum:", sum(pool.map(fetch, range(1000))))
    for decision in pool.decisions()[:5]:
        print(f"{decision.threads:4} threads  {decision.reason}")
    print("threads in the end:", pool.stats().threads)

# Prints "sum: 332833500", the pool's first five decisions, each with its reason, and how many threads it ended with.
