"""What executors and tasks leave behind: nothing."""

import gc
import threading
import time
import weakref

import pytest
from conftest import eventually, native_thread_count

from betapool import AdaptiveThreadPoolExecutor


class Thing:
    def __init__(self, content=None):
        self.content = content


def died(*references):
    # On a free-threaded build an object may have to wait until its own thread, or the collector, looks.
    return lambda: (gc.collect(), all(reference() is None for reference in references))[1]


def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


@pytest.fixture(params=["adaptive", "fixed"])
def executor(request):
    with AdaptiveThreadPoolExecutor(2, policy=request.param) as executor:
        yield executor


def test_arguments_are_released_before_the_result_is_seen():
    with AdaptiveThreadPoolExecutor(1) as executor:
        for _ in range(200):
            argument, keyword = Thing(), Thing()
            references = weakref.ref(argument), weakref.ref(keyword)
            future = executor.submit(lambda argument, *, keyword: None, argument, keyword=keyword)
            del argument, keyword
            future.result(10)
            eventually(died(*references)) if gc.isenabled() and any(reference() for reference in references) else None


def test_results_are_not_kept_by_an_idle_worker(executor):
    future = executor.submit(Thing)
    reference = weakref.ref(future.result(10))
    del future
    eventually(died(reference))


def test_functions_are_not_kept_by_an_idle_worker(executor):
    thing = Thing()
    reference = weakref.ref(thing)
    executor.submit(thing.__init__, 3).result(10)
    del thing
    eventually(died(reference))


def test_an_exception_does_not_keep_its_frames_once_its_future_is_gone(executor):
    local = Thing()
    reference = weakref.ref(local)

    def fail(argument):
        raise ValueError(argument)

    future = executor.submit(fail, local)
    assert future.exception(10).args == (local,)
    del local, future
    eventually(died(reference))


def test_futures_die_with_their_last_reference(executor):
    future = executor.submit(abs, 1)
    future.result(10)
    reference = weakref.ref(future)
    del future
    eventually(died(reference))


def test_cancelled_tasks_are_released():
    gate = threading.Event()
    executor = AdaptiveThreadPoolExecutor(1)
    running = executor.submit(gate.wait, 30)
    eventually(running.running)
    arguments = [Thing() for _ in range(100)]
    references = [weakref.ref(argument) for argument in arguments]
    for argument in arguments:
        executor.submit(print, argument)
    del argument, arguments
    executor.shutdown(wait=False, cancel_futures=True)
    eventually(died(*references))
    gate.set()
    executor.shutdown()


def test_a_dropped_executor_finishes_its_work_and_ends_its_threads():
    before = native_thread_count()
    for _ in range(20):
        done = []
        executor = AdaptiveThreadPoolExecutor(4)
        for number in range(50):
            executor.submit(done.append, number)
        executor.submit(time.sleep, 0.01)
        del executor
        eventually(lambda done=done: len(done) == 50)
    eventually(lambda: native_thread_count() <= before)


def test_a_dropped_idle_executor_ends_its_threads():
    before = native_thread_count()
    executor = AdaptiveThreadPoolExecutor(4)
    for future in [executor.submit(time.sleep, 0.01) for _ in range(8)]:
        future.result(10)
    assert native_thread_count() > before
    reference = weakref.ref(executor)
    del executor, future
    assert reference() is None  # at once: it is in no cycle
    eventually(lambda: native_thread_count() <= before)


def test_a_task_may_drop_the_last_reference_to_its_executor():
    before = native_thread_count()
    for _ in range(50):
        holder = [AdaptiveThreadPoolExecutor(2)]
        future = holder[0].submit(lambda holder=holder: (time.sleep(0.001), holder.clear()))
        future.result(10)
        assert not holder
    eventually(lambda: native_thread_count() <= before)


def test_an_executor_that_its_own_task_refers_to_still_ends():
    executor = AdaptiveThreadPoolExecutor(2)
    future = executor.submit(lambda executor: executor.submit(abs, -3).result(20), executor)
    reference = weakref.ref(executor)
    del executor
    assert future.result(20) == 3
    eventually(died(reference))


def test_an_executor_used_by_a_done_callback_is_released():
    executor = AdaptiveThreadPoolExecutor(2)
    reference = weakref.ref(executor)
    future = executor.submit(abs, 1)
    future.add_done_callback(lambda _, executor=executor: None)
    future.result(10)
    del executor, future
    eventually(died(reference))


def test_pools_die_in_the_worker_of_another_pool():
    before = native_thread_count()
    with AdaptiveThreadPoolExecutor(2) as outer:

        def inner():
            with AdaptiveThreadPoolExecutor(2) as executor:
                return executor.submit(abs, -1).result(10)

        assert [future.result(20) for future in [outer.submit(inner) for _ in range(30)]] == [1] * 30
    del outer
    eventually(lambda: native_thread_count() <= before)


@pytest.mark.parametrize("close", [True, False])
def test_many_short_lived_executors_leave_no_thread_and_no_memory(close):
    def use():
        executor = AdaptiveThreadPoolExecutor(4)
        assert executor.submit(abs, -1).result(10) == 1
        if close:
            executor.shutdown()

    before = native_thread_count()
    for _ in range(100):
        use()
    eventually(lambda: native_thread_count() <= before)
    gc.collect()
    settled = memory()
    for _ in range(400):
        use()
        assert native_thread_count() < before + 100
    eventually(lambda: native_thread_count() <= before)
    gc.collect()
    assert memory() - settled < 8 << 20


def test_many_tasks_leave_no_memory(executor):
    def run(count):
        for future in [executor.submit(Thing, bytes(100)) for _ in range(count)]:
            future.result(20)

    run(5000)
    gc.collect()
    settled = memory()
    for _ in range(10):
        run(5000)
    gc.collect()
    assert memory() - settled < 8 << 20


def test_objects_do_not_accumulate():
    def use():
        with AdaptiveThreadPoolExecutor(2, on_decision=print, initializer=abs, initargs=(1,)) as executor:
            executor.submit(abs, 1).result(10)
            list(executor.map(abs, range(10), buffersize=2))
            executor.stats(), executor.decisions()

    def objects():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(5):
        use()
    eventually(lambda: threading.active_count() == 1)
    before = objects()
    for _ in range(50):
        use()
    eventually(lambda: objects() <= before + 40)


def test_retired_workers_are_forgotten():
    with AdaptiveThreadPoolExecutor(12, min_workers=1, policy="paper", interval=0.002, hysteresis=1) as executor:
        for _ in range(3):
            for future in [executor.submit(time.sleep, 0.005) for _ in range(150)]:
                future.result(20)
            eventually(lambda: len(executor._threads) == 1)
        stats = executor.stats()
        assert stats.threads_retired > 5
        assert threading.active_count() <= 3 + 1  # main, a worker, the courier, and one that may still be on its way out
