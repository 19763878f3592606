"""AdaptiveThreadPoolExecutor as a ThreadPoolExecutor."""

import concurrent.futures
import inspect
import os
import queue
import threading
import time

import pytest
from conftest import eventually

import betapool
from betapool import AdaptiveThreadPoolExecutor


@pytest.fixture(params=["adaptive", "paper", "fixed"])
def executor(request):
    with AdaptiveThreadPoolExecutor(4, policy=request.param) as executor:
        yield executor


class Gate:
    """A task that begins, says so, and ends when it is let."""

    def __init__(self):
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self, result=None):
        self.begun.set()
        assert self.open.wait(30)
        return result


# submit


def test_it_is_a_thread_pool_executor(executor):
    assert isinstance(executor, concurrent.futures.ThreadPoolExecutor)
    assert executor.__enter__() is executor


def test_submit_calls_with_all_arguments(executor):
    def function(*args, **kwargs):
        return args, kwargs

    assert executor.submit(function, 1, 2, self=3, fn=4, args=5).result(10) == ((1, 2), {"self": 3, "fn": 4, "args": 5})
    assert executor.submit(function).result(10) == ((), {})
    with pytest.raises(TypeError, match="fn"):
        executor.submit()


def test_what_a_task_raises_is_raised_by_result(executor):
    class Trouble(BaseException):
        pass

    def fail():
        raise Trouble(7)

    future = executor.submit(fail)
    with pytest.raises(Trouble):
        future.result(10)
    assert future.exception(10).args == (7,)
    assert executor.submit(None).exception(10).__class__ is TypeError
    assert executor.submit(exit, 3).exception(10).__class__ is SystemExit
    assert executor.submit(abs, -5).result(10) == 5


def test_tasks_start_in_the_order_of_submission():
    with AdaptiveThreadPoolExecutor(1) as executor:
        begun = []
        for number in range(200):
            executor.submit(begun.append, number)
    assert begun == list(range(200))


def test_a_nested_submit_is_served_by_another_thread(executor):
    inner = executor.submit(lambda: executor.submit(lambda: executor.submit(abs, -1).result(10)).result(10))
    assert inner.result(20) == 1


def test_a_task_may_submit_more_without_waiting(executor):
    done = threading.Semaphore(0)

    def spread(depth):
        done.release()
        if depth:
            executor.submit(spread, depth - 1)
            executor.submit(spread, depth - 1)

    executor.submit(spread, 8)
    for _ in range(2**9 - 1):
        assert done.acquire(timeout=20)


def test_submit_from_many_threads(executor):
    def produce():
        return [executor.submit(abs, -number) for number in range(500)]

    with concurrent.futures.ThreadPoolExecutor(8) as producers:
        batches = [producers.submit(produce) for _ in range(8)]
        for batch in batches:
            assert [future.result(30) for future in batch.result(30)] == list(range(500))


def test_a_future_is_resolved_once_and_its_worker_survives(executor, caplog):
    gate = Gate()
    future = executor.submit(gate)
    assert gate.begun.wait(10)
    future.set_result("somebody else's")
    gate.open.set()
    assert executor.submit(abs, -3).result(10) == 3
    eventually(lambda: "Exception in worker" in caplog.text)
    assert future.result() == "somebody else's"


# cancel


def test_cancel_takes_what_has_not_begun():
    gate = Gate()
    with AdaptiveThreadPoolExecutor(1) as executor:
        running = executor.submit(gate, "result")
        assert gate.begun.wait(10)
        waiting = executor.submit(pytest.fail, "a cancelled task ran")
        assert waiting.cancel() and waiting.cancelled()
        assert not running.cancel() and running.running()
        gate.open.set()
        assert running.result(10) == "result"
        with pytest.raises(concurrent.futures.CancelledError):
            waiting.result(10)


def test_waiters_hear_of_a_cancelled_task():
    gate = Gate()
    with AdaptiveThreadPoolExecutor(1) as executor:
        executor.submit(gate)
        waiting = executor.submit(abs, 1)
        waiting.cancel()
        gate.open.set()
        done, pending = concurrent.futures.wait([waiting], timeout=10)
        assert done == {waiting} and not pending


# shutdown


def test_shutdown_drains_by_default():
    executor = AdaptiveThreadPoolExecutor(2)
    futures = [executor.submit(time.sleep, 0.002) for _ in range(100)]
    executor.shutdown()
    assert all(future.done() and not future.cancelled() for future in futures)
    assert executor._threads == set()


def test_shutdown_without_waiting_still_drains():
    executor = AdaptiveThreadPoolExecutor(2)
    futures = [executor.submit(time.sleep, 0.002) for _ in range(100)]
    executor.shutdown(wait=False)
    assert not all(future.done() for future in futures)
    assert len([future.result(10) for future in futures]) == 100


def test_shutdown_may_cancel_what_has_not_begun():
    gate = Gate()
    executor = AdaptiveThreadPoolExecutor(1)
    running = executor.submit(gate, 5)
    assert gate.begun.wait(10)
    waiting = [executor.submit(pytest.fail, "a cancelled task ran") for _ in range(50)]
    called_back = []
    waiting[7].add_done_callback(called_back.append)
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in waiting)
    assert called_back == [waiting[7]]
    done, pending = concurrent.futures.wait(waiting, timeout=10)
    assert len(done) == 50 and not pending
    gate.open.set()
    executor.shutdown()
    assert running.result(0) == 5
    assert executor.stats().cancelled == 50


def test_a_second_shutdown_may_cancel_what_the_first_would_drain():
    gate = Gate()
    executor = AdaptiveThreadPoolExecutor(1)
    executor.submit(gate)
    assert gate.begun.wait(10)
    waiting = executor.submit(abs, 1)
    executor.shutdown(wait=False)
    executor.shutdown(wait=False, cancel_futures=True)
    assert waiting.cancelled()
    gate.open.set()
    executor.shutdown()
    executor.shutdown(cancel_futures=True)


def test_shutdown_by_a_worker_is_refused_only_if_it_would_wait_for_itself():
    executor = AdaptiveThreadPoolExecutor(1)
    with pytest.raises(RuntimeError, match="cannot join current thread"):
        executor.submit(executor.shutdown).result(10)
    assert executor.submit is not None and executor._shutdown
    other = AdaptiveThreadPoolExecutor(1)
    assert other.submit(other.shutdown, False).result(10) is None
    other.shutdown()


def test_nothing_is_accepted_after_shutdown(executor):
    executor.submit(abs, 1).result(10)
    executor.shutdown()
    for _ in range(2):
        with pytest.raises(RuntimeError) as raised:
            executor.submit(abs, 1)
        assert str(raised.value) == "cannot schedule new futures after shutdown"
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.map(abs, [1])


def test_shutdown_of_an_executor_that_never_ran():
    executor = AdaptiveThreadPoolExecutor()
    executor.shutdown()
    assert executor._shutdown
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, 1)


def test_shutdown_by_many_threads_while_others_submit():
    for _ in range(20):
        executor = AdaptiveThreadPoolExecutor(4)
        accepted, barrier = [], threading.Barrier(4)

        def submit(executor=executor, accepted=accepted, barrier=barrier):
            barrier.wait()
            try:
                while True:
                    accepted.append(executor.submit(abs, -1))
            except RuntimeError as error:
                assert str(error) == "cannot schedule new futures after shutdown"

        def shut_down(executor=executor, barrier=barrier):
            barrier.wait()
            time.sleep(0.005)
            executor.shutdown()

        threads = [threading.Thread(target=target) for target in (submit, submit, shut_down, shut_down)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [future.result(10) for future in accepted] == [1] * len(accepted)


# threads


def test_workers_are_real_threads_with_names():
    with AdaptiveThreadPoolExecutor(3, "camera") as executor:
        barrier = threading.Barrier(4)
        futures = [executor.submit(lambda: (barrier.wait(20), threading.current_thread())[1]) for _ in range(3)]
        barrier.wait(20)
        workers = {future.result(10) for future in futures}
        assert {worker.name for worker in workers} == {"camera_0", "camera_1", "camera_2"}
        assert executor._threads == workers <= set(threading.enumerate())
        assert all(type(worker) is threading.Thread and not worker.daemon for worker in workers)
        assert executor._thread_name_prefix == "camera"


def test_default_names_count_executors():
    with AdaptiveThreadPoolExecutor(1) as first, AdaptiveThreadPoolExecutor(1) as second:
        names = [executor.submit(lambda: threading.current_thread().name).result(10) for executor in (first, second)]
        stems = [executor._thread_name_prefix for executor in (first, second)]
        assert names == [f"{stem}_0" for stem in stems]
        number = int(stems[0].rsplit("-", 1)[1])
        assert stems == [f"AdaptiveThreadPoolExecutor-{number}", f"AdaptiveThreadPoolExecutor-{number + 1}"]


def test_threads_start_only_when_tasks_come(executor):
    assert executor._threads == set()
    before = threading.active_count()
    assert executor.stats().threads == 0
    executor.submit(abs, 1).result(10)
    assert 1 <= len(executor._threads) <= 4
    assert threading.active_count() >= before + 1


def test_an_idle_worker_is_used_again():
    with AdaptiveThreadPoolExecutor(16) as executor:
        workers = set()
        for _ in range(50):
            workers.add(executor.submit(threading.get_ident).result(10))
            eventually(lambda: executor.stats().idle_threads == executor.stats().threads)
        assert len(workers) == 1


def test_profilers_and_tracers_see_workers():
    seen = set()
    threading.setprofile(lambda *event: seen.add(threading.get_ident()))
    try:
        with AdaptiveThreadPoolExecutor(1) as executor:
            worker = executor.submit(threading.get_ident).result(10)
    finally:
        threading.setprofile(None)
    assert worker in seen


# arguments


@pytest.mark.parametrize(
    ("arguments", "exception", "words"),
    [
        ({"max_workers": 0}, ValueError, "max_workers must be greater than 0"),
        ({"max_workers": -1}, ValueError, "max_workers must be greater than 0"),
        ({"max_workers": 65537}, ValueError, "max_workers must be greater than 0 and at most 65536"),
        ({"max_workers": 2.5}, TypeError, "max_workers must be an integer from 1 to 65536"),
        ({"max_workers": 4, "min_workers": 5}, ValueError, "min_workers must be greater than 0 and at most 4"),
        ({"min_workers": 0}, ValueError, "min_workers"),
        ({"min_workers": "2"}, TypeError, "min_workers"),
        ({"initializer": 5}, TypeError, "initializer must be a callable"),
        ({"on_decision": 5}, TypeError, "on_decision must be a callable"),
        ({"policy": "fast"}, ValueError, "policy must be"),
        ({"interval": 0}, ValueError, "interval must be"),
        ({"beta_threshold": 2}, ValueError, "beta_threshold must be"),
        ({"alpha": 0}, ValueError, "alpha must be"),
        ({"hysteresis": 0}, ValueError, "hysteresis must be"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, exception, words):
    with pytest.raises(exception) as raised:
        AdaptiveThreadPoolExecutor(**arguments)
    assert words in str(raised.value)


def test_the_signature_continues_that_of_thread_pool_executor():
    theirs = list(inspect.signature(concurrent.futures.ThreadPoolExecutor).parameters)
    ours = inspect.signature(AdaptiveThreadPoolExecutor).parameters
    assert list(ours)[:4] == theirs[:4] == ["max_workers", "thread_name_prefix", "initializer", "initargs"]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in list(ours.values())[4:])


def test_defaults_of_the_thread_counts():
    with AdaptiveThreadPoolExecutor() as executor:
        stats = executor.stats()
        assert 1 == stats.min_threads <= stats.target_threads <= stats.max_threads
        assert 4 <= stats.max_threads == executor._max_workers <= 65536
    with AdaptiveThreadPoolExecutor(policy="paper") as executor:
        assert executor._max_workers == 64
        assert executor.stats().target_threads == 4
    with AdaptiveThreadPoolExecutor(2, policy="paper") as executor:
        assert executor._max_workers == 2
        assert executor.stats().target_threads == 2
    with AdaptiveThreadPoolExecutor(9, policy="fixed") as executor:
        assert executor.stats().target_threads == 9


# what libraries look into


def test_the_work_queue_can_be_looked_into_and_emptied():
    gate = Gate()
    with AdaptiveThreadPoolExecutor(1) as executor:
        with pytest.raises(queue.Empty):
            executor._work_queue.get(block=False)
        executor.submit(gate)
        assert gate.begun.wait(10)
        futures = [executor.submit(divmod, number, 2) for number in range(4)]
        named = executor.submit(print, "never", end="")
        assert executor._work_queue.qsize() == 5 and not executor._work_queue.empty()
        item = executor._work_queue.get(block=False)
        assert (item.future, item.fn, item.args, item.kwargs) == (futures[0], divmod, (0, 2), {})
        assert executor._work_queue.get_nowait().args == (1, 2)
        assert executor._work_queue.qsize() == 3
        gate.open.set()
        assert futures[2].result(10) == (1, 0) and futures[3].result(10) == (1, 1)
        named.result(10)
        assert executor._work_queue.empty()
        with pytest.raises(queue.Empty):
            executor._work_queue.get_nowait()
        assert not futures[0].done() and futures[0].cancel()
        assert executor.stats().cancelled == 2


def test_a_work_item_taken_back_keeps_its_keywords(capsys):
    gate = Gate()
    with AdaptiveThreadPoolExecutor(1) as executor:
        executor.submit(gate)
        assert gate.begun.wait(10)
        executor.submit(print, 1, end="!")
        item = executor._work_queue.get(block=False)
        assert item.kwargs == {"end": "!"}
        item.fn(*item.args, **item.kwargs)
        gate.open.set()
    assert capsys.readouterr().out == "1!"


def test_threads_can_be_joined_one_by_one_while_they_leave():
    executor = AdaptiveThreadPoolExecutor(8, policy="fixed")
    may_end = threading.Event()
    for _ in range(8):
        executor.submit(may_end.wait)
    threads = executor._threads
    assert len(threads) == 8
    executor.shutdown(wait=False)
    may_end.set()
    for thread in threads:
        thread.join()
    assert executor._threads == set()


def test_private_state_is_live():
    executor = AdaptiveThreadPoolExecutor(3)
    assert (executor._shutdown, executor._broken, executor._max_workers) == (False, False, 3)
    executor.shutdown()
    assert executor._shutdown is True


def test_subclasses_may_wrap_submit_and_map():
    class Doubling(AdaptiveThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            return super().submit(lambda: 2 * fn(*args, **kwargs))

        def map(self, fn, *iterables, **kwargs):
            return super().map(lambda *args: fn(*args) + 1, *iterables, **kwargs)

    with Doubling(2) as executor:
        assert executor.submit(abs, -4).result(10) == 8
        assert list(executor.map(abs, [-1, -2])) == [4, 6]


# stats and decisions


def test_stats_count():
    gate = Gate()
    with AdaptiveThreadPoolExecutor(2, policy="paper", interval=0.01) as executor:
        running = executor.submit(gate)
        assert gate.begun.wait(10)
        stats = executor.stats()
        assert isinstance(stats, betapool.PoolStats)
        assert (stats.policy, stats.running, stats.submitted, stats.completed) == ("paper", 1, 1, 0)
        gate.open.set()
        running.result(10)
        for future in [executor.submit(os.getpid) for _ in range(9)]:
            future.result(10)
        eventually(lambda: executor.stats().completed == 10 and executor.stats().idle_threads == executor.stats().threads)
        stats = executor.stats()
        assert (stats.submitted, stats.running, stats.queue_length, stats.cancelled) == (10, 0, 0, 0)
        assert stats.threads_started - stats.threads_retired == stats.threads == stats.idle_threads
        assert stats.spawn_failures == 0
        assert 0 <= stats.cpu_time <= stats.busy_time
        with pytest.raises(AttributeError):
            stats.threads = 3
    assert executor.stats().threads == 0


def test_decisions_are_listed():
    with AdaptiveThreadPoolExecutor(2, policy="paper", interval=0.005) as executor:
        executor.submit(time.sleep, 0.1).result(10)
        decisions = executor.decisions()
        assert decisions and all(isinstance(decision, betapool.Decision) for decision in decisions)
        assert [decision.number for decision in decisions] == list(range(1, len(decisions) + 1))
        assert executor.stats().decisions >= len(decisions)
