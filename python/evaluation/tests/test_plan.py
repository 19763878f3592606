"""The sweep of static counts, and what follows it."""

import pytest

from evaluation.interpreters import Interpreter
from evaluation.load import OVERTIME
from evaluation.plan import (
    COARSE,
    GRID,
    LIBRARY_MOST,
    TURNS,
    Durations,
    Group,
    Sweep,
    challenged,
    core_numbers,
    finalists,
    long_enough,
    overtime,
    seconds_of_a_cell,
    turns,
)
from evaluation.strategies import Strategy
from evaluation.workloads import WORKLOADS


def run(sweep, rate):
    """The counts in the order in which the sweep asks for them; rate gives None for those that do not finish."""
    asked = []
    while (count := sweep.next()) is not None:
        assert count not in asked
        asked.append(count)
        sweep.note(count, rate(count))
    return asked


def peak_at(best):
    return lambda count: 1000.0 * min(count, best) / best if count <= best else 1000.0 * (best / count) ** 0.5


@pytest.mark.parametrize("best", GRID)
def test_finds_the_best_count_wherever_it_is(best):
    sweep = Sweep(256)
    run(sweep, peak_at(best))
    assert sweep.best == best


def test_leaves_hopeless_counts_out():
    asked = run(Sweep(256), peak_at(4))
    assert max(asked) == 16
    assert len(asked) < len(GRID) / 2


def test_a_plateau_is_not_past_the_peak():
    asked = run(Sweep(256), lambda count: min(count, 16) * 10.0)
    assert 256 in asked


def test_the_smallest_of_many_equal_counts_is_looked_for():
    sweep = Sweep(256)
    asked = run(sweep, lambda count: min(count, 12) * 10.0 + count / 1000)
    assert 12 in asked


def test_nothing_above_a_count_that_did_not_finish():
    asked = run(Sweep(128), lambda count: float(count) if count < 32 else None)
    assert max(asked) == 32


def test_none_finished():
    sweep = Sweep(8)
    assert run(sweep, lambda count: None) == [1]
    assert sweep.best is None


def test_what_others_disturbed_does_not_end_the_sweep():
    calm, disturbed = Sweep(256), Sweep(256)
    for count, rate in ((1, 50.0), (2, 100.0), (4, 85.0), (8, 80.0)):
        calm.note(count, rate)
        disturbed.note(count, rate, disturbed=True)
    assert calm.next() != 16
    assert disturbed.next() == 16


def test_a_count_that_somebody_did_better_with_is_tried():
    rates = {Strategy("fixed", 8): 100.0, Strategy("tpe", 16): 95.0}
    assert challenged(rates, [(99.0, 30.0)], 256) == []
    assert challenged(rates, [(101.0, 11.2), (102.0, 12.9), (103.0, 8.3)], 256) == [Strategy("fixed", 12)]
    assert challenged(rates, [(101.0, 500.0)], 64) == [Strategy("fixed", 64)]


def test_coarse_alone():
    assert set(run(Sweep(64, fine=False), lambda count: float(count))) == {count for count in COARSE if count <= 64}


def test_never_above_the_most():
    assert max(run(Sweep(96), lambda count: float(count))) == 96


def test_finalists_are_the_two_best_and_the_leanest():
    rates = {Strategy("fixed", 8): 99.5, Strategy("fixed", 16): 99.8, Strategy("fixed", 32): 100.0, Strategy("tpe", 4): 90.0}
    assert finalists(rates) == [Strategy("fixed", 32), Strategy("fixed", 16), Strategy("fixed", 8)]
    assert finalists({Strategy("fixed", 1): 5.0}) == [Strategy("fixed", 1)]
    assert finalists({}) == []


def test_each_round_begins_with_another_one():
    contestants = [Strategy(name) for name in ("adaptive", "paper", "reference")]
    rounds = [turns(contestants, number) for number in (1, 2, 3, 4)]
    assert [order[0].name for order in rounds] == ["adaptive", "paper", "reference", "adaptive"]
    assert all(sorted(order) == sorted(contestants) for order in rounds)


def test_cores():
    assert core_numbers("all", [0, 1, 2]) == (0, 1, 2)
    assert core_numbers("1", [0, 1, 2]) == (2,)
    assert core_numbers("2", [0, 1, 2]) == (1, 2)


@pytest.mark.parametrize(
    ("workload", "library_threads", "most"), [("slm", "one", 256), ("slm", "as-they-come", LIBRARY_MOST), ("micro", "as-they-come", 256)]
)
def test_a_library_with_threads_of_its_own_is_called_by_few(workload, library_threads, most):
    group = Group(Interpreter("3.11", "3.11.2", "python", False, ""), "2", (0, 1), WORKLOADS[workload], library_threads)
    assert group.max_workers == group.most_threads == most


def test_every_thread_of_a_static_count_has_its_turns():
    assert long_enough(0.3, Strategy("fixed", 4), None) == 0.3
    assert long_enough(0.3, Strategy("fixed", 16), 200.0) == 0.3
    assert long_enough(0.3, Strategy("fixed", 256), 200.0) == pytest.approx(TURNS * 256 / 200)
    assert long_enough(0.3, Strategy("adaptive"), 1.0) == 0.3


def test_the_load_goes_on_for_two_turns_of_all_threads():
    assert overtime(2.0, Strategy("fixed", 4), 100.0) == OVERTIME * 2.0
    assert overtime(1.5, Strategy("fixed", 128), 170.0) == pytest.approx(TURNS * 128 / 170)
    assert overtime(1.5, Strategy("adaptive"), 1.0) == overtime(1.5, Strategy("fixed", 128), None) == OVERTIME * 1.5


def test_what_is_known_is_not_counted_again():
    """Three strategies beside three static counts, twice; a sweep of up to nine coarse counts and some between."""
    durations = Durations(seconds=2.0, static_seconds=0.4, rounds=2)

    def left(known):
        return durations.estimate(3, 256, fine=True, known=known)

    in_rounds = seconds_of_a_cell(2.0)
    assert left([]) == pytest.approx(15 * seconds_of_a_cell(0.4) + 12 * in_rounds)
    assert left([0] * 5) == pytest.approx(10 * seconds_of_a_cell(0.4) + 12 * in_rounds)
    assert left([0] * 9 + [1] * 4) == pytest.approx(8 * in_rounds), "the sweep is over"
    assert left([0] * 9 + [1] * 5 + [2]) == pytest.approx(4 * in_rounds), "five took part in the first round"
    assert left([0] * 9 + [1] * 7 + [2] * 7) == 0
    assert durations.estimate(3, 256, fine=True, oracle=False, known=[1, 1]) == pytest.approx(4 * in_rounds)
