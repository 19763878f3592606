"""ThreadPoolExecutor.submit replaced by others, as OpenTelemetry and Sentry do: our calls go through it too."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool

import pytest
from conftest import run_python

from betapool import AdaptiveThreadPoolExecutor


@pytest.fixture
def seen(monkeypatch):
    """The functions that the instrumentation has seen."""
    functions = []
    original = ThreadPoolExecutor.submit

    @functools.wraps(original)
    def submit(self, fn, /, *args, **kwargs):
        functions.append(fn)
        return original(self, fn, *args, **kwargs)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    return functions


def test_calls_go_through_it(seen):
    with AdaptiveThreadPoolExecutor(2) as executor:
        assert executor.submit(int, "11", base=2).result(30) == 3
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
        assert isinstance(executor.submit(int, "x").exception(30), ValueError)
    assert seen == [int, abs, abs, int]


def test_executors_made_before_and_after():
    executor = AdaptiveThreadPoolExecutor(1)
    assert executor.submit(abs, -1).result(30) == 1
    with pytest.MonkeyPatch.context() as patch:
        original, count = ThreadPoolExecutor.submit, []
        patch.setattr(ThreadPoolExecutor, "submit", lambda self, fn, *args: count.append(fn) or original(self, fn, *args))
        assert executor.submit(abs, -2).result(30) == 2
        assert count == [abs]
    assert executor.submit(abs, -3).result(30) == 3
    assert count == [abs]
    executor.shutdown()


def test_before_the_import():
    done = run_python("""
from concurrent.futures import ThreadPoolExecutor
original, seen = ThreadPoolExecutor.submit, []
ThreadPoolExecutor.submit = lambda self, fn, *args: seen.append(fn) or original(self, fn, *args)
from betapool import AdaptiveThreadPoolExecutor
with AdaptiveThreadPoolExecutor() as executor:
    print(executor.submit(abs, -5).result(), len(seen))
""")
    assert (done.stdout, done.stderr) == ("5 1\n", "")


def test_shutdown_and_cancelling(seen):
    gate = threading.Event()
    executor = AdaptiveThreadPoolExecutor(1, policy="fixed")
    executor.submit(gate.wait, 30)
    queued = executor.submit(abs, -1)
    executor.shutdown(wait=False, cancel_futures=True)
    gate.set()
    executor.shutdown()
    assert queued.cancelled()
    with pytest.raises(RuntimeError, match="after shutdown"):
        executor.submit(abs, -1)


def test_cancelling_before_it_begins(seen):
    gate = threading.Event()
    with AdaptiveThreadPoolExecutor(1, policy="fixed") as executor:
        executor.submit(gate.wait, 30)
        queued = executor.submit(abs, -1)
        assert queued.cancel()
        gate.set()
    assert queued.cancelled()


def test_a_broken_pool(seen, caplog):
    def fail():
        raise LookupError

    with AdaptiveThreadPoolExecutor(1, initializer=fail) as executor:
        for _ in range(3):
            with pytest.raises(BrokenThreadPool):  # by the call itself, if the initializer has failed by then
                executor.submit(abs, -1).result(30)


def test_a_copied_context(seen):
    from contextvars import ContextVar

    variable = ContextVar("variable")
    variable.set("mine")
    with AdaptiveThreadPoolExecutor(1, context="copy") as executor:
        assert executor.submit(variable.get).result(30) == "mine"
