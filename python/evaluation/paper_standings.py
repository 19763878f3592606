"""From the outcomes of the contests (paper_contests.py) to figures: each strategy over all its runs, beside the best static count."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any, NamedTuple

from evaluation import paper
from evaluation.paper_summary import Standing, standing
from evaluation.results import Outcome
from evaluation.strategies import Strategy
from evaluation.summary import Comparison, compare


class Contender(NamedTuple):
    strategy: Strategy
    standing: Standing
    share: float | None
    """Of the best static count's tasks/s in the same run, the median of the runs; None without an oracle, or if no run finished."""
    threads: float | None
    """That it had come to in the end, or on average where it does not say."""
    beta_io: float | None
    vetoes: float | None
    """These three are means of the runs."""

    @property
    def rate(self) -> float | None:
        return self.standing.rate.mean if self.standing.rate else None


class Contested(NamedTuple):
    """One workload on one interpreter."""

    python: str
    cores: str
    workload: str
    comparison: Comparison | None
    """None without a static count that finished."""
    contenders: dict[Strategy, Contender]
    """The best static count among them."""
    sweep: dict[int, float]
    """Tasks per second by static count: the most that one of the executors did in a run."""

    @property
    def best(self) -> Contender | None:
        return self.contenders.get(self.comparison.oracle.strategy) if self.comparison else None

    def named(self, *wanted: Any) -> Contender | None:
        return self.contenders.get(Strategy(*wanted))

    @property
    def disturbed(self) -> bool:
        return any(each.standing.disturbed for each in self.contenders.values())


class Standings:
    """All that was measured, to be asked."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._groups: dict[tuple[str, str, str], list[Outcome]] = {}
        for outcome in outcomes:
            cell = outcome.cell
            self._groups.setdefault((cell.python, cell.workload, cell.library_threads), []).append(outcome)

    @property
    def pythons(self) -> list[str]:
        return list(dict.fromkeys(python for python, _, _ in self._groups))

    @property
    def place(self) -> str:
        cores = dict.fromkeys(outcomes[0].cell.cores for outcomes in self._groups.values())
        return f"{'/'.join(cores) or 'no'} core(s), {paper.CORES} in the paper"

    def of(self, python: str, workload: str, library_threads: str = "one") -> Contested | None:
        outcomes = self._groups.get((python, workload, library_threads))
        return contested(outcomes) if outcomes else None


def contested(outcomes: list[Outcome]) -> Contested:
    """They are of one workload on one interpreter, on the same cores."""
    comparison = next(iter(compare(outcomes)), None)
    shares = {row.strategy: row.steady.median for row in comparison.rows if row.steady} if comparison else {}
    by_strategy: dict[Strategy, list[Outcome]] = {}
    sweep: dict[int, float] = {}
    for outcome in outcomes:
        strategy = outcome.cell.strategy
        if strategy.is_static and outcome.values:
            sweep[strategy.threads] = max(sweep.get(strategy.threads, 0.0), outcome.values["rate"])
        if outcome.cell.round:
            by_strategy.setdefault(strategy, []).append(outcome)
    if comparison and comparison.oracle.strategy not in by_strategy:  # stopped before the runs: the sweep is all there is
        best = comparison.oracle.strategy
        by_strategy[best] = [outcome for outcome in outcomes if outcome.cell.strategy == best]
    if comparison and comparison.oracle.rate:
        best_rate = comparison.oracle.rate.median
        for strategy, found in by_strategy.items():
            rates = [outcome.values["rate"] for outcome in found if outcome.values]
            if strategy.is_static and rates:
                shares[strategy] = statistics.median(rates) / best_rate
    cell = outcomes[0].cell
    contenders = {strategy: _contender(strategy, found, shares.get(strategy)) for strategy, found in by_strategy.items()}
    return Contested(cell.python, cell.cores, cell.workload, comparison, contenders, dict(sorted(sweep.items())))


def _contender(strategy: Strategy, outcomes: list[Outcome], share: float | None) -> Contender:
    def mean(*names: str) -> float | None:
        """Of the first of these figures that a run has."""
        known = [next((each[name] for name in names if each.get(name) is not None), None) for each in values]
        return statistics.fmean(found) if (found := [each for each in known if each is not None]) else None

    values = [outcome.values for outcome in outcomes if outcome.values]
    return Contender(
        strategy,
        standing(strategy.threads or 0, outcomes),
        share,
        mean("target", "threads"),
        mean("beta_io"),
        mean("vetoes"),
    )
