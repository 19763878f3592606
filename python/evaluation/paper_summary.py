"""From the outcomes of evaluation.paper_tables to figures: each static count, strategy or call over all its runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

from evaluation.paper_plan import INSTRUMENTATION, MEMORY
from evaluation.results import Outcome
from evaluation.statistics import Estimate, Quartiles, estimate, pooled, quartiles
from evaluation.strategies import Strategy


class Standing(NamedTuple):
    """A static count under one workload."""

    threads: int
    rate: Estimate | None
    """Tasks per second; None if no run finished."""
    beta: float | None
    p99: float | None
    """Seconds, of all runs together."""
    p99s: Quartiles | None
    """Seconds, of the runs' own."""
    failure: str | None
    """Of the first run that did not finish."""
    disturbed: bool


class Resident(NamedTuple):
    """A pool in memory. MB, means over the runs."""

    rss: float
    pss: float
    rss_overhead: float
    pss_overhead: float
    processes: int
    """The one that made the pool among them."""
    rate: float
    runs: int
    disturbed: bool


class Timing(NamedTuple):
    """Microseconds: the median of the runs' means, medians and P99."""

    mean: float
    median: float
    p99: float
    runs: int
    disturbed: bool


class Figures:
    """All that was measured, to be asked."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self.outcomes = list(outcomes)
        self.pythons = list(dict.fromkeys(outcome.cell.python for outcome in self.outcomes))

    def stand_in(self, python: str) -> str:
        """What was measured instead of the paper's version, if that was not: the first that has a GIL, or has none, as that has."""
        alike = [each for each in self.pythons if each.endswith("t") == python.endswith("t")]
        return python if python in alike or not alike else alike[0]

    def sweep(self, python: str, cores: int, workload: str) -> dict[int, Standing]:
        """By thread count, ascending."""
        by_count: dict[int, list[Outcome]] = {}
        for outcome in self._of(python, workload):
            if outcome.cell.cores == cores:
                by_count.setdefault(outcome.cell.strategy.threads, []).append(outcome)
        return {count: standing(count, by_count[count]) for count in sorted(by_count)}

    def memory(self, python: str) -> dict[Strategy, Resident | None]:
        """None: it did not finish."""
        by_strategy: dict[Strategy, list[Outcome]] = {}
        for outcome in self._of(python, MEMORY):
            by_strategy.setdefault(outcome.cell.strategy, []).append(outcome)
        return {strategy: _resident(found) for strategy, found in by_strategy.items()}

    def timings(self, python: str) -> dict[str, Timing]:
        """By the names of what was timed."""
        runs = [outcome for outcome in self._of(python, INSTRUMENTATION) if outcome.values]
        return {name: _timing(name, runs) for name in (runs[0].values or {} if runs else {})}

    def _of(self, python: str, part: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if (outcome.cell.python, outcome.cell.part) == (python, part)]


def standing(threads: int, outcomes: list[Outcome]) -> Standing:
    values = [outcome.values for outcome in outcomes if outcome.values]
    p99s = [each["p99"] for each in values if each["p99"] is not None]
    betas = [each["beta"] for each in values if each.get("beta") is not None]  # a task of an event loop has none
    return Standing(
        threads,
        estimate(each["rate"] for each in values),
        statistics.fmean(betas) if betas else None,
        pooled((each["latencies"] for each in values), 0.99),
        quartiles(p99s),
        next((outcome.failure for outcome in outcomes if outcome.failure), None),
        any(outcome.disturbed for outcome in outcomes),
    )


def _resident(outcomes: list[Outcome]) -> Resident | None:
    values = [outcome.values for outcome in outcomes if outcome.values]
    if not values:
        return None

    def mean(of: Any) -> float:
        return statistics.fmean(of(each) for each in values)

    return Resident(
        mean(lambda each: each["rss"]),
        mean(lambda each: each["pss"]),
        mean(lambda each: each["rss"] - each["rss_before"]),
        mean(lambda each: each["pss"] - each["pss_before"]),
        round(mean(lambda each: each["processes"])),
        mean(lambda each: each["rate"]),
        len(values),
        any(outcome.disturbed for outcome in outcomes),
    )


def _timing(name: str, runs: list[Outcome]) -> Timing:
    values = [run.values[name] for run in runs if run.values]
    mean, median, p99 = (statistics.median(each[figure] for each in values) for figure in ("mean", "median", "p99"))
    return Timing(mean, median, p99, len(values), any(run.disturbed for run in runs))
