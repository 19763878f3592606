#!/usr/bin/env python3
"""APScheduler: jobs that fall due together, on a pool that grows for them and shrinks again.

Its executors are plug-ins; this one is as its own ThreadPoolExecutor is made.
"""

import threading

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from betapool import AdaptiveThreadPoolExecutor
from upstream import get, upstream

FEEDS = 200
ROUNDS = 3


class AdaptiveExecutor(BasePoolExecutor):
    def __init__(self, **arguments):
        self.pool = AdaptiveThreadPoolExecutor(**arguments)
        super().__init__(self.pool)


def main():
    counts = dict.fromkeys(range(FEEDS), 0)
    lock, done = threading.Lock(), threading.Event()

    def poll(address, feed):
        get(f"{address}/feed/{feed}")
        with lock:
            counts[feed] += 1
            if min(counts.values()) >= ROUNDS:
                done.set()

    with upstream() as address:
        executor = AdaptiveExecutor(thread_name_prefix="jobs")
        scheduler = BackgroundScheduler(executors={"default": executor}, timezone="UTC")
        for feed in range(FEEDS):  # each job is due every second, once at a time
            scheduler.add_job(poll, "interval", args=[address, feed], seconds=1, max_instances=1, misfire_grace_time=60)
        scheduler.start()
        assert done.wait(60), "the jobs do not get done"
        stats = executor.pool.stats()
        scheduler.shutdown()  # waits for the jobs that run, and ends the pool
    print(f"{stats.completed} runs of {FEEDS} jobs: {stats.threads_started} threads")


if __name__ == "__main__":
    main()
