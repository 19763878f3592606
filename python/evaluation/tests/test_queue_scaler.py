"""The queue-depth scaler is a real executor that grows and shrinks."""

import threading
import time

import pytest

from evaluation.queue_scaler import QueueScaler


def eventually(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)


def test_results_and_exceptions_come_back():
    with QueueScaler(4) as pool:
        assert list(pool.map(abs, [-1, 2, -3])) == [1, 2, 3]
        with pytest.raises(ZeroDivisionError):
            pool.submit(divmod, 1, 0).result(10)


def test_grows_while_tasks_wait_up_to_its_most_and_shrinks_when_none_does():
    with QueueScaler(3) as pool:
        assert pool.thread_count() == 1
        gate = threading.Event()
        futures = [pool.submit(gate.wait, 30) for _ in range(6)]
        eventually(lambda: pool.thread_count() == 3)
        time.sleep(0.3)
        assert pool.thread_count() == 3
        gate.set()
        assert all(future.result(10) for future in futures)
        eventually(lambda: pool.thread_count() == 1)
        assert pool.submit(abs, -7).result(10) == 7


def test_shutdown_runs_what_is_queued_and_leaves_no_thread():
    before = threading.active_count()
    pool = QueueScaler(2)
    futures = [pool.submit(time.sleep, 0.01) for _ in range(20)]
    pool.shutdown()
    assert all(future.done() for future in futures)
    assert threading.active_count() == before
