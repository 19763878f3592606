"""A betapool.Controller that sees what the threads of its host are doing while they are in task()."""

import gc
import os
import queue
import threading
import time

import pytest
from conftest import FREE_THREADED, eventually, native_thread_count, run_in_child, run_python

import betapool


class Crew:
    """Threads of a host, each doing one thing over and over, under task()."""

    def __init__(self, controller, activity, count):
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.live, args=(controller, activity)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def live(self, controller, activity):
        while not self.stop.is_set():
            with controller.task():
                activity()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def wait():
    time.sleep(0.005)


def compute():
    sum(range(20_000))


def seen(controller, intervals=5):
    """The last decision of some intervals."""
    for _ in range(intervals):
        time.sleep(0.1)
        decision = controller.tick(1)
    return decision


can_read_wait_states = os.path.exists("/proc/self/syscall")
pytestmark = pytest.mark.skipif(not can_read_wait_states, reason="this system does not tell what threads do")


def test_threads_that_wait_are_seen_waiting():
    controller = betapool.Controller(1, 64, policy="adaptive", interval=0.1)
    with Crew(controller, wait, 6):
        decision = seen(controller)
    assert decision.beta_io > 0.7
    assert 3 < decision.waiting_threads <= 6


@pytest.mark.skipif(FREE_THREADED, reason="there is no GIL to wait for")
def test_threads_that_compute_are_seen_contending_for_the_gil():
    controller = betapool.Controller(1, 64, policy="adaptive", interval=0.1)
    with Crew(controller, compute, 6):
        # On a busy machine all of them may come late to the cores, and are not seen contending until then.
        eventually(lambda: (decision := seen(controller)).contending_threads > 2 and decision.surplus_threads > 2)
        decision = seen(controller)
    assert decision.beta_io < 0.3
    assert decision.beta > 0.5  # the paper's ratio takes that for I/O


@pytest.mark.skipif(not FREE_THREADED, reason="its GIL is always on")
def test_a_free_threaded_build_may_have_its_gil_on():
    code = """
import threading, time
from betapool import AdaptiveThreadPoolExecutor
with AdaptiveThreadPoolExecutor(6, min_workers=6) as executor:
    ends = time.monotonic() + 1
    def compute():
        while time.monotonic() < ends:
            pass
    for _ in range(6):
        executor.submit(compute)
    time.sleep(0.9)
    stats = executor.stats()
    print(stats.contending_threads > 2, stats.beta_io < 0.3)
"""
    done = run_python(code, environment={"PYTHON_GIL": "1"})
    assert (done.stdout, done.stderr) == ("True True\n", "")


def test_threads_that_have_no_task_are_not_counted():
    controller = betapool.Controller(1, 64, policy="paper-io", interval=0.1)
    release = threading.Event()

    def once():
        with controller.task():
            pass
        release.wait()

    threads = [threading.Thread(target=once) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    controller.tick(1)
    decision = seen(controller, 2)
    release.set()
    for thread in threads:
        thread.join()
    assert (decision.running_threads, decision.contending_threads, decision.waiting_threads) == (0, 0, 0)
    assert decision.beta_io is None


def test_without_a_task_nothing_is_known():
    controller = betapool.Controller(policy="adaptive")
    controller.report(0.1, 0.2)
    assert controller.tick(1).waiting_threads is None


def test_a_task_inside_a_task_is_the_same_work():
    controller = betapool.Controller(policy="adaptive", interval=0.1)
    with controller.task():
        with controller.task():
            pass
        time.sleep(0.2)  # in the outer one
        assert controller.tick(1).waiting_threads + controller.tick(1).running_threads > 0


def test_threads_that_have_ended_are_forgotten():
    controller = betapool.Controller(policy="adaptive", interval=0.1)
    with Crew(controller, wait, 4):
        assert seen(controller).waiting_threads is not None
    eventually(lambda: controller.tick(1).waiting_threads is None)


def test_a_controller_takes_its_native_thread_with_it():
    gc.collect()
    before = native_thread_count()
    for _ in range(20):
        controller = betapool.Controller(policy="adaptive")
        with controller.task():
            pass
        assert native_thread_count() == before + 1
        del controller
        eventually(lambda: native_thread_count() == before)


def test_a_controller_that_is_dropped_while_threads_work_stays_until_they_are_done():
    controller = betapool.Controller(policy="adaptive", interval=0.001)
    for _ in range(30):
        controller = betapool.Controller(policy="adaptive", interval=0.001)
        begun = threading.Event()

        def work(controller, begun=begun):
            with controller.task():
                begun.set()
                compute()

        thread = threading.Thread(target=work, args=(controller,))
        thread.start()
        begun.wait()
        del controller
        thread.join()


def test_threads_may_outlive_a_controller_that_has_seen_them():
    # Without a GIL what a thread has of the controller is freed by that thread, later.
    code = """
import threading
from betapool import Controller

def work():
    with controller.task():
        pass
    attached.wait(20)
    dropped.wait(20)

for _ in range(100):
    controller = Controller(policy="adaptive")
    attached, dropped = threading.Barrier(5), threading.Event()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    attached.wait(20)
    controller = None
    dropped.set()
    for thread in threads:
        thread.join()
print("ok")
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_a_forked_child_watches_its_own_threads():
    controller = betapool.Controller(1, 64, policy="adaptive", interval=0.1)

    def in_child():
        assert controller.tick(1).waiting_threads is None  # those that had tasks were the parent's
        with Crew(controller, wait, 3):
            assert seen(controller).waiting_threads > 1

    with Crew(controller, wait, 3):
        eventually(lambda: controller.tick(1).waiting_threads is not None)
        with controller.task():
            run_in_child(in_child)
        assert seen(controller).waiting_threads > 1


def serve(controller, work, tasks, seconds):
    """An orchestrator with threads of its own: as many as the controller says. Returns the thread counts that it was told."""
    deadline = time.monotonic() + seconds
    threads, counts = [], []

    def worker(number):
        while time.monotonic() < deadline and number < controller.threads:
            try:
                tasks.get_nowait()
            except queue.Empty:
                return
            with controller.task():
                work()

    while time.monotonic() < deadline:
        threads = [thread for thread in threads if thread.is_alive()]
        for number in range(len(threads), controller.threads):
            threads.append(threading.Thread(target=worker, args=(number,)))
            threads[-1].start()
        time.sleep(0.1)
        counts.append(controller.tick(tasks.qsize()).threads)
    for thread in threads:
        thread.join()
    return counts


def test_an_orchestrators_own_threads_grow_for_waiting():
    tasks = queue.SimpleQueue()
    for _ in range(1_000_000):
        tasks.put(None)
    controller = betapool.Controller(1, 32, policy="adaptive", interval=0.1)
    assert max(serve(controller, wait, tasks, 2)) == 32


@pytest.mark.skipif(FREE_THREADED, reason="there is no GIL to wait for")
def test_an_orchestrators_own_threads_stay_few_for_computing():
    tasks = queue.SimpleQueue()
    for _ in range(1_000_000):
        tasks.put(None)
    controller = betapool.Controller(1, 32, policy="adaptive", interval=0.1)
    assert serve(controller, compute, tasks, 2)[-1] <= 4
