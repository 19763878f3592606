"""From spans to rates."""

import pytest

from evaluation.timeline import BINS, Timeline, build


def steady_tasks(rate, seconds, length=0.0):
    """One thread's spans: tasks that begin at even distances."""
    return [moment for number in range(round(rate * seconds)) for moment in (number / rate, number / rate + length)]


def test_counts_every_task_once():
    done = build([steady_tasks(100, 10), steady_tasks(50, 10)], 0.0, 10.0)
    assert sum(done.bins) == pytest.approx(1500)
    assert done.whole_rate == pytest.approx(150)
    assert done.steady_rate == pytest.approx(150)


def test_the_clock_may_begin_anywhere():
    spans = [moment + 1e6 for moment in steady_tasks(100, 10)]
    assert build([spans], 1e6, 10.0).whole_rate == pytest.approx(100, rel=0.01)


def test_long_tasks_count_by_their_share():
    """Ten threads on tasks of 2 s make 5 a second, wherever the run is cut, though they end in waves."""
    threads = [[moment for number in range(6) for moment in (2.0 * number, 2.0 * number + 2.0)] for _ in range(10)]
    for seconds in (7.0, 9.0, 10.0, 11.5):
        done = build(threads, 0.0, seconds)
        assert done.whole_rate == pytest.approx(5.0)
        assert done.steady_rate == pytest.approx(5.0)


def test_what_is_past_the_end_does_not_count():
    done = build([[9.0, 11.0]], 0.0, 10.0)
    assert sum(done.bins) == pytest.approx(0.5)


def test_steady_is_the_second_half():
    slow, fast = steady_tasks(10, 5), [5 + moment for moment in steady_tasks(100, 5)]
    done = build([slow + fast], 0.0, 10.0)
    assert done.steady_rate == pytest.approx(100)
    assert done.whole_rate == pytest.approx(55)


def test_latencies_are_those_of_the_second_half():
    early = steady_tasks(10, 5, length=0.05)
    late = [moment for number in range(100) for moment in (5 + number / 20, 5 + number / 20 + (number + 1) / 10_000)]
    done = build([early, late], 0.0, 10.0)
    assert len(done.latencies) == 100
    assert done.latency(0.99) == pytest.approx(0.0099)  # nearest rank: the 99th of 100
    assert done.latency(0.50) == pytest.approx(0.0050)
    assert done.working == 1


def test_settled_when_the_rate_is_near_its_steady_one():
    slow, fast = steady_tasks(10, 3), [3 + moment for moment in steady_tasks(100, 7)]
    assert build([slow + fast], 0.0, 10.0).seconds_to_settle() == pytest.approx(3.0, abs=0.15)
    assert build([steady_tasks(100, 10)], 0.0, 10.0).seconds_to_settle() == 0.0


def test_nothing_done_is_no_rate():
    done = build([], 0.0, 10.0)
    assert done == Timeline(10.0, [0.0] * BINS, [], 0)
    assert done.steady_rate == 0.0
    assert done.latency(0.99) is None
    assert done.seconds_to_settle() is None


def test_latencies_are_not_those_of_the_overtime():
    done = build([[6.0, 7.0, 9.5, 10.5]], 0.0, 10.0)
    assert done.latencies == pytest.approx([1.0])
    assert sum(done.bins) == pytest.approx(1.5)
