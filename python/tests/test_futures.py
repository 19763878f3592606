"""Futures of the executor among other people's: waiting, asyncio, callbacks."""

import asyncio
import concurrent.futures
import threading
import time

import pytest

from betapool import AdaptiveThreadPoolExecutor


@pytest.fixture
def executor():
    with AdaptiveThreadPoolExecutor(4) as executor:
        yield executor


def fail():
    raise LookupError


def test_as_completed_with_mixed_futures(executor):
    with concurrent.futures.ThreadPoolExecutor(2) as theirs:
        futures = [pool.submit(time.sleep, 0.01 * number) for number in range(5) for pool in (executor, theirs)]
        assert set(concurrent.futures.as_completed(futures, timeout=20)) == set(futures)


@pytest.mark.parametrize("mode", [concurrent.futures.FIRST_COMPLETED, concurrent.futures.FIRST_EXCEPTION, concurrent.futures.ALL_COMPLETED])
def test_wait_in_each_mode(executor, mode):
    slow, gate = None, threading.Event()
    try:
        slow = executor.submit(gate.wait, 30)
        quick, failing = executor.submit(abs, -1), executor.submit(fail)
        if mode == concurrent.futures.ALL_COMPLETED:
            done, pending = concurrent.futures.wait([quick, failing], 10, mode)
            assert (done, pending) == ({quick, failing}, set())
        else:
            done, pending = concurrent.futures.wait([slow, quick, failing], 10, mode)
            assert done and slow in pending
    finally:
        gate.set()


def test_result_times_out(executor):
    gate = threading.Event()
    future = executor.submit(gate.wait, 30)
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0.01)
    gate.set()
    assert future.result(10) is True


def test_many_threads_wait_for_one_future(executor):
    gate = threading.Event()
    future = executor.submit(lambda: gate.wait(30) and "one")
    with concurrent.futures.ThreadPoolExecutor(8) as waiters:
        results = [waiters.submit(future.result, 20) for _ in range(8)]
        gate.set()
        assert [result.result(20) for result in results] == ["one"] * 8


def test_callbacks_run_once_before_and_after(executor):
    gate, called = threading.Event(), []
    future = executor.submit(gate.wait, 30)
    future.add_done_callback(lambda future: called.append(("before", threading.current_thread().name)))
    gate.set()
    future.result(10)
    future.add_done_callback(lambda future: called.append(("after", threading.current_thread().name)))
    deadline = time.monotonic() + 10
    while len(called) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert sorted(when for when, _ in called) == ["after", "before"]
    assert ("after", "MainThread") in called


def test_a_callback_may_submit(executor):
    done = threading.Event()
    executor.submit(abs, 1).add_done_callback(lambda _: executor.submit(done.set))
    assert done.wait(10)


def test_asyncio_runs_in_it(executor):
    async def main():
        loop = asyncio.get_running_loop()
        results = await asyncio.gather(*(loop.run_in_executor(executor, pow, 2, number) for number in range(200)))
        assert results == [2**number for number in range(200)]
        with pytest.raises(LookupError):
            await loop.run_in_executor(executor, fail)
        assert await asyncio.wrap_future(executor.submit(abs, -2)) == 2

    asyncio.run(asyncio.wait_for(main(), 30))


def test_asyncio_takes_it_as_the_default_executor():
    executor = AdaptiveThreadPoolExecutor(2, "default")

    async def main():
        asyncio.get_running_loop().set_default_executor(executor)
        return await asyncio.to_thread(lambda: threading.current_thread().name)

    assert asyncio.run(asyncio.wait_for(main(), 30)) == "default_0"
    assert executor._shutdown  # asyncio.run shuts its default executor down
    assert executor._threads == set()


def test_asyncio_cancels_what_has_not_begun():
    async def main(executor, gate):
        loop = asyncio.get_running_loop()
        first = loop.run_in_executor(executor, gate.wait, 30)
        second = loop.run_in_executor(executor, pytest.fail, "a cancelled task ran")
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.set()
        assert await first

    with AdaptiveThreadPoolExecutor(1) as executor:
        asyncio.run(asyncio.wait_for(main(executor, threading.Event()), 30))
