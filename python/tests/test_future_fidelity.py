"""What a future does, asked of concurrent.futures.ThreadPoolExecutor's and of ours: each test must hold for both."""

import concurrent.futures
import contextlib
import copy
import gc
import logging
import pickle
import random
import re
import sys
import threading
import time
import traceback
import weakref
from concurrent.futures import CancelledError, InvalidStateError, ThreadPoolExecutor

import pytest
from conftest import eventually

from betapool import AdaptiveThreadPoolExecutor


@pytest.fixture(params=[ThreadPoolExecutor, AdaptiveThreadPoolExecutor])
def executor(request):
    with request.param(2) as executor:
        yield executor


@pytest.fixture
def held(executor):
    """A future that waits behind others, and what lets them go."""
    gate = threading.Event()
    for _ in range(2):
        executor.submit(gate.wait, 30)
    yield executor.submit(abs, -7), gate.set
    gate.set()


def fail(exception=None):
    raise exception or LookupError("no")


def test_it_is_a_future_of_the_standard_library(executor):
    assert isinstance(executor.submit(abs, 1), concurrent.futures.Future)


def test_repr_says_how_it_stands(executor, held):
    future, let_go = held
    begun = threading.Event()
    assert re.fullmatch(r"<Future at 0x[0-9a-f]+ state=pending>", repr(future))
    let_go()
    gate = threading.Event()
    running = executor.submit(lambda: begun.set() or gate.wait(30))
    begun.wait(30)
    assert re.fullmatch(r"<Future at 0x[0-9a-f]+ state=running>", repr(running))
    gate.set()
    running.result(30)
    future.result(30)
    assert re.fullmatch(r"<Future at 0x[0-9a-f]+ state=finished returned int>", repr(future))
    failed = executor.submit(fail)
    failed.exception(30)
    assert re.fullmatch(r"<Future at 0x[0-9a-f]+ state=finished raised LookupError>", repr(failed))


def test_states(executor, held):
    future, let_go = held
    assert (future.done(), future.running(), future.cancelled()) == (False, False, False)
    assert (future._state, future._result, future._exception, future._waiters, future._done_callbacks) == ("PENDING", None, None, [], [])
    let_go()
    assert future.result(timeout=30) == 7
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert (future._state, future._result, future._exception) == ("FINISHED", 7, None)
    assert future.exception(0) is None
    assert not future.cancel()


def test_failure(executor):
    error = LookupError("no")
    future = executor.submit(fail, error)
    assert future.exception(30) is error
    assert (future._state, future._result, future._exception) == ("FINISHED", None, error)
    for _ in range(2):
        with pytest.raises(LookupError) as caught:
            future.result()
        assert caught.value is error
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert names[-1] == "fail"


def test_a_failure_keeps_what_was_handled_as_its_context(executor):
    future = executor.submit(fail)
    try:
        raise KeyError("handled")
    except KeyError as handled:
        with pytest.raises(LookupError) as caught:
            future.result(30)
        assert caught.value.__context__ is handled


@pytest.mark.parametrize("exception", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_exceptions_that_end_programs_end_no_worker(executor, exception):
    assert executor.submit(fail, exception).exception(30) is exception
    assert executor.submit(abs, -1).result(30) == 1


def test_cancelling(executor, held):
    future, let_go = held
    seen = []
    future.add_done_callback(seen.append)
    assert future.cancel() and future.cancel()
    assert (future.done(), future.running(), future.cancelled(), future._state) == (True, False, True, "CANCELLED")
    assert seen == [future]
    for ask in (future.result, future.exception):
        with pytest.raises(CancelledError):
            ask(0)
    let_go()
    eventually(lambda: future._state == "CANCELLED_AND_NOTIFIED")
    assert future.cancelled() and future.cancel() and seen == [future]


def test_cancelling_wakes_whoever_waits(held):
    future, _ = held
    outcomes = []

    def wait():
        try:
            future.result(30)
        except CancelledError:
            outcomes.append("cancelled")

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    future.cancel()
    for thread in threads:
        thread.join()
    assert outcomes == ["cancelled"] * 3


@pytest.mark.parametrize("timeout", [0, -1, 0.01])
def test_time_runs_out(held, timeout):
    future, _ = held
    for ask in (future.result, future.exception):
        with pytest.raises(concurrent.futures.TimeoutError):
            ask(timeout)
        with pytest.raises(concurrent.futures.TimeoutError):
            ask(timeout=timeout)
    assert not future.done()


@pytest.mark.parametrize(("timeout", "exception"), [("1", TypeError), (1e300, OverflowError), ([], TypeError)])
def test_timeouts_that_are_none(held, timeout, exception):
    future, _ = held
    with pytest.raises(exception):
        future.result(timeout)


def test_arguments(executor):
    future = executor.submit(abs, 1)
    for call in (lambda: future.result(1, 2), lambda: future.result(limit=1), future.add_done_callback):
        with pytest.raises(TypeError):
            call()
    future.add_done_callback(fn=lambda future: None)


def test_callbacks_run_in_order_and_their_errors_are_logged(held, caplog):
    future, let_go = held
    seen = []
    future.add_done_callback(lambda future: seen.append(1))
    future.add_done_callback(lambda future: fail(ValueError("of a callback")))
    future.add_done_callback(lambda future: seen.append(2))
    assert len(future._done_callbacks) == 3
    with caplog.at_level(logging.ERROR, "concurrent.futures"):
        let_go()
        future.result(30)
        eventually(lambda: seen == [1, 2])
        future.add_done_callback(lambda future: fail(ValueError("of a late one")))
    future.add_done_callback(lambda future: seen.append(3))
    assert seen == [1, 2, 3]
    messages = [(record.name, record.getMessage(), str(record.exc_info[1])) for record in caplog.records]
    expected = f"exception calling callback for {future!r}"
    assert messages == [("concurrent.futures", expected, "of a callback"), ("concurrent.futures", expected, "of a late one")]


def test_a_callback_sees_the_future_done(executor):
    states = []
    for _ in range(100):
        executor.submit(abs, 1).add_done_callback(lambda future: states.append((future.done(), future.result(0))))
    eventually(lambda: len(states) == 100)
    assert states == [(True, 1)] * 100


def test_the_condition_is_one_and_a_change_of_state_waits_for_it(held):
    future, let_go = held
    assert future._condition is future._condition
    with future._condition:
        let_go()
        time.sleep(0.1)
        assert future._state == "PENDING"
    assert future.result(30) == 7


@pytest.mark.parametrize("make_condition", [lambda future: future._condition, lambda future: threading.Condition()])
@pytest.mark.parametrize("is_done", [False, True])
def test_who_has_the_condition_has_the_outcome_to_himself(held, make_condition, is_done):
    """CPython's own tests set the state first, and then the outcome."""
    future, let_go = held
    future._condition = make_condition(future)
    is_finished = threading.Event()

    def finish():
        with future._condition:
            future._state = "FINISHED"
            is_finished.set()
            time.sleep(0.05)
            future._exception = LookupError()
            future._condition.notify_all()

    finishing = threading.Thread(target=finish)
    finishing.start()
    if is_done:
        assert is_finished.wait(30)
    assert isinstance(future.exception(30), LookupError)
    with pytest.raises(LookupError):
        future.result(0)
    finishing.join()
    let_go()


def test_waiting_on_the_condition_itself(held):
    future, let_go = held
    with future._condition:
        let_go()
        assert future._condition.wait_for(lambda: future._state == "FINISHED", 30)
    assert future.result(0) == 7


def test_somebody_else_may_resolve_it(held, caplog):
    future, let_go = held
    waiting = threading.Thread(target=future.result)
    waiting.start()
    future.set_result("theirs")
    waiting.join(30)
    assert not waiting.is_alive()
    assert future.result(0) == "theirs"
    with pytest.raises(InvalidStateError):
        future.set_result("again")
    with pytest.raises(InvalidStateError):
        future.set_exception(LookupError())
    with caplog.at_level(logging.CRITICAL, "concurrent.futures"):
        let_go()
        eventually(lambda: any("unexpected state" in record.getMessage() for record in caplog.records))
    assert future.result(0) == "theirs"


def test_somebody_else_may_fail_it(held):
    future, _ = held
    error = LookupError()
    future.set_exception(error)
    assert future.exception(0) is error


def test_one_made_by_hand_works(executor):
    made = type(executor.submit(abs, 1))()
    assert made._state == "PENDING"
    assert made.set_running_or_notify_cancel() and made.running()
    made.set_result(5)
    assert made.result() == 5


def test_attributes_and_weak_references(executor):
    future = executor.submit(abs, -1)
    future.result(30)
    future.name = "mine"
    assert future.name == "mine" and vars(future)["name"] == "mine"
    future.itself = future
    reference = weakref.ref(future)
    del future
    eventually(lambda: gc.collect() >= 0 and reference() is None)


def test_the_end_of_one_is_seen(executor):
    ended = []
    future = executor.submit(abs, -1)
    future.result(30)
    future.value = value = Big()
    references = [weakref.ref(one, lambda _, name=name: ended.append(name)) for one, name in ((future, "future"), (value, "value"))]
    del value, future
    eventually(lambda: gc.collect() >= 0 and ended == ["future", "value"])
    assert [reference() for reference in references] == [None, None]


@pytest.mark.parametrize("of", ["class", "derived"])
def test_its_class_may_have_a_finalizer_that_keeps_it(executor, of):
    kept = []
    made = type(executor.submit(abs, 1))
    if of == "class":
        derived = made
        made.__del__ = lambda self: kept.append(self)
    else:
        derived = type("Derived", (made,), {"__del__": lambda self: kept.append(self)})
    try:
        future = derived()
        future.set_result(5)
        number = id(future)
        del future
        eventually(lambda: gc.collect() >= 0 and number in map(id, kept))
        assert next(future for future in kept if id(future) == number).result() == 5
    finally:
        if of == "class":
            del made.__del__
    reference = weakref.ref(kept[0])
    kept.clear()
    eventually(lambda: gc.collect() >= 0 and reference() is None)


@pytest.mark.parametrize("is_derived", [False, True])
def test_a_long_chain_of_them_ends(executor, is_derived):
    made = type(executor.submit(abs, 1))
    made = type("Derived", (made,), {}) if is_derived else made
    last = made()
    reference = weakref.ref(last)
    future = last
    for _ in range(100_000):
        outer = made()
        outer.set_result(future)
        future = outer
    del last, outer, future
    eventually(lambda: gc.collect() >= 0 and reference() is None)


def test_many_arguments(executor):
    def told(*args, **kwargs):
        return args, kwargs

    for count in range(10):
        args, kwargs = tuple(range(count)), {f"name{number}": number for number in range(count)}
        assert executor.submit(told, *args).result(30) == (args, {})
        assert executor.submit(told, **kwargs).result(30) == ((), kwargs)
        assert executor.submit(told, *args, **kwargs).result(30) == (args, kwargs)
    assert executor.submit(told, ()).result(30) == (((),), {})


def test_it_cannot_be_copied_or_pickled(executor):
    future = executor.submit(abs, -1)
    future.result(30)
    for attempt in (pickle.dumps, copy.deepcopy, copy.copy):
        if attempt is copy.copy and type(executor) is ThreadPoolExecutor:
            continue  # the copy shares its condition
        with pytest.raises(TypeError):
            attempt(future)


def test_generic_alias(executor):
    assert type(executor.submit(abs, 1))[int].__args__ == (int,)


class Big:
    pass


def test_arguments_and_results_are_let_go(executor):
    argument, result = Big(), Big()
    references = [weakref.ref(argument), weakref.ref(result)]
    holder = [result]
    future = executor.submit(lambda taken, by_name: holder.pop(), argument, by_name=argument)
    del argument, result
    assert references[1]() is future.result(30)
    eventually(lambda: references[0]() is None)
    del future
    eventually(lambda: gc.collect() >= 0 and references[1]() is None)


@pytest.mark.parametrize("return_when", ["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"])
def test_wait_among_those_that_are_being_resolved(executor, return_when):
    for _ in range(100):
        futures = [executor.submit(random.choice([abs, fail]), -1 if number % 7 else None) for number in range(20)]
        random.choice(futures).cancel()
        done, pending = concurrent.futures.wait(futures, 30, return_when)
        assert done | pending == set(futures) and done
        assert return_when != "ALL_COMPLETED" or not pending


def test_as_completed_yields_each_once(executor):
    for _ in range(50):
        futures = [executor.submit(abs, number) for number in range(30)]
        assert sorted(future.result() for future in concurrent.futures.as_completed(futures, 30)) == list(range(30))


def test_everybody_at_once(executor):
    """Asking, waiting with short timeouts, cancelling, adding callbacks and taking the condition, while workers resolve."""
    futures, called, stop = [], [], threading.Event()
    errors = []

    def meddle(seed):
        choose = random.Random(seed)
        try:
            while not stop.is_set():
                if not futures:
                    continue
                future = choose.choice(futures)
                kind = choose.randrange(5)
                if kind == 0:
                    future.cancel()
                elif kind == 1:
                    with future._condition:
                        assert future._state
                elif kind == 2:
                    future.add_done_callback(called.append)
                elif kind == 3:
                    concurrent.futures.wait([future], 0.001)
                else:
                    with contextlib.suppress(CancelledError, concurrent.futures.TimeoutError):
                        assert future.result(0.001) is not None
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=meddle, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    ends = time.monotonic() + 1.5
    total = 0
    while time.monotonic() < ends and not errors:
        futures[:] = [executor.submit(abs, -number - 1) for number in range(50)]
        total += len(futures)
        _, pending = concurrent.futures.wait(list(futures), 30)
        assert not pending
        for number, future in enumerate(list(futures)):
            assert future.cancelled() or future.result(0) == number + 1
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert total >= 50


def test_references_to_names_do_not_leak(executor):
    def function(**named):
        return len(named)

    def run(count):
        for future in [executor.submit(function, a=1, b=2) for _ in range(count)]:
            assert future.result(30) == 2

    run(100)
    gc.collect()
    before = sys.getrefcount(function)
    run(1000)
    gc.collect()
    eventually(lambda: abs(sys.getrefcount(function) - before) <= 3)


@pytest.mark.parametrize("tie", ["attribute", "dict", "result", "callback", "waiters"])
def test_cycles_through_a_future_are_collected(executor, tie):
    holder = Big()
    reference = weakref.ref(holder)
    results = [holder if tie == "result" else 5]
    future = executor.submit(results.pop)
    future.result(30)
    holder.future = future
    if tie == "attribute":
        future.holder = holder
    elif tie == "dict":
        vars(future)["holder"] = holder
    elif tie == "callback":
        future._done_callbacks.append(holder)
    elif tie == "waiters":
        future._waiters.append(holder)
    del holder, future
    eventually(lambda: gc.collect() >= 0 and reference() is None)


def test_its_dict_can_be_replaced(executor):
    future = executor.submit(abs, 1)
    future.result(30)
    future.__dict__ = {"name": "mine"}
    assert future.name == "mine"
    assert vars(future) == future.__dict__


def test_what_is_put_into_it_must_fit():
    with AdaptiveThreadPoolExecutor(1) as ours:
        future = ours.submit(abs, 1)
        future.result(30)
        for name, value, exception in [
            ("_waiters", 5, TypeError),
            ("_done_callbacks", None, TypeError),
            ("_state", "LOST", ValueError),
            ("_state", 3, ValueError),
        ]:
            with pytest.raises(exception):
                setattr(future, name, value)
        for name in ("_condition", "_waiters", "_state"):
            with pytest.raises((AttributeError, ValueError)):
                delattr(future, name)
        assert (future.result(), future._state) == (1, "FINISHED")
