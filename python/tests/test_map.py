"""Executor.map as in CPython 3.14, on every version."""

import concurrent.futures
import gc
import itertools
import operator
import sys
import threading
import time
import weakref

import pytest
from conftest import FREE_THREADED, eventually

from betapool import AdaptiveThreadPoolExecutor


@pytest.fixture
def executor():
    with AdaptiveThreadPoolExecutor(4) as executor:
        yield executor


def test_results_come_in_order(executor):
    assert list(executor.map(pow, range(50), range(50))) == [n**n for n in range(50)]
    assert list(executor.map(operator.add, [1, 2, 3], [10, 20])) == [11, 22]
    assert list(executor.map(abs, [])) == []
    assert list(executor.map(abs, [-1, -2, -3], chunksize=2)) == [1, 2, 3]


@pytest.mark.parametrize("buffersize", [1, 2, 4, 8])
def test_results_come_in_order_through_a_buffer(executor, buffersize):
    assert list(executor.map(str, range(4), buffersize=buffersize)) == ["0", "1", "2", "3"]
    assert list(executor.map(operator.add, range(4), range(4), buffersize=buffersize)) == [0, 2, 4, 6]
    assert list(executor.map(str, [], buffersize=buffersize)) == []


def test_a_buffer_reads_infinite_iterables_as_results_are_taken(executor):
    results = executor.map(str, itertools.count(), buffersize=2)
    assert [next(results) for _ in range(5)] == ["0", "1", "2", "3", "4"]
    results.close()


@pytest.mark.parametrize("buffersize", [1, 3])
def test_at_most_buffersize_calls_are_ahead(executor, buffersize):
    read = []

    def numbers():
        for number in range(20):
            read.append(number)
            yield number

    results = executor.map(abs, numbers(), buffersize=buffersize)
    assert len(read) == buffersize
    for taken in range(1, 10):
        next(results)
        assert len(read) == min(buffersize + taken, 20)
    assert list(results) == list(range(9, 20))


def test_without_a_buffer_all_is_submitted_before_map_returns(executor):
    read = []
    results = executor.map(abs, (read.append(number) or number for number in range(30)))
    assert read == list(range(30))
    assert list(results) == read


@pytest.mark.parametrize(
    ("buffersize", "exception", "words"),
    [
        ("foo", TypeError, "buffersize must be an integer or None"),
        (2.0, TypeError, "buffersize must be an integer or None"),
        (0, ValueError, "buffersize must be None or > 0"),
        (-1, ValueError, "buffersize must be None or > 0"),
    ],
)
def test_buffersize_is_checked_at_once(executor, buffersize, exception, words):
    with pytest.raises(exception, match=words):
        executor.map(abs, itertools.count(), buffersize=buffersize)


def test_a_failure_is_raised_in_its_turn_and_ends_the_map(executor):
    results = executor.map(divmod, [5, 5, 5, 5], [2, 0, 3, 5])
    assert next(results) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_an_iterable_that_fails_fails_map(executor):
    def broken():
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        executor.map(abs, broken())
    results = executor.map(abs, broken(), buffersize=1)
    with pytest.raises(LookupError):
        next(results)


@pytest.mark.parametrize("buffersize", [None, 6])
def test_what_has_not_begun_is_cancelled_when_the_iterator_ends(buffersize):
    gate, begun = threading.Event(), []
    with AdaptiveThreadPoolExecutor(1) as executor:
        try:
            blocking = executor.submit(gate.wait, 30)
            results = executor.map(begun.append, range(6), timeout=0.05, buffersize=buffersize)
            with pytest.raises(concurrent.futures.TimeoutError):
                next(results)
        finally:
            gate.set()
        assert blocking.result(20)
    assert begun == []


def test_the_timeout_is_for_the_whole_map(executor):
    results = executor.map(time.sleep, [0, 0, 0.6], timeout=0.3)
    assert [next(results), next(results)] == [None, None]
    with pytest.raises(concurrent.futures.TimeoutError):
        next(results)


def test_a_closed_iterator_is_over(executor):
    results = executor.map(divmod, [5, 5], [2, 5])
    assert next(results) == (2, 1)
    results.close()
    with pytest.raises(StopIteration):
        next(results)


def test_taken_results_are_not_kept(executor):
    class Result:
        pass

    for buffersize in (None, 1):
        results = executor.map(lambda _: Result(), range(3), buffersize=buffersize)
        result = weakref.ref(next(results))
        eventually(lambda result=result: (gc.collect(), result())[1] is None)
        results.close()


@pytest.mark.skipif(FREE_THREADED, reason="there an object dies when the thread that made it looks, and that thread is parked")
def test_a_raised_exception_is_not_kept_in_a_cycle(executor):
    class Trouble(Exception):
        pass

    def fail(_):
        raise Trouble

    gc.disable()
    try:
        results = executor.map(fail, [1])
        try:
            next(results)
        except Trouble as error:
            reference = weakref.ref(error)
            error = None
        del results
        eventually(lambda: reference() is None, timeout=5)
    finally:
        gc.enable()


def test_an_executor_dropped_during_a_buffered_map_submits_no_more():
    executor = AdaptiveThreadPoolExecutor(2)
    results = executor.map(abs, itertools.count(), buffersize=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    reference = weakref.ref(executor)
    del executor
    eventually(lambda: (gc.collect(), reference())[1] is None)
    assert list(results) == [3, 4, 5, 6]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="buffersize is new in 3.14")
def test_it_is_what_this_interpreters_own_executor_does():
    with AdaptiveThreadPoolExecutor(2) as ours, concurrent.futures.ThreadPoolExecutor(2) as theirs:
        for buffersize in (None, 1, 2, 7):
            assert list(ours.map(abs, range(-3, 3), buffersize=buffersize)) == list(theirs.map(abs, range(-3, 3), buffersize=buffersize))
