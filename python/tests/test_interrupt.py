"""Ctrl-C, and signals as such, at the worst moments."""

import signal
import threading
import time

import pytest
from conftest import run_python

from betapool import AdaptiveThreadPoolExecutor


def test_a_signal_at_any_moment_of_a_wait_is_handled():
    # One that comes just before the sleep wakes nobody.
    with AdaptiveThreadPoolExecutor(1, policy="fixed") as executor:
        gate = None
        previous = signal.signal(signal.SIGALRM, lambda number, frame: gate.set())
        try:
            for round_number in range(300):
                gate = threading.Event()
                future = executor.submit(gate.wait)
                signal.setitimer(signal.ITIMER_REAL, (1 + round_number % 60) * 1e-6)
                assert future.result(20)
        finally:
            gate.set()
            signal.signal(signal.SIGALRM, previous)


def strike(self, timeout=None):
    raise KeyboardInterrupt


def strike_and_hide(self, timeout=None):
    try:
        raise KeyboardInterrupt
    finally:
        raise RuntimeError("release unlocked lock")  # as a Condition does where it strikes between its release and its sleep


@pytest.mark.parametrize("wait", [strike, strike_and_hide])
@pytest.mark.parametrize("others", [0, 1, 2])
def test_ctrl_c_in_the_start_of_a_thread_is_told_as_such(monkeypatch, wait, others):
    with AdaptiveThreadPoolExecutor(8, policy="fixed") as executor:
        gate = threading.Event()
        for _ in range(others):
            executor.submit(gate.wait)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Event, "wait", wait)
            with pytest.raises(KeyboardInterrupt):
                executor.submit(abs, -1)
        gate.set()
        assert executor.submit(abs, -2).result(20) == 2


def test_a_thread_whose_start_was_interrupted_has_begun(monkeypatch):
    # Else an interpreter that ends next takes its state away before it comes.
    name = "_start_joinable_thread" if hasattr(threading, "_start_joinable_thread") else "_start_new_thread"
    start = getattr(threading, name)

    def start_late(function, *args, **kwargs):
        return start(lambda: (time.sleep(0.1), function()), *args, **kwargs)

    with AdaptiveThreadPoolExecutor(8, policy="fixed") as executor:
        with monkeypatch.context() as patch:
            patch.setattr(threading, name, start_late)
            patch.setattr(threading.Event, "wait", strike)
            with pytest.raises(KeyboardInterrupt):
                executor.submit(abs, -1)
        assert not threading._limbo


def test_ctrl_c_at_any_moment_leaves_a_working_executor():
    code = """
import os, random, signal
from betapool import AdaptiveThreadPoolExecutor

def interrupt(number, frame):
    if armed:
        raise KeyboardInterrupt

armed = False
signal.signal(signal.SIGALRM, interrupt)
chance, interrupted = random.Random(3), 0
for round_number in range(300):
    executor = AdaptiveThreadPoolExecutor(6, policy="fixed" if round_number % 2 else "adaptive")
    futures = []
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, 8e-4))
        for _ in range(5000):
            futures.append(executor.submit(abs, -1))
        armed = False
    except KeyboardInterrupt:
        armed = False
        interrupted += 1
    assert [future.result(20) for future in futures] == [1] * len(futures)
    assert executor.submit(abs, -2).result(20) == 2
    executor.shutdown()
    assert executor.stats().threads == 0 and not executor._threads
assert interrupted > 200, interrupted  # where it strikes in a finaliser, Python drops it
os._exit(0)  # a thread that threading itself was interrupted in starting may never begin, and be waited for
"""
    process = run_python(code, timeout=55)
    assert process.returncode == 0, process.stderr
