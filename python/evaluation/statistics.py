"""The paper's statistics: a mean with its 95 % confidence interval, the P99 of all runs together, the median and quartiles of runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple

ENOUGH_RUNS = 10
"""The paper's number of runs. Figures from fewer are flagged."""
CONFIDENCE = 0.95
WIDTH = 1.01
"""Each bucket of a histogram of latencies ends at so many times the end of the one before: a percentile is right within half a per cent."""


class Estimate(NamedTuple):
    mean: float
    margin: float | None
    """On either side of the mean, for 95 % confidence; None from a single run, which tells nothing of it."""
    runs: int

    @property
    def is_of_too_few(self) -> bool:
        return self.runs < ENOUGH_RUNS


class Quartiles(NamedTuple):
    lower: float
    median: float
    upper: float


def estimate(values: Iterable[float]) -> Estimate | None:
    known = list(values)
    if not known:
        return None
    margin = None
    if len(known) > 1:
        margin = t_quantile(len(known) - 1) * statistics.stdev(known) / math.sqrt(len(known))
    return Estimate(statistics.fmean(known), margin, len(known))


def quartiles(values: Iterable[float]) -> Quartiles | None:
    known = list(values)
    if len(known) < 2:
        return Quartiles(known[0], known[0], known[0]) if known else None
    return Quartiles(*statistics.quantiles(known, n=4, method="inclusive"))


def t_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    """How far from 0, to either side, that share of Student's t distribution lies. Bisected: the share only grows with the distance."""
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _share_within(middle, degrees) < confidence else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _share_within(angle: float, degrees: int) -> float:
    """P(|t| <= sqrt(degrees) tan(angle)), for a whole number of degrees of freedom a finite sum (Abramowitz and Stegun, 26.7.3 and 4)."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for power in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (power - 1) / power
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


# ---- Latencies of many runs --------------------------------------------------------------------------------------------------------


def histogram(latencies: Iterable[float]) -> dict[int, int]:
    """How many were in each bucket: what a run keeps of its latencies, so that those of all runs can be put together."""
    counts: dict[int, int] = {}
    for latency in latencies:
        bucket = round(math.log(max(latency, 1e-9), WIDTH))
        counts[bucket] = counts.get(bucket, 0) + 1
    return counts


def pooled(histograms: Iterable[Mapping[str, int]], share: float) -> float | None:
    """Within how many seconds this share of the latencies of all runs was (nearest rank). Their buckets come from JSON: keys are text."""
    total: dict[int, int] = {}
    for counts in histograms:
        for name, count in counts.items():
            total[int(name)] = total.get(int(name), 0) + count
    wanted = math.ceil(share * sum(total.values()))
    seen = 0
    for bucket in sorted(total):
        seen += total[bucket]
        if seen >= wanted:
            return float(WIDTH**bucket)
    return None
