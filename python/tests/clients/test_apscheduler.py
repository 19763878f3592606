"""APScheduler: an executor plugin around our pool."""

import queue

import pytest
from conftest import square, squares

from betapool import AdaptiveThreadPoolExecutor

background = pytest.importorskip("apscheduler.schedulers.background")
pool = pytest.importorskip("apscheduler.executors.pool")


class AdaptiveExecutor(pool.BasePoolExecutor):
    """As its own ThreadPoolExecutor is made; BasePoolExecutor is there for others to derive from."""

    def __init__(self, **arguments):
        super().__init__(AdaptiveThreadPoolExecutor(**arguments))


def test_jobs():
    done = queue.Queue()
    scheduler = background.BackgroundScheduler(executors={"default": AdaptiveExecutor(max_workers=8)})
    for number in range(20):
        scheduler.add_job(lambda number=number: done.put(square(number)))  # without a trigger: at once
    scheduler.start()
    results = sorted(done.get(timeout=20) for _ in range(20))
    scheduler.shutdown()  # waits for the jobs, and ends the pool
    assert results == squares(20)
