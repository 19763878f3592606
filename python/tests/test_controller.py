"""betapool.Controller, against an independent Algorithm 1."""

import asyncio
import contextvars
import inspect
import math
import sys
import threading
import time
from dataclasses import dataclass
from dataclasses import field as dataclass_field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import betapool


@dataclass
class Algorithm1:
    """The paper's Algorithm 1, written from the paper and not from the library."""

    n_min: int = 4
    n_max: int = 64
    threshold: float = 0.3
    alpha: float = 0.2
    h: int = 3
    ewma: float = 0.5
    c_up: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    n: int = dataclass_field(init=False)

    def __post_init__(self):
        self.n = self.n_min

    def report(self, cpu, wall):
        self.cpu += cpu
        self.wall += wall

    def tick(self, q):
        beta = 1 - self.cpu / self.wall if self.wall > 0 else None
        self.cpu = self.wall = 0.0
        if beta is not None:
            self.ewma = self.alpha * beta + (1 - self.alpha) * self.ewma
        before, vetoed = self.n, False
        if q > 0:
            if self.ewma > self.threshold:
                self.c_up += 1
                if self.c_up >= self.h:
                    self.n = min(self.n + 1, self.n_max)
                    self.c_up = 0
            else:
                vetoed, self.c_up = True, 0
        elif self.n > self.n_min:
            self.n = max(self.n - 1, self.n_min)
        action = "veto" if vetoed else "scale_up" if self.n > before else "scale_down" if self.n < before else "hold"
        return beta, action, before


@st.composite
def constants(draw):
    n_min = draw(st.integers(1, 6))
    return {
        "n_min": n_min,
        "n_max": draw(st.integers(n_min, n_min + 6)),
        "threshold": draw(st.floats(0, 1)),
        "alpha": draw(st.floats(0.01, 1)),
        "h": draw(st.integers(1, 4)),
    }


tasks = st.tuples(st.floats(0, 1), st.floats(0, 100)).map(lambda pair: (pair[0] * pair[1], pair[1]))
intervals = st.tuples(st.lists(tasks, max_size=4), st.integers(0, 3))


@settings(max_examples=2000, deadline=None)
@given(constants(), st.lists(intervals, max_size=40))
def test_paper_is_algorithm_1_bit_for_bit(chosen, trace):
    model = Algorithm1(**chosen)
    controller = betapool.Controller(
        chosen["n_min"], chosen["n_max"], beta_threshold=chosen["threshold"], alpha=chosen["alpha"], hysteresis=chosen["h"]
    )
    for number, (reports, queue_length) in enumerate(trace, 1):
        for cpu, wall in reports:
            controller.report(cpu, wall)
            model.report(cpu, wall)
        decision = controller.tick(queue_length)
        beta, action, before = model.tick(queue_length)
        assert decision.beta == beta
        assert decision.beta_ewma == model.ewma == controller.beta
        assert (decision.action, decision.threads, decision.threads_before) == (action, model.n, before)
        assert (decision.number, decision.queue_length) == (number, queue_length)
        assert controller.threads == model.n


@settings(max_examples=200, deadline=None)
@given(st.floats(0.31, 1), st.integers(1, 5))
def test_sustained_blocking_load_never_shrinks_and_ends_at_the_maximum(beta, hysteresis):
    controller = betapool.Controller(2, 9, hysteresis=hysteresis)
    counts = []
    for _ in range(20 * hysteresis + 40):
        controller.report(1 - beta, 1)
        counts.append(controller.tick(1).threads)
    assert counts == sorted(counts)
    assert counts[-1] == 9


def test_cpu_bound_load_is_vetoed_at_the_minimum():
    controller = betapool.Controller()
    for _ in range(50):
        controller.report(0.99, 1)
        decision = controller.tick(1000)
    assert (decision.action, decision.threads) == ("veto", 4)
    assert "growth refused" in decision.reason


def test_a_decision_says_what_it_saw():
    before = time.monotonic()
    controller = betapool.Controller()
    controller.report(cpu_time=0.25, wall_time=1)
    decision = controller.tick(queue_length=7)
    assert isinstance(decision, betapool.Decision)
    assert decision.beta == 0.75
    assert decision.beta_ewma == 0.2 * 0.75 + 0.8 * 0.5
    assert decision.beta_io is None
    assert decision.queue_length == 7
    assert decision.reason
    assert before <= decision.time <= time.monotonic()
    assert controller.tick(0).beta is None
    with pytest.raises(AttributeError):
        decision.threads = 5


def test_the_newest_decisions_are_kept_oldest_first():
    controller = betapool.Controller()
    assert controller.decisions() == []
    made = [controller.tick(i % 3) for i in range(300)]
    kept = controller.decisions()
    assert kept == made[-len(kept) :]
    assert len(kept) == 256


def test_fixed_always_allows_the_maximum():
    controller = betapool.Controller(2, 7, policy="fixed")
    assert controller.threads == 7
    controller.report(1, 1)
    assert controller.tick(0).threads == controller.tick(100).threads == 7


@pytest.mark.parametrize(
    ("arguments", "exception", "words"),
    [
        ({"min_threads": 0}, ValueError, "min_threads must be greater than 0 and at most 64"),
        ({"min_threads": 65}, ValueError, "min_threads must be greater than 0 and at most 64"),
        ({"min_threads": -1}, ValueError, "min_threads"),
        ({"min_threads": 10**30}, ValueError, "min_threads"),
        ({"min_threads": 1.5}, TypeError, "min_threads must be an integer from 1 to 64"),
        ({"min_threads": "4"}, TypeError, "min_threads"),
        ({"max_threads": 0}, ValueError, "max_threads must be greater than 0 and at most 65536"),
        ({"max_threads": 65537}, ValueError, "max_threads"),
        ({"max_threads": 3, "min_threads": 4}, ValueError, "min_threads must be greater than 0 and at most 3"),
        ({"policy": "papper"}, ValueError, "policy must be 'fixed', 'paper', 'paper-io' or 'adaptive', not 'papper'"),
        ({"policy": 1}, TypeError, "policy"),
        ({"policy": "paper\0"}, ValueError, "policy"),
        ({"policy": "\ud800"}, ValueError, ""),
        ({"beta_threshold": -0.1}, ValueError, "beta_threshold must be a number from 0 to 1"),
        ({"beta_threshold": 1.1}, ValueError, "beta_threshold"),
        ({"beta_threshold": math.nan}, ValueError, "beta_threshold"),
        ({"beta_threshold": "high"}, TypeError, "beta_threshold"),
        ({"alpha": 0}, ValueError, "alpha must be a number above 0 and at most 1, not 0"),
        ({"alpha": 1.0001}, ValueError, "alpha"),
        ({"alpha": math.nan}, ValueError, "alpha"),
        ({"alpha": []}, TypeError, "alpha"),
        ({"hysteresis": 0}, ValueError, "hysteresis must be greater than 0"),
        ({"hysteresis": 1 << 32}, ValueError, "hysteresis"),
        ({"hysteresis": 2.0}, TypeError, "hysteresis"),
        ({"interval": 0}, ValueError, "interval must be a number of seconds from 0.001 to 3600"),
        ({"interval": 3601}, ValueError, "interval"),
        ({"interval": math.inf}, ValueError, "interval"),
        ({"interval": "1s"}, TypeError, "interval"),
        ({"unknown": 1}, TypeError, "unknown"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, exception, words):
    with pytest.raises(exception) as raised:
        betapool.Controller(**arguments)
    assert words in str(raised.value)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="CPython 3.9 does not read signatures of types made in C")
def test_the_signature_shows_the_defaults():
    signature = "(min_threads=4, max_threads=64, *, policy='paper', beta_threshold=0.3, alpha=0.2, hysteresis=3, interval=0.5)"
    assert str(inspect.signature(betapool.Controller)) == signature


def test_the_defaults_are_the_papers():
    explicit = betapool.Controller(4, 64, policy="paper", beta_threshold=0.3, alpha=0.2, hysteresis=3, interval=0.5)
    default = betapool.Controller()
    for queue_length in (1, 1, 1, 1, 0, 2):
        for controller in (explicit, default):
            controller.report(0.4, 1)
        assert explicit.tick(queue_length)[:7] == default.tick(queue_length)[:7]


def test_a_minimum_above_the_given_maximum_follows_it_by_default():
    assert betapool.Controller(max_threads=2).threads == 2


@pytest.mark.parametrize(
    ("cpu", "wall", "exception", "words"),
    [
        (-1, 1, ValueError, "cpu_time must be a finite number of seconds, at least 0"),
        (1, -1, ValueError, "wall_time"),
        (math.nan, 1, ValueError, "cpu_time"),
        (0, math.inf, ValueError, "wall_time"),
        (2, 1, ValueError, "cpu_time must be at most wall_time"),
        ("1", 1, TypeError, "cpu_time"),
        (0, None, TypeError, "wall_time"),
    ],
)
def test_reports_that_cannot_be_are_refused_and_change_nothing(cpu, wall, exception, words):
    controller = betapool.Controller()
    with pytest.raises(exception) as raised:
        controller.report(cpu, wall)
    assert words in str(raised.value)
    assert controller.tick(0).beta is None


def test_clocks_may_disagree_a_little():
    controller = betapool.Controller()
    controller.report(1.005, 1)
    assert controller.tick(0).beta == 0


@pytest.mark.parametrize(
    ("queue_length", "exception"), [(-1, ValueError), (1 << 64, ValueError), (1.0, TypeError), (None, TypeError), ("1", TypeError)]
)
def test_a_queue_length_is_a_count(queue_length, exception):
    controller = betapool.Controller()
    with pytest.raises(exception, match="queue_length must be an integer from 0"):
        controller.tick(queue_length)
    assert controller.decisions() == []
    assert controller.tick((1 << 64) - 1).queue_length == (1 << 64) - 1


# task() and instrument


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_task_measures_waiting_and_work():
    controller = betapool.Controller()
    with controller.task():
        time.sleep(0.05)
    assert controller.tick(0).beta > 0.8
    with controller.task():
        burn(0.05)
        time.sleep(0.05)
    assert controller.tick(0).beta < 0.9


def test_task_reports_a_block_that_raises():
    controller = betapool.Controller()
    with pytest.raises(KeyError), controller.task():
        time.sleep(0.01)
        raise KeyError
    assert controller.tick(0).beta is not None


def test_a_task_is_for_one_block_at_a_time():
    controller = betapool.Controller()
    task = controller.task()
    with task, pytest.raises(RuntimeError, match="running already"):
        task.__enter__()
    with task:
        pass
    with pytest.raises(RuntimeError, match="in which it began"):
        task.__exit__(None, None, None)


def test_a_task_stays_in_its_thread():
    task = betapool.Controller().task()
    thread = threading.Thread(target=task.__enter__)
    thread.start()
    thread.join()
    with pytest.raises(RuntimeError, match="in which it began"):
        task.__exit__(None, None, None)


def test_tasks_keep_their_controller():
    task = betapool.Controller().task()
    with task:
        pass


def test_a_stopwatch_is_made_by_task_alone():
    with pytest.raises(TypeError):
        type(betapool.Controller().task())()


def test_instrument_measures_each_call():
    controller = betapool.Controller()

    @controller.instrument
    def pause(seconds, *, result):
        "Waits."
        time.sleep(seconds)
        if result is None:
            raise LookupError
        return result

    assert (pause.__name__, pause.__doc__) == ("pause", "Waits.")
    assert pause(0.02, result=5) == 5
    assert controller.tick(0).beta > 0.5
    with pytest.raises(LookupError):
        pause(0.02, result=None)
    assert controller.tick(0).beta > 0.5


def test_instrument_decorates_methods():
    controller = betapool.Controller()

    class Camera:
        @controller.instrument
        def frame(self):
            return self

    camera = Camera()
    assert camera.frame() is camera
    assert controller.tick(0).beta is not None


def test_instrument_refuses_what_only_makes_an_object():
    controller = betapool.Controller()

    async def coroutine():
        pass

    def generator():
        yield

    async def both():
        yield

    for function in (coroutine, generator, both):
        with pytest.raises(TypeError, match="does its work when it is called"):
            controller.instrument(function)


def test_reports_from_many_threads_all_count():
    controller = betapool.Controller(1, 1)
    barrier = threading.Barrier(4)

    def report(cpu):
        barrier.wait()
        for _ in range(5000):
            controller.report(cpu, 1)

    threads = [threading.Thread(target=report, args=(cpu,)) for cpu in (0, 0.25, 0.5, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert controller.tick(0).beta == pytest.approx(1 - 1.75 / 4)


# asyncio


def test_to_thread_calls_in_another_thread_and_reports_what_the_call_used():
    controller = betapool.Controller()
    variable = contextvars.ContextVar("variable")

    def work(number, *, more):
        time.sleep(0.02)
        return number + more, variable.get(), threading.current_thread() is threading.main_thread()

    async def main():
        variable.set("copied")
        return await asyncio.gather(*(controller.to_thread(work, number, more=1) for number in range(3)))

    assert asyncio.run(main()) == [(number + 1, "copied", False) for number in range(3)]
    assert controller.tick(0).beta > 0.5  # three calls that slept


def test_to_thread_passes_errors_on_and_refuses_coroutine_functions():
    controller = betapool.Controller()

    async def coroutine():
        return 1

    async def main():
        with pytest.raises(ZeroDivisionError):
            await controller.to_thread(lambda: 1 // 0)
        with pytest.raises(TypeError, match="does its work when it is called"):
            await controller.to_thread(coroutine)

    asyncio.run(main())
