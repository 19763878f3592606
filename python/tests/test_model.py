"""The executor beside ThreadPoolExecutor, call by call: same states, results, exceptions, messages, order.

Hypothesis makes sequences of calls. Each is made to both, with tasks of their own, and then both must come to the state that a queue with
so many workers has: tasks either end at once or stand at a gate until it is opened, so there is no other. BETAPOOL_MODEL_EXAMPLES sets how
many sequences are tried; they are the same in each run.
"""

import concurrent.futures
import os
import re
import threading

from conftest import eventually
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from betapool import AdaptiveThreadPoolExecutor

EXAMPLES = int(os.environ.get("BETAPOOL_MODEL_EXAMPLES", "100"))


class Trouble(Exception):
    pass


class DeepTrouble(BaseException):
    pass


class Side:
    """One of the two: an executor, what its tasks did, and its futures."""

    def __init__(self, executor):
        self.executor = executor
        self.futures, self.gates, self.log = [], {}, []

    def submit(self, number, kind):
        self.gates[number] = gate = threading.Event()
        log, executor = self.log, self.executor

        def value():
            log.append(("begun", number))
            return number

        def trouble():
            log.append(("begun", number))
            raise Trouble(number)

        def deep_trouble():
            log.append(("begun", number))
            raise DeepTrouble(number)

        def stop():
            log.append(("begun", number))
            assert gate.wait(30)
            return number

        def shut_down_from_within():
            log.append(("begun", number))
            executor.shutdown(wait=False)

        self.futures.append(executor.submit(locals()[kind]))

    def states(self):
        return [future._state for future in self.futures]


def outcome(call):
    """What a call returned or raised, in a form that two sides can be compared by."""
    try:
        return "returned", call()
    except BaseException as error:
        if not isinstance(error, (Exception, DeepTrouble)):
            raise
        return "raised", type(error), str(error)


def spoken(future):
    return re.sub(r"0x[0-9a-f]+", "0x", repr(future)).replace("betapool", "").replace("<class '", "")


class Model(RuleBasedStateMachine):
    """What is known without an executor: `queue` in order, `standing` at their gates, everything else is over."""

    @initialize(workers=st.integers(1, 3))
    def make(self, workers):
        self.workers = workers
        policy = "adaptive" if workers == 1 else "fixed"  # an adaptive pool may have fewer
        self.sides = [
            Side(AdaptiveThreadPoolExecutor(workers, policy=policy)),
            Side(concurrent.futures.ThreadPoolExecutor(workers)),
        ]
        self.kinds, self.queue, self.standing, self.cancelled = [], [], [], set()
        self.is_open = True

    def both(self, call):
        """Makes a call to both sides, which must say the same."""
        ours, theirs = (outcome(lambda side=side: call(side)) for side in self.sides)
        assert ours == theirs
        return ours

    def settle(self):
        """Lets the model go on as far as it can, and both sides after it."""
        while self.queue and len(self.standing) < self.workers:
            number = self.queue.pop(0)
            if number in self.cancelled:
                continue
            if self.kinds[number] == "stop":
                self.standing.append(number)
            elif self.kinds[number] == "shut_down_from_within":
                self.is_open = False
        for side in self.sides:
            eventually(lambda side=side: [self.is_as(number, state) for number, state in enumerate(side.states())].count(False) == 0)

    def is_as(self, number, state):
        if number in self.cancelled:
            # CANCELLED until a worker has come by, and at which moment it does is nobody's business.
            return state in ("CANCELLED", "CANCELLED_AND_NOTIFIED")
        return state == ("RUNNING" if number in self.standing else "PENDING" if number in self.queue else "FINISHED")

    def some(self, data):
        return data.draw(st.integers(0, len(self.kinds) - 1))

    has_futures = precondition(lambda self: self.kinds)

    # Shutdown comes late, for there is little to see behind it.
    is_under_way = precondition(lambda self: len(self.kinds) >= 4)

    @rule(kind=st.sampled_from(["value", "trouble", "deep_trouble", "stop", "stop"]))
    def submit(self, kind):
        self.submit_to_both(kind)

    @is_under_way
    @rule()
    def submit_shutdown(self):
        self.submit_to_both("shut_down_from_within")

    def submit_to_both(self, kind):
        accepted = self.both(lambda side: side.submit(len(self.kinds), kind))[0] == "returned"
        assert accepted == self.is_open
        if accepted:
            self.queue.append(len(self.kinds))
            self.kinds.append(kind)
        self.settle()

    @precondition(lambda self: self.standing)
    @rule(data=st.data())
    def open_gate(self, data):
        number = data.draw(st.sampled_from(self.standing))
        for side in self.sides:
            side.gates[number].set()
        self.standing.remove(number)
        self.settle()

    @has_futures
    @rule(data=st.data())
    def cancel(self, data):
        number = self.some(data)
        said = self.both(lambda side: side.futures[number].cancel())
        if said[1]:
            self.cancelled.add(number)
        self.settle()

    @has_futures
    @rule(data=st.data())
    def look(self, data):
        number = self.some(data)
        self.both(lambda side: side.futures[number].result(timeout=0))
        self.both(lambda side: side.futures[number].done())
        self.both(lambda side: side.futures[number].running())
        self.both(lambda side: side.futures[number].cancelled())
        self.both(lambda side: [type(side.futures[number].exception(timeout=0)), str(side.futures[number].exception(timeout=0))])
        if number not in self.cancelled:
            self.both(lambda side: spoken(side.futures[number]))

    @has_futures
    @rule(data=st.data())
    def call_back(self, data):
        number, mark = self.some(data), object()
        for side in self.sides:
            side.futures[number].add_done_callback(lambda future, side=side: side.log.append((mark, side.futures.index(future))))
        is_over = self.sides[1].futures[number].done()
        for side in self.sides:
            assert ((mark, number) in side.log) == is_over

    @has_futures
    @rule(data=st.data(), which=st.sampled_from(["FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED"]))
    def wait(self, data, which):
        numbers = data.draw(st.sets(st.integers(0, len(self.kinds) - 1)))
        # A cancelled future is done for wait() once a worker has come by.
        numbers -= self.cancelled

        def done(side):
            futures = {side.futures[number]: number for number in numbers}
            return {futures[future] for future in concurrent.futures.wait(futures, timeout=0, return_when=which).done}

        self.both(done)

    @has_futures
    @rule(data=st.data())
    def meddle(self, data):
        """Somebody else resolves what is over: refused, in the same words."""
        number = self.some(data)
        if number not in self.queue and number not in self.standing and number not in self.cancelled:
            self.both(lambda side: re.sub(r"0x[0-9a-f]+", "", str(outcome(lambda: side.futures[number].set_result(1)))))

    @precondition(lambda self: self.is_open and len(self.standing) < self.workers)
    @rule(items=st.lists(st.integers(-3, 9), max_size=12), chunksize=st.integers(1, 3))
    def map(self, items, chunksize):
        def run(side):
            results = []
            iterator = side.executor.map(lambda item: 12 // item, items, timeout=30, chunksize=chunksize)
            try:
                for result in iterator:
                    results.append(result)
            except ZeroDivisionError as error:
                results.append(str(error))
            return results

        self.both(run)

    @is_under_way
    @rule(cancel_futures=st.booleans())
    def shut_down(self, cancel_futures):
        self.both(lambda side: side.executor.shutdown(wait=False, cancel_futures=cancel_futures))
        self.is_open = False
        if cancel_futures:
            self.cancelled.update(self.queue)
        self.settle()

    def teardown(self):
        if not hasattr(self, "sides"):
            return
        for side in self.sides:
            for gate in side.gates.values():
                gate.set()
            side.executor.shutdown()
            assert all(future.done() for future in side.futures)
            begun = [number for word, number in side.log if word == "begun"]
            assert sorted(begun) == sorted(set(range(len(self.kinds))) - self.cancelled)
            if self.workers == 1:
                assert begun == sorted(begun)
        assert self.sides[0].executor.stats().submitted >= len(self.kinds)


Model.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=50,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestModel = Model.TestCase
