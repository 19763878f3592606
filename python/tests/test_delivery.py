"""How outcomes come to an asyncio loop: several at a time, and otherwise as from any other executor."""

import asyncio
import concurrent.futures
import threading

import pytest

from betapool import AdaptiveThreadPoolExecutor


class CountingLoop(asyncio.SelectorEventLoop):
    calls = 0

    def call_soon_threadsafe(self, callback, *args, **options):
        self.calls += 1
        return super().call_soon_threadsafe(callback, *args, **options)


def run(main, loop):
    """As asyncio.run, and returns also what the loop's exception handler was told."""
    told = []
    loop.set_exception_handler(lambda loop, context: told.append(context))
    try:
        return loop.run_until_complete(asyncio.wait_for(main(loop), 30)), told
    finally:
        loop.close()


@pytest.fixture
def worker():
    with AdaptiveThreadPoolExecutor(1) as executor:
        yield executor


def all_at_once(executor, loop, calls):
    """Futures of the loop whose calls are over before it looks."""
    gate = threading.Event()
    executor.submit(gate.wait)
    futures = [loop.run_in_executor(executor, *call) for call in calls]
    last = executor.submit(int)
    gate.set()
    last.result(30)
    return futures


def test_a_loop_is_called_once_for_what_comes_up_before_it_looks(worker):
    async def main(loop):
        before = loop.calls
        futures = all_at_once(worker, loop, [(abs, -number) for number in range(100)])
        assert not any(future.done() for future in futures)
        results = await asyncio.gather(*futures)
        return results, loop.calls - before

    assert run(main, CountingLoop()) == ((list(range(100)), 1), [])


def test_a_loop_is_not_called_for_what_was_done_before_it_asked(worker):
    async def main(loop):
        sources = [worker.submit(abs, -number) for number in range(100)]
        concurrent.futures.wait(sources)
        before = loop.calls
        futures = [asyncio.wrap_future(source, loop=loop) for source in sources]
        assert not any(future.done() for future in futures)
        results = await asyncio.gather(*futures)
        return results, loop.calls - before

    assert run(main, CountingLoop()) == ((list(range(100)), 0), [])


def test_another_loop_in_the_same_thread_is_called(worker):
    source = worker.submit(abs, -1)
    assert source.result(30) == 1
    other = CountingLoop()

    async def main(loop):
        return asyncio.wrap_future(source, loop=other)

    future, told = run(main, CountingLoop())
    assert (other.calls, told) == (1, [])
    assert other.run_until_complete(future) == 1
    other.close()


def test_every_outcome_is_what_asyncio_makes_of_it(worker):
    async def main(loop):
        gate = threading.Event()
        worker.submit(gate.wait)
        sources = [
            worker.submit(abs, -1),
            worker.submit(divmod, 1, 0),
            worker.submit(abs, -2),
            worker.submit(abs, "x"),
            worker.submit(abs, -3),
        ]
        futures = [asyncio.wrap_future(source, loop=loop) for source in sources]
        sources[2].cancel()
        last = worker.submit(int)
        gate.set()
        last.result(30)
        return await asyncio.gather(*futures, return_exceptions=True)

    (one, division, cancelled, wrong, three), told = run(main, CountingLoop())
    assert (one, three, told) == (1, 3, [])
    assert type(division) is ZeroDivisionError and type(wrong) is TypeError
    assert type(cancelled) is asyncio.CancelledError


def test_who_no_longer_wants_the_outcome_gets_none(worker):
    async def main(loop):
        begun, gate = threading.Event(), threading.Event()
        source = worker.submit(lambda: (begun.set(), gate.wait(30)))
        future = asyncio.wrap_future(source, loop=loop)
        assert begun.wait(30)
        future.cancel()
        other = loop.run_in_executor(worker, abs, -1)
        gate.set()
        assert await other == 1
        return future.cancelled(), source.cancelled()

    assert run(main, CountingLoop()) == ((True, False), [])


def test_one_that_cannot_be_taken_in_keeps_no_other_back(worker):
    async def main(loop):
        futures = all_at_once(worker, loop, [(abs, -number) for number in range(5)])
        futures[1].set_result("somebody else's")
        futures[3].set_result("somebody else's")
        return await asyncio.gather(*futures)

    results, told = run(main, CountingLoop())
    assert results == [0, "somebody else's", 2, "somebody else's", 4]
    assert len(told) == 2


def test_loops_in_several_threads_at_once():
    async def main():
        loop = asyncio.get_running_loop()
        for _ in range(20):
            calls = [loop.run_in_executor(executor, divmod, number, 7) for number in range(50)]
            assert await asyncio.gather(*calls) == [divmod(number, 7) for number in range(50)]
        return True

    with AdaptiveThreadPoolExecutor(4) as executor, concurrent.futures.ThreadPoolExecutor(3) as threads:
        assert all(threads.map(lambda _: asyncio.run(asyncio.wait_for(main(), 50)), range(3)))


@pytest.mark.parametrize("others", [0, 1])
def test_a_loop_that_was_closed_is_told_nothing(others, caplog):
    """With `others`, one outcome is on its way to it by then."""

    def logged(executor):
        caplog.clear()
        loop = asyncio.new_event_loop()
        gates = [threading.Event() for _ in range(others + 1)]
        sources = [executor.submit(gate.wait, 30) for gate in gates]
        futures = [asyncio.wrap_future(source, loop=loop) for source in sources]
        for gate, source in zip(gates[:others], sources):
            sent = threading.Event()
            source.add_done_callback(lambda _, sent=sent: sent.set())
            gate.set()
            assert sent.wait(30)
        loop.close()
        gates[-1].set()
        assert sources[-1].result(30) is True
        executor.submit(int).result(30)  # the callbacks of the one before have been called
        assert not any(future.done() for future in futures)
        return [record.message for record in caplog.records if "exception calling callback" in record.message]

    with AdaptiveThreadPoolExecutor(1) as ours, concurrent.futures.ThreadPoolExecutor(1) as theirs:
        assert len(logged(ours)) == len(logged(theirs))


def test_a_callback_that_only_looks_like_it_is_called(worker):
    called = []

    def _chain_future(other):
        def _call_set_state(source):
            called.append((source, other))

        return _call_set_state

    callback = _chain_future(5)
    callback.__module__ = "asyncio.futures"
    callback.__qualname__ = "_chain_future.<locals>._call_set_state"
    future = worker.submit(int)
    future.add_done_callback(callback)
    future.result(30)
    worker.submit(int).result(30)
    assert called == [(future, 5)]
