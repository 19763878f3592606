"""The child of a fork finds its executors usable."""

import concurrent.futures
import gc
import multiprocessing
import os
import threading
import time
import warnings

import pytest
from conftest import eventually, exit_code, run_in_child

from betapool import AdaptiveThreadPoolExecutor

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def check_it_works(executor):
    assert [future.result(20) for future in [executor.submit(pow, number, 2) for number in range(100)]] == [n * n for n in range(100)]
    barrier = threading.Barrier(2)
    for future in [executor.submit(barrier.wait, 20) for _ in range(2)]:
        future.result(20)
    assert list(executor.map(abs, [-1, -2])) == [1, 2]


@pytest.mark.parametrize("policy", ["adaptive", "fixed"])
def test_a_child_submits_to_an_inherited_executor(policy):
    with AdaptiveThreadPoolExecutor(4, policy=policy) as executor:
        check_it_works(executor)

        def child():
            assert executor._threads == set()
            assert threading.active_count() == 1
            check_it_works(executor)
            assert 2 <= len(executor._threads) <= 4
            executor.shutdown()
            assert executor._threads == set() and threading.active_count() == 1

        for _ in range(10):
            run_in_child(child)
        check_it_works(executor)


def test_a_child_of_an_executor_that_never_ran():
    with AdaptiveThreadPoolExecutor(4) as executor:
        run_in_child(lambda: check_it_works(executor))
        check_it_works(executor)


def test_a_child_of_an_executor_that_was_shut_down():
    executor = AdaptiveThreadPoolExecutor(2)
    executor.submit(abs, 1).result(10)
    executor.shutdown()

    def child():
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(abs, 1)
        executor.shutdown()

    run_in_child(child)


def test_a_child_makes_executors_of_its_own():
    with AdaptiveThreadPoolExecutor(2) as executor:
        executor.submit(abs, 1).result(10)

        def child():
            with AdaptiveThreadPoolExecutor(2) as own:
                check_it_works(own)

        run_in_child(child)


def test_tasks_queued_in_the_parent_are_cancelled_in_the_child_only():
    gate, called_back = threading.Event(), []
    with AdaptiveThreadPoolExecutor(1) as executor:
        running = executor.submit(gate.wait, 30)
        eventually(running.running)
        waiting = [executor.submit(pow, 2, number) for number in range(100)]
        waiting[0].add_done_callback(called_back.append)
        waiting[1].cancel()

        def child():
            assert all(future.cancelled() for future in waiting)
            with pytest.raises(concurrent.futures.CancelledError):
                waiting[50].result(0)
            done, pending = concurrent.futures.wait(waiting, timeout=5)
            assert len(done) == 100 and not pending
            assert called_back == []  # they are the parent's to call
            assert executor._work_queue.qsize() == 0
            assert executor.stats().cancelled == 100
            assert executor.submit(abs, -6).result(20) == 6

        run_in_child(child)
        assert not waiting[0].done()
        gate.set()
        assert waiting[99].result(20) == 2**99
        eventually(lambda: called_back == [waiting[0]])


def test_a_fork_in_a_worker_leaves_that_worker_working():
    with AdaptiveThreadPoolExecutor(3) as executor:

        def task():
            def child():
                assert executor._threads == {threading.current_thread()}
                check_it_works(executor)
                assert len(executor._threads) >= 2

            run_in_child(child)
            return True

        for _ in range(10):
            assert executor.submit(task).result(40)
        check_it_works(executor)


def test_a_worker_that_forked_serves_on_in_the_child():
    reading, writing = os.pipe()
    with AdaptiveThreadPoolExecutor(1) as executor:

        def task():
            process = os.fork()
            if process == 0:
                # In the child this thread is the pool's only worker, and it goes on to the next task when this one ends.
                executor.submit(lambda: (os.write(writing, b"served on"), os._exit(7)))
            return process

        assert exit_code(executor.submit(task).result(20), 20) == 7
    assert os.read(reading, 100) == b"served on"
    os.close(reading)
    os.close(writing)


def test_a_worker_that_forked_serves_on_though_its_future_was_locked():
    begun, held, forked, called_back = threading.Event(), threading.Event(), threading.Event(), []
    with AdaptiveThreadPoolExecutor(1) as executor:
        executor.submit(abs, 1).result(20)

        def task():
            begun.set()
            assert held.wait(20)
            process = os.fork()
            if process == 0:
                executor.submit(lambda: os._exit(len(called_back)))
            forked.set()
            return process

        future = executor.submit(task)
        future.add_done_callback(called_back.append)
        assert begun.wait(20)
        with future._condition:  # as result() does for a moment
            held.set()
            assert forked.wait(20)
        assert exit_code(future.result(20), 20) == 0
        eventually(lambda: called_back == [future])


def test_forks_under_load():
    stop = threading.Event()
    with AdaptiveThreadPoolExecutor(4, policy="paper", interval=0.002, on_decision=lambda decision: None) as executor:

        def feed():
            while not stop.is_set():
                futures = [executor.submit(pow, 3, 50) for _ in range(50)] + [executor.submit(time.sleep, 0.001) for _ in range(10)]
                done, _ = concurrent.futures.wait(futures, timeout=30)
                assert len(done) == len(futures)

        feeders = [threading.Thread(target=feed) for _ in range(2)]
        for feeder in feeders:
            feeder.start()
        try:
            for _ in range(40):
                run_in_child(lambda: check_it_works(executor))
        finally:
            stop.set()
            for feeder in feeders:
                feeder.join()
        check_it_works(executor)


def test_a_child_of_a_child():
    with AdaptiveThreadPoolExecutor(2) as executor:
        executor.submit(abs, 1).result(10)

        def child():
            executor.submit(abs, 1).result(10)
            run_in_child(lambda: check_it_works(executor), timeout=10)
            check_it_works(executor)

        run_in_child(child)


def test_a_child_may_drop_what_it_inherited():
    holder = [AdaptiveThreadPoolExecutor(2, on_decision=print)]
    holder[0].submit(abs, 1).result(10)

    def child():
        holder.clear()
        gc.collect()
        with AdaptiveThreadPoolExecutor(2) as executor:
            check_it_works(executor)

    for _ in range(5):
        run_in_child(child)
    check_it_works(holder[0])


def test_a_child_that_ends_normally_drains_its_executors():
    reading, writing = os.pipe()
    with AdaptiveThreadPoolExecutor(2) as executor:
        executor.submit(abs, 1).result(10)
        context = multiprocessing.get_context("fork")

        def main():
            executor.submit(lambda: (time.sleep(0.05), os.write(writing, b"x")))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            process = context.Process(target=main)
            process.start()
        process.join(20)
        assert process.exitcode == 0
    assert os.read(reading, 100) == b"x"
    os.close(reading)
    os.close(writing)


def test_multiprocessing_in_a_worker():
    with AdaptiveThreadPoolExecutor(2) as executor:

        def task():
            process = multiprocessing.get_context("fork").Process(target=print, args=("in a process",))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                process.start()
            process.join(20)
            return process.exitcode

        assert executor.submit(task).result(30) == 0


def test_initialisers_run_in_the_childs_workers():
    local = threading.local()
    with AdaptiveThreadPoolExecutor(1, initializer=lambda: setattr(local, "value", os.getpid())) as executor:
        executor.submit(abs, 1).result(10)

        def child():
            assert executor.submit(lambda: local.value).result(20) == os.getpid()

        run_in_child(child)
