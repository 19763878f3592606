"""timing=True and on_task: how long calls wait, run and compute. Bounds are those of the clocks themselves, whatever the machine does."""

import gc
import sys
import threading
import time
import weakref

import pytest
from conftest import eventually

from betapool import AdaptiveThreadPoolExecutor, TaskTimes, Times

CLOCKS = 0.005
"""Of a time: how far the processor's counter and the system's clock may be apart. One is steered, the other is not."""


def test_nothing_is_timed_unless_asked_for():
    with AdaptiveThreadPoolExecutor(2) as executor:
        assert executor.submit(abs, -1).result(30) == 1
        assert executor.stats().queue_time is None and executor.stats().run_time is None


def test_times_are_those_of_the_clock():
    inside = []

    def sleep():
        began = time.perf_counter()
        time.sleep(0.05)
        inside.append(time.perf_counter() - began)

    gate = threading.Event()
    before = time.perf_counter()
    with AdaptiveThreadPoolExecutor(1, policy="fixed", timing=True) as executor:
        executor.submit(gate.wait, 30)
        for _ in range(4):
            executor.submit(sleep)
        gate.set()
    outside = time.perf_counter() - before
    waited, ran = executor.stats().queue_time, executor.stats().run_time
    assert waited.tasks == ran.tasks == 5
    assert sum(inside) * (1 - CLOCKS) <= ran.total <= outside * (1 + CLOCKS)
    assert max(inside) * (1 - CLOCKS) <= ran.max <= outside * (1 + CLOCKS)
    # One thread: each call waits for those before it.
    assert waited.total >= sum(sum(inside[:index]) for index in range(4)) * (1 - CLOCKS)
    assert waited.max <= outside * (1 + CLOCKS)
    assert ran.p50 >= 0.05 * (1 - 1 / 8) and ran.mean == pytest.approx(ran.total / 5)


def test_calls_that_fail_are_counted_and_those_that_were_cancelled_are_not():
    gate = threading.Event()
    with AdaptiveThreadPoolExecutor(1, policy="fixed", timing=True) as executor:
        executor.submit(gate.wait, 30)
        failing = executor.submit(int, "x")
        cancelled = executor.submit(abs, -1)
        assert cancelled.cancel()
        gate.set()
        assert isinstance(failing.exception(30), ValueError)
    assert executor.stats().run_time.tasks == executor.stats().queue_time.tasks == 2


def test_every_call_of_many_threads_is_in_a_bucket():
    with AdaptiveThreadPoolExecutor(8, policy="fixed", timing=True) as executor:
        gate = threading.Barrier(8)
        list(executor.map(lambda _: gate.wait(30), range(8)))
        list(executor.map(abs, range(4000)))
    for times in (executor.stats().queue_time, executor.stats().run_time):
        assert times.tasks == sum(tasks for _, tasks in times.buckets) == 4008
        ends = [end for end, _ in times.buckets]
        assert ends == sorted(ends) and all(tasks > 0 for _, tasks in times.buckets)
        assert times.buckets[-1][0] >= times.max > 0
        assert 0 < times.percentile(0) <= times.p50 <= times.p99 <= times.percentile(100) == times.max


def test_percentiles_of_known_times():
    times = Times(100, 0.0, 7.9, ((0.5, 10), (1.0, 10), (1.125, 60), (8.0, 20)))
    assert times.percentile(10) == 0.5 and times.percentile(20) == 1.0 and times.percentile(80) == 1.125
    assert times.p50 == pytest.approx(1.0625) and times.p99 == pytest.approx(7.9, abs=0.1) and times.percentile(100) == 7.9
    assert Times(0, 0.0, 0.0, ()).p99 is None and Times(0, 0.0, 0.0, ()).mean is None
    with pytest.raises(ValueError, match="0 to 100"):
        times.percentile(101)


def test_on_task_is_told_before_the_result_can_be_seen():
    seen = []

    def sleep(seconds):
        time.sleep(seconds)

    with AdaptiveThreadPoolExecutor(2, on_task=seen.append) as executor:
        assert executor.submit(sleep, 0.1).result(30) is None
        (one,) = seen
        assert isinstance(one, TaskTimes) and one.function is sleep
        assert one.wall_time >= 0.1 * (1 - CLOCKS) and 0 <= one.cpu_time <= one.wall_time and one.queue_time >= 0
        assert one.beta == 1 - one.cpu_time / one.wall_time > 0.1
        assert isinstance(executor.submit(int, "x").exception(30), ValueError)
        assert [each.function for each in seen] == [sleep, int]
        assert executor.stats().run_time.tasks == 2


def test_on_task_has_the_cpu_time_of_the_call():
    seen, inside = [], []

    def compute():
        began = time.thread_time()
        while time.thread_time() - began < 0.05:
            pass
        inside.append(time.thread_time() - began)

    with AdaptiveThreadPoolExecutor(1, on_task=seen.append) as executor:
        executor.submit(compute)
    (one,) = seen
    assert inside[0] * (1 - CLOCKS) <= one.cpu_time <= one.wall_time


def test_on_task_in_a_copied_context():
    seen = []
    with AdaptiveThreadPoolExecutor(1, context="copy", on_task=seen.append) as executor:
        assert executor.submit(abs, -3).result(30) == 3
    assert [each.function for each in seen] == [abs]


def test_what_on_task_raises_goes_to_unraisablehook(monkeypatch):
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: raised.append(type(unraisable.exc_value)))

    def fail(_):
        raise LookupError

    with AdaptiveThreadPoolExecutor(1, on_task=fail) as executor:
        assert executor.submit(abs, -1).result(30) == 1
        assert isinstance(executor.submit(int, "x").exception(30), ValueError)
    assert raised == [LookupError, LookupError]


def test_an_executor_that_on_task_refers_to_is_garbage_when_it_is_dropped():
    class Owner:
        def __init__(self):
            self.executor = AdaptiveThreadPoolExecutor(1, on_task=self.hear)
            self.executor.submit(abs, -1).result(30)

        def hear(self, times):
            pass

    reference = weakref.ref(Owner())

    def is_gone():
        gc.collect()
        return reference() is None

    eventually(is_gone)


def test_on_task_must_be_callable():
    with pytest.raises(TypeError, match="on_task must be a callable"):
        AdaptiveThreadPoolExecutor(on_task=3)
