"""initializer and initargs."""

import concurrent.futures
import concurrent.futures.thread
import gc
import threading
import time
import weakref

import pytest
from conftest import eventually

from betapool import AdaptiveThreadPoolExecutor

BROKEN = "A thread initializer failed, the thread pool is not usable anymore"


def test_every_worker_is_initialised_before_its_first_task():
    local = threading.local()

    def initialise(value):
        local.value = value

    with AdaptiveThreadPoolExecutor(4, initializer=initialise, initargs=(7,)) as executor:
        barrier = threading.Barrier(4)
        futures = [executor.submit(lambda: (barrier.wait(20), local.value)[1]) for _ in range(4)]
        assert [future.result(20) for future in futures] == [7] * 4


def test_workers_that_the_monitor_asks_for_are_initialised_too():
    initialised = set()
    with AdaptiveThreadPoolExecutor(
        8, initializer=lambda: initialised.add(threading.current_thread()), policy="paper", min_workers=1, interval=0.01
    ) as executor:
        workers = {
            future.result(20) for future in [executor.submit(lambda: (time.sleep(0.02), threading.current_thread())[1]) for _ in range(60)]
        }
    assert len(workers) > 1
    assert workers <= initialised


@pytest.mark.parametrize("policy", ["adaptive", "fixed"])
def test_a_failing_initializer_breaks_the_pool(policy, caplog):
    def initialise():
        raise ValueError("no camera")

    executor = AdaptiveThreadPoolExecutor(2, initializer=initialise, policy=policy)
    futures = []
    with pytest.raises(concurrent.futures.thread.BrokenThreadPool, match=BROKEN):
        for _ in range(1000):
            futures.append(executor.submit(abs, 1))
            time.sleep(0.001)
    for future in futures:
        with pytest.raises(concurrent.futures.BrokenExecutor, match=BROKEN):
            future.result(10)
    assert executor._broken == BROKEN
    assert "Exception in initializer:" in caplog.text and "no camera" in caplog.text
    executor.shutdown()
    with pytest.raises(concurrent.futures.thread.BrokenThreadPool):
        executor.submit(abs, 1)


def test_a_later_failure_breaks_what_is_queued_and_lets_running_tasks_end():
    first, gate, all_queued = threading.Lock(), threading.Event(), threading.Event()

    def initialise():
        if not first.acquire(blocking=False):
            all_queued.wait(20)
            raise SystemExit

    executor = AdaptiveThreadPoolExecutor(2, initializer=initialise)
    running = executor.submit(gate.wait, 30)
    eventually(running.running)
    queued, cancelled = executor.submit(abs, 1), executor.submit(abs, 1)
    cancelled.cancel()
    all_queued.set()
    with pytest.raises(concurrent.futures.thread.BrokenThreadPool):
        queued.result(20)
    assert cancelled.cancelled()
    gate.set()
    assert running.result(10) is True
    executor.shutdown()


def test_a_worker_keeps_neither_initializer_nor_arguments():
    class Argument:
        pass

    def initialise(argument):
        pass

    argument = Argument()
    executor = AdaptiveThreadPoolExecutor(1, initializer=initialise, initargs=(argument,))
    executor.submit(abs, 1).result(10)
    reference = weakref.ref(argument)
    executor._preparation = argument = None
    eventually(lambda: (gc.collect(), reference())[1] is None)
    executor.shutdown()


def test_an_executor_that_its_initializer_refers_to_is_collected_with_its_threads():
    class Service:
        def __init__(self):
            self.executor = AdaptiveThreadPoolExecutor(2, initializer=self.initialise, on_decision=self.listen)

        def initialise(self):
            pass

        def listen(self, decision):
            pass

    service = Service()
    service.executor.submit(abs, 1).result(10)
    workers = set(service.executor._threads)
    assert workers
    reference = weakref.ref(service)
    del service
    eventually(lambda: (gc.collect(), reference())[1] is None)
    eventually(lambda: not any(worker.is_alive() for worker in workers))
