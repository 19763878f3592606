"""The thread count follows the work, and whoever wants to hears of it."""

import functools
import sys
import threading
import time

from conftest import eventually

import betapool
from betapool import AdaptiveThreadPoolExecutor


def run(executor, count, seconds):
    for future in [executor.submit(time.sleep, seconds) for _ in range(count)]:
        future.result(30)


def test_blocking_load_makes_the_paper_grow_and_rest_makes_it_shrink():
    with AdaptiveThreadPoolExecutor(20, min_workers=2, policy="paper", interval=0.005) as executor:
        run(executor, 300, 0.01)
        stats = executor.stats()
        assert stats.scale_ups >= 4 and stats.threads_started >= 6
        assert stats.beta_ewma > 0.5
        eventually(lambda: executor.stats().threads == len(executor._threads) == 2)
        decisions = executor.decisions()
        assert {"scale_up", "scale_down"} <= {decision.action for decision in decisions}
        assert all(2 <= decision.threads <= 20 for decision in decisions)


def test_blocking_load_makes_adaptive_grow():
    with AdaptiveThreadPoolExecutor(32, interval=0.02) as executor:
        first = executor.stats().target_threads
        assert first < 8
        run(executor, 800, 0.01)
        assert executor.stats().target_threads > first


def test_fixed_takes_no_decision_and_keeps_no_courier():
    with AdaptiveThreadPoolExecutor(3, policy="fixed", interval=0.002) as executor:
        run(executor, 30, 0.005)
        assert executor.stats().threads == len(executor._threads) == 3
        assert not any(thread.name.endswith("_courier") for thread in threading.enumerate())
        assert executor.decisions() == []


def test_growth_needs_no_free_thread_and_no_submitter():
    gate = threading.Event()
    with AdaptiveThreadPoolExecutor(6, min_workers=1, policy="paper", interval=0.005) as executor:
        try:
            blocked = [executor.submit(gate.wait, 30) for _ in range(6)]
            eventually(lambda: all(future.running() for future in blocked))
        finally:
            gate.set()


def test_growth_comes_through_while_workers_compute():
    stop = threading.Event()

    def spin():
        while not stop.is_set():
            sum(range(100))

    with AdaptiveThreadPoolExecutor(4, min_workers=1, policy="paper", interval=0.005, beta_threshold=0) as executor:
        try:
            futures = [executor.submit(spin) for _ in range(4)]
            eventually(lambda: sum(future.running() for future in futures) >= 2)
        finally:
            stop.set()


def test_the_monitor_does_not_wait_for_the_gil():
    with AdaptiveThreadPoolExecutor(2, policy="paper", interval=0.005) as executor:
        gate = threading.Event()
        executor.submit(gate.wait, 30)
        eventually(lambda: executor.stats().decisions > 0)
        before, begun = executor.stats().decisions, time.monotonic()
        while time.monotonic() < begun + 0.5:
            sum(range(3_000_000))  # holds the GIL
        ticks, seconds = executor.stats().decisions - before, time.monotonic() - begun
        gate.set()
    assert ticks > seconds / 0.005 / 4


# on_decision


def test_decisions_are_told_in_order_in_a_thread_of_their_own():
    told = []

    def listen(decision):
        told.append((decision, threading.current_thread().name))

    with AdaptiveThreadPoolExecutor(
        10, "told", min_workers=1, policy="paper", interval=0.005, hysteresis=1, on_decision=listen
    ) as executor:
        run(executor, 150, 0.01)
        eventually(lambda: executor.stats().target_threads == 1)
    decisions = [decision for decision, _ in told]
    assert all(isinstance(decision, betapool.Decision) for decision in decisions)
    assert {"scale_up", "scale_down"} <= {decision.action for decision in decisions} <= {"scale_up", "scale_down", "veto"}
    assert decisions == sorted(decisions, key=lambda decision: decision.number)
    kept = {decision.number: decision for decision in executor.decisions()}
    assert all(kept.get(decision.number, decision) == decision for decision in decisions)
    assert {name for _, name in told} == {"told_courier"}


def test_a_listener_that_raises_is_reported_and_called_again(monkeypatch):
    reports, calls = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda report: reports.append((report.exc_type, report.object)))

    def listen(decision):
        calls.append(decision)
        raise (SystemExit if len(calls) == 2 else ValueError)("no")

    with AdaptiveThreadPoolExecutor(8, min_workers=1, policy="paper", interval=0.005, hysteresis=1, on_decision=listen) as executor:
        run(executor, 100, 0.01)
    assert len(calls) >= 3
    assert reports == [(SystemExit if number == 1 else ValueError, listen) for number in range(len(calls))]


def test_a_slow_listener_misses_the_oldest_decisions():
    gate, told = threading.Event(), []

    def listen(decision):
        told.append(decision.number)
        gate.wait(30)

    with AdaptiveThreadPoolExecutor(
        45, min_workers=1, policy="paper", interval=0.002, hysteresis=1, alpha=1, on_decision=listen
    ) as executor:
        try:
            run(executor, 1500, 0.003)
            eventually(lambda: executor.stats().target_threads == 1)
            changes = executor.stats().scale_ups + executor.stats().scale_downs
            assert changes > 66
        finally:
            gate.set()
        eventually(lambda: len(told) == 65)
    assert len(told) == 65  # the one that it was told when it went slow, and the newest 64
    assert told == sorted(told)
    assert told[1] > told[0] + 1


def test_a_listener_may_use_its_executor():
    found = []
    holder = []

    def listen(decision):
        if len(found) < 3:
            found.append(holder[0].submit(abs, -1).result(20) + holder[0].stats().threads)

    with AdaptiveThreadPoolExecutor(8, min_workers=1, policy="paper", interval=0.005, hysteresis=1, on_decision=listen) as executor:
        holder.append(executor)
        run(executor, 60, 0.01)
        eventually(lambda: len(found) == 3)
    holder.clear()


def test_a_dropped_executor_tells_nobody():
    told = []
    executor = AdaptiveThreadPoolExecutor(8, min_workers=1, policy="paper", interval=0.005, hysteresis=1, on_decision=told.append)
    futures = [executor.submit(time.sleep, 0.01) for _ in range(100)]
    del executor
    time.sleep(0.05)
    heard = len(told)
    futures[-1].result(20)
    assert len(told) == heard


# Fairness


def mean_wait_of_another_thread(function, count):
    """Has one worker run a function so many times in a row, and returns how long this thread had to wait for a turn, on average."""
    gate = threading.Event()
    with AdaptiveThreadPoolExecutor(1) as executor:
        executor.submit(gate.wait, 30)
        last = [executor.submit(function) for _ in range(count)][-1]
        gate.set()
        turns, begun = 0, time.monotonic()
        while not last.done():
            time.sleep(0)
            turns += 1
        return (time.monotonic() - begun) / turns


def test_tiny_tasks_in_c_do_not_keep_others_from_running():
    assert mean_wait_of_another_thread(functools.partial(sum, range(2000)), 20_000) < 0.1


def test_long_tasks_in_c_keep_others_from_running_for_a_few_of_them_at_most():
    begun = time.monotonic()
    sum(range(1_000_000))
    one = time.monotonic() - begun
    assert mean_wait_of_another_thread(functools.partial(sum, range(1_000_000)), 60) < 10 * one
