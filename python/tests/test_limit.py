"""max_queue, when_full and context: what ThreadPoolExecutor does not have."""

import contextvars
import queue
import signal
import threading
import time

import pytest
from conftest import FREE_THREADED, eventually, run_in_child, run_python

from betapool import AdaptiveThreadPoolExecutor


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


def occupy(executor, gate, workers=1):
    """Keeps the workers busy until the gate opens."""
    begun = threading.Semaphore(0)

    def hold():
        begun.release()
        gate.wait(30)

    for _ in range(workers):
        executor.submit(hold)
    for _ in range(workers):
        assert begun.acquire(timeout=30)


def in_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def test_a_full_queue_raises(gate):
    with AdaptiveThreadPoolExecutor(1, policy="fixed", max_queue=2, when_full="raise") as executor:
        occupy(executor, gate)
        futures = [executor.submit(abs, -1), executor.submit(abs, -2)]
        for _ in range(3):
            with pytest.raises(queue.Full, match="2 calls wait"):
                executor.submit(abs, -3)
        gate.set()
        assert [future.result(30) for future in futures] == [1, 2]
        assert executor.submit(abs, -4).result(30) == 4


def test_a_full_queue_makes_submit_wait(gate):
    with AdaptiveThreadPoolExecutor(1, policy="fixed", max_queue=1) as executor:
        occupy(executor, gate)
        executor.submit(abs, -1)
        done = []
        threads = [in_thread(lambda number=number: done.append(executor.submit(abs, number).result(30))) for number in range(5)]
        time.sleep(0.05)
        assert done == [] and executor._work_queue.qsize() == 1
        gate.set()
        for thread in threads:
            thread.join(30)
        assert sorted(done) == list(range(5))


def test_never_more_wait_than_allowed():
    most = 0
    with AdaptiveThreadPoolExecutor(2, policy="fixed", max_queue=7) as executor:

        def submit():
            nonlocal most
            for _ in range(2000):
                executor.submit(abs, -1)
                most = max(most, executor._work_queue.qsize())

        threads = [in_thread(submit) for _ in range(4)]
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    assert executor.stats().completed == 8000
    assert most <= 7


def test_map_keeps_the_limit(gate):
    with AdaptiveThreadPoolExecutor(2, policy="fixed", max_queue=3) as executor:
        assert list(executor.map(abs, range(-500, 0))) == list(range(500, 0, -1))


def test_a_call_that_submits_is_not_held_up():
    with AdaptiveThreadPoolExecutor(1, policy="fixed", max_queue=1) as executor:

        def parent():
            return [executor.submit(abs, -number) for number in range(20)]

        assert [future.result(30) for future in executor.submit(parent).result(30)] == list(range(20))


@pytest.mark.parametrize("cancel", [False, True])
def test_shutdown_ends_the_waiting(gate, cancel):
    executor = AdaptiveThreadPoolExecutor(1, policy="fixed", max_queue=1)
    occupy(executor, gate)
    queued, refused = executor.submit(abs, -1), []

    def submit():
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(abs, -2)
        refused.append(True)

    threads = [in_thread(submit) for _ in range(3)]
    time.sleep(0.05)
    executor.shutdown(wait=False, cancel_futures=cancel)
    for thread in threads:
        thread.join(30)
    assert refused == [True] * 3
    gate.set()
    executor.shutdown()
    assert queued.cancelled() == cancel


def test_what_is_cancelled_or_taken_back_makes_room(gate):
    with AdaptiveThreadPoolExecutor(1, policy="fixed", max_queue=1, when_full="raise") as executor:
        occupy(executor, gate)
        for _ in range(3):
            executor.submit(abs, -1)
            item = executor._work_queue.get_nowait()
            item.future.cancel()
        executor.submit(abs, -1)
        with pytest.raises(queue.Full):
            executor.submit(abs, -1)
        gate.set()


def test_ctrl_c_ends_the_waiting(gate):
    with AdaptiveThreadPoolExecutor(1, policy="fixed", max_queue=1) as executor:
        occupy(executor, gate)
        executor.submit(abs, -1)
        timer = threading.Timer(0.1, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            executor.submit(abs, -2)
        timer.join()
        gate.set()
        eventually(lambda: executor._work_queue.qsize() == 0)
        assert executor.submit(abs, -3).result(30) == 3


def test_a_forked_child_has_room(gate):
    with AdaptiveThreadPoolExecutor(1, policy="fixed", max_queue=2) as executor:
        occupy(executor, gate)
        executor.submit(abs, -1)
        executor.submit(abs, -1)
        waiting = in_thread(executor.submit, abs, -1)
        time.sleep(0.05)
        run_in_child(lambda: [executor.submit(abs, -1).result(10) for _ in range(5)])
        gate.set()
        waiting.join(30)


def test_adaptive_is_bounded_too():
    with AdaptiveThreadPoolExecutor(max_queue=10) as executor:
        futures = [executor.submit(time.sleep, 0.001) for _ in range(300)]
        assert all(future.result(30) is None for future in futures)


@pytest.mark.parametrize(
    ("arguments", "exception", "words"),
    [
        ({"max_queue": 0}, ValueError, "max_queue must be greater than 0"),
        ({"max_queue": "5"}, TypeError, "max_queue must be an integer"),
        ({"when_full": "drop"}, ValueError, "when_full must be 'wait' or 'raise', not 'drop'"),
        ({"context": "share"}, ValueError, "context must be 'copy' or None, not 'share'"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, exception, words):
    with pytest.raises(exception, match=words):
        AdaptiveThreadPoolExecutor(1, **arguments)


request = contextvars.ContextVar("request", default="none")


def test_a_call_sees_a_copy_of_the_context():
    def change(suffix, *, by_name):
        seen = request.get()
        request.set(seen + suffix)
        return seen, by_name, request.get()

    with AdaptiveThreadPoolExecutor(1, context="copy") as executor:
        request.set("first")
        first = executor.submit(change, "!", by_name=1)
        request.set("second")
        second = executor.submit(change, "?", by_name=2)
        assert first.result(30) == ("first", 1, "first!")
        assert second.result(30) == ("second", 2, "second?")
        assert request.get() == "second"
        assert list(executor.map(lambda _: request.get(), range(3))) == ["second"] * 3


def test_by_default_a_thread_has_a_context_of_its_own():
    with AdaptiveThreadPoolExecutor(1) as executor:
        request.set("main's")
        assert executor.submit(request.get).result(30) in ("none", "main's")  # a newer CPython may hand its starter's on
        executor.submit(request.set, "the thread's").result(30)
        assert executor.submit(request.get).result(30) == "the thread's"


def test_a_context_is_let_go():
    class Big:
        pass

    import gc
    import weakref

    with AdaptiveThreadPoolExecutor(1, context="copy") as executor:
        big = Big()
        reference = weakref.ref(big)
        token = request.set(big)
        executor.submit(abs, -1).result(30)
        request.reset(token)
        del big, token
        eventually(lambda: gc.collect() >= 0 and reference() is None)


# Under a limit of address space each thread's stack counts, and up to 64 MB for what it allocates, whether used or not. With the two
# settings that the README names there is room for all; without them a pool works with the threads that it gets.
ADDRESS_SPACE = """
import resource, sys, threading
import betapool
if sys.argv[1:]:
    threading.stack_size(int(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
with betapool.AdaptiveThreadPoolExecutor(32, policy="fixed") as executor:
    gate = threading.Event()
    begun = threading.Semaphore(0)
    def task(number):
        begun.release()
        gate.wait(25)
        return number
    futures = [executor.submit(task, number) for number in range(200)]
    wanted = 32 if sys.argv[1:] else 1
    print(all(begun.acquire(timeout=20) for _ in range(wanted)))
    gate.set()
    print([future.result(20) for future in futures] == list(range(200)))
"""


@pytest.mark.skipif(FREE_THREADED, reason="a free-threaded interpreter reserves more address space than that for itself")
@pytest.mark.parametrize("settings", [[], [str(1 << 20)]], ids=["as_it_is", "with_room"])
def test_512_mb_of_address_space_is_memory_enough(settings):
    environment = {"MALLOC_ARENA_MAX": "2"} if settings else {}
    process = run_python(ADDRESS_SPACE, arguments=settings, environment=environment, timeout=55)
    assert process.stdout.split() == ["True", "True"], process.stderr


def test_a_system_that_refuses_threads_is_not_asked_at_every_submission(monkeypatch):
    """Not only for the time it takes: each attempt leaves its trace in sets of the threading module, which may have no memory to grow."""
    attempts = []

    def refuse(thread):
        attempts.append(thread)
        raise RuntimeError("can't start new thread")

    with AdaptiveThreadPoolExecutor(4, policy="fixed") as executor:
        gate = threading.Event()
        first = executor.submit(gate.wait, 30)
        eventually(first.running)
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            others = [executor.submit(gate.wait, 30) for _ in range(2000)]

        def has_all():
            others.append(executor.submit(gate.wait, 30))
            return executor.stats().threads == 4

        eventually(has_all)  # nothing is held against the system for long
        gate.set()
        assert all(future.result(30) for future in (first, *others))
    assert 1 <= len(attempts) < 200
