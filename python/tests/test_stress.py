"""Many things at once. On free-threaded builds they really are."""

import concurrent.futures
import random
import threading
import time

import pytest
from conftest import eventually

from betapool import AdaptiveThreadPoolExecutor, Controller

PRODUCERS = 8


def at_once(*targets):
    """Runs functions in threads of their own and raises what one of them raised."""
    barrier = threading.Barrier(len(targets))
    failures = []

    def run(target):
        barrier.wait(20)
        try:
            target()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure


@pytest.mark.parametrize("policy", ["adaptive", "fixed"])
def test_eight_producers(policy):
    with AdaptiveThreadPoolExecutor(16, policy=policy, interval=0.005, on_decision=lambda decision: None) as executor:

        def produce():
            for _ in range(10):
                futures = [executor.submit(divmod, number, 7) for number in range(300)]
                assert [future.result(30) for future in futures] == [divmod(number, 7) for number in range(300)]

        at_once(*[produce] * PRODUCERS)
        eventually(lambda: executor.stats().completed == PRODUCERS * 3000)
        assert executor.stats().submitted == PRODUCERS * 3000


def test_producers_cancellers_and_onlookers():
    with AdaptiveThreadPoolExecutor(8, policy="paper", interval=0.002, min_workers=1) as executor:
        stop = threading.Event()

        def produce():
            chance = random.Random(7)
            for _ in range(15):
                futures = [executor.submit(time.sleep, 0) if number % 10 else executor.submit(time.sleep, 0.001) for number in range(80)]
                for future in futures:
                    if chance.random() < 0.3:
                        future.cancel()
                done, pending = concurrent.futures.wait(futures, timeout=30)
                assert not pending and all(future.cancelled() or future.result() is None for future in done)

        def take_back():
            while not stop.is_set():
                try:
                    executor._work_queue.get(block=False).future.cancel()
                except Exception as error:
                    assert type(error).__name__ == "Empty"
                time.sleep(0.001)

        def look():
            while not stop.is_set():
                stats = executor.stats()
                assert stats.submitted >= stats.completed + stats.cancelled
                executor.decisions()
                assert executor._work_queue.qsize() >= 0
                assert len(list(executor._threads)) <= 9
                time.sleep(0.001)

        def produce_all():
            try:
                at_once(*[produce] * (PRODUCERS - 2))
            finally:
                stop.set()

        # A future that was taken back is told to be cancelled, but who waits for it hears of that from nobody: it is not waited for here.
        at_once(produce_all, look)
        stop.clear()
        executor.submit(time.sleep, 0.01)
        taken = [executor.submit(abs, -1) for _ in range(50)]
        taker = threading.Thread(target=take_back)
        taker.start()
        eventually(lambda: all(future.done() for future in taken))
        stop.set()
        taker.join()


def test_executors_come_and_go_in_many_threads():
    def use():
        for round_number in range(15):
            executor = AdaptiveThreadPoolExecutor(3)
            futures = [executor.submit(pow, 2, number) for number in range(20)]
            if round_number % 3 == 0:
                executor.shutdown(wait=False, cancel_futures=True)
                assert all(future.cancelled() or future.result(20) for future in futures)
            elif round_number % 3 == 1:
                del executor
                assert futures[-1].result(20) == 1 << 19
            else:
                with executor:
                    assert list(executor.map(abs, range(10), buffersize=3)) == list(range(10))

    at_once(*[use] * PRODUCERS)


def test_a_controller_in_many_threads():
    controller = Controller()
    stop = threading.Event()

    @controller.instrument
    def work():
        return sum(range(50))

    def produce():
        for _ in range(2000):
            work()
            with controller.task():
                pass

    def tick():
        while not stop.is_set():
            decision = controller.tick(1)
            assert 0 <= decision.beta_ewma <= 1 and controller.decisions()
            assert controller.threads >= 4 and 0 <= controller.beta <= 1
            stop.wait(0.001)  # who asks for the GIL at every moment keeps it from the others for seconds: CPython's lock is not fair

    def produce_all():
        try:
            at_once(*[produce] * PRODUCERS)
        finally:
            stop.set()

    at_once(produce_all, tick)
