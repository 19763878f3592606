"""Oracle, knee and efficiencies from outcomes."""

import pytest
from conftest import outcome

from evaluation.strategies import Strategy
from evaluation.summary import Spread, compare, relevant, spread


def test_spread():
    assert spread([3.0, 1.0, None, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([None]) is None
    assert spread([]) is None


def test_the_oracle_is_measured_beside_the_strategies():
    """A count that was lucky in the sweep and was not measured again is none; of those that were, the median counts."""
    outcomes = [outcome("fixed", 64, number=0, rate=200.0), outcome("fixed", 8, number=0, rate=150.0)]
    outcomes += [outcome("fixed", 8, number=number, rate=100.0) for number in (1, 2, 3)]
    outcomes += [outcome("tpe", 16, number=number, rate=90.0) for number in (1, 2, 3)]
    [comparison] = compare(outcomes)
    assert comparison.oracle.strategy == Strategy("fixed", 8)
    assert comparison.oracle.rate.median == 100.0


def test_before_the_rounds_the_sweep_is_all_there_is():
    [comparison] = compare([outcome("fixed", 4, number=0, rate=50.0), outcome("fixed", 8, number=0, rate=100.0)])
    assert comparison.oracle.strategy == Strategy("fixed", 8)


def test_a_run_that_was_stopped_before_the_best_count_had_its_turn():
    outcomes = [outcome("fixed", 4, number=0, rate=50.0), outcome("fixed", 8, number=0, rate=100.0), outcome("tpe", 256, rate=40.0)]
    [comparison] = compare([*outcomes, outcome("adaptive", rate=90.0)])
    assert comparison.oracle.strategy == Strategy("fixed", 8)


def test_the_knee_is_the_smallest_count_within_one_per_cent():
    outcomes = [outcome("fixed", count, number=0, rate=rate) for count, rate in ((4, 80.0), (8, 98.5), (12, 99.2), (32, 99.9))]
    [comparison] = compare([*outcomes, outcome("fixed", 64, number=1, rate=100.0)])
    assert comparison.knee == 12


def test_efficiencies_are_of_the_oracle():
    outcomes = [outcome("fixed", 8, rate=200.0, p99=0.02)]
    outcomes += [outcome("adaptive", number=number, rate=rate, p99=0.03) for number, rate in ((1, 190.0), (2, 198.0), (3, 150.0))]
    [row] = compare(outcomes)[0].rows
    assert row.rounds == 3
    assert row.steady == pytest.approx(Spread(0.95, 0.75, 0.99))
    assert row.whole.median == pytest.approx(0.9 * 0.95)
    assert row.p99_ratio == pytest.approx(1.5)


def test_a_strategy_is_held_against_what_the_oracle_did_in_its_round():
    """The machine may be slower in one round than in another."""
    outcomes = [outcome("fixed", 8, number=number, rate=rate) for number, rate in ((1, 100.0), (2, 60.0), (3, 90.0))]
    outcomes += [outcome("adaptive", number=number, rate=rate) for number, rate in ((1, 99.0), (2, 57.0), (3, 81.0))]
    [row] = compare(outcomes)[0].rows
    assert row.steady == pytest.approx(Spread(0.95, 0.90, 0.99))


def test_what_did_not_finish_is_a_row_without_figures():
    outcomes = [outcome("fixed", 8), outcome("adaptive", failure="not within 3 s")]
    [row] = compare(outcomes)[0].rows
    assert (row.rate, row.steady, row.rounds, row.failures) == (None, None, 0, ["not within 3 s"])


def test_without_a_static_count_there_is_nothing_to_compare_with():
    assert compare([outcome("adaptive"), outcome("fixed", 8, failure="hangs")]) == []


def test_other_conditions_do_not_count(results):
    results.add(outcome("adaptive", rate=1.0, build="a" * 12))
    results.add(outcome("adaptive", rate=2.0, seconds=5.0))
    results.add(outcome("adaptive", rate=3.0, number=4))
    results.add(outcome("adaptive", rate=4.0))
    results.add(outcome("fixed", 8, rate=5.0))
    results.add(outcome("fixed", 8, rate=6.0, number=0))
    results.add(outcome("fixed", 8, rate=7.0, number=0, seconds=2.0))
    assert [found.values["rate"] for found in relevant(results)] == [4.0, 5.0, 6.0]
