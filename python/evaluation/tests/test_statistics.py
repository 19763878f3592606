"""The paper's statistics, against what tables and simpler ways say."""

import json
import math

import pytest

from evaluation.statistics import estimate, histogram, pooled, quartiles, t_quantile


@pytest.mark.parametrize(
    ("degrees", "known"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (9, 2.262), (10, 2.228), (29, 2.045), (30, 2.042), (120, 1.980)],
)
def test_the_quantiles_are_those_of_the_tables(degrees, known):
    assert t_quantile(degrees) == pytest.approx(known, abs=0.0006)


def test_other_levels_of_confidence():
    assert t_quantile(9, 0.99) == pytest.approx(3.250, abs=0.0006)
    assert t_quantile(1, 0.5) == pytest.approx(1.0)  # half of Cauchy's distribution is within 1
    assert t_quantile(10_000) == pytest.approx(1.960, abs=0.0006), "the normal distribution's"


def test_a_mean_with_its_interval():
    found = estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.runs) == (2.0, 3)
    assert found.margin == pytest.approx(4.303 / math.sqrt(3), abs=0.001)


def test_few_runs_are_flagged_and_one_has_no_interval():
    assert estimate([]) is None
    assert estimate([5.0]).margin is None
    assert estimate([5.0] * 9).is_of_too_few
    assert not estimate([5.0] * 10).is_of_too_few
    assert estimate([5.0] * 10).margin == 0


def test_quartiles():
    assert quartiles([5.0, 1.0, 4.0, 2.0, 3.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)
    assert quartiles([]) is None


def test_the_p99_of_all_runs_is_not_the_mean_of_theirs():
    runs = [[0.001] * 990 + [0.5] * 10, [0.002] * 100]
    histograms = json.loads(json.dumps([histogram(run) for run in runs]))
    everything = sorted(latency for run in runs for latency in run)
    for share in (0.5, 0.90, 0.99, 0.995, 1.0):
        exact = everything[math.ceil(share * len(everything)) - 1]
        assert pooled(histograms, share) == pytest.approx(exact, rel=0.006), share
    assert pooled([], 0.99) is None


def test_a_latency_of_zero_has_a_bucket():
    assert pooled([{str(bucket): count for bucket, count in histogram([0.0]).items()}], 1.0) == pytest.approx(1e-9, rel=0.006)
