"""From outcomes to what the tables say: medians over rounds, held against the best static count."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from evaluation.plan import SAME_RATE
from evaluation.results import Outcome, Results
from evaluation.strategies import LABELS, Strategy


class Spread(NamedTuple):
    median: float
    least: float
    most: float


def spread(values: Iterable[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


class Row(NamedTuple):
    """A strategy under one workload."""

    strategy: Strategy
    rounds: int
    rate: Spread | None
    """Tasks per second in the second half of a run; None if no run finished, and so are the others then."""
    steady: Spread | None
    """The same, of the oracle's in the same round: machines are not as fast at all times."""
    whole: Spread | None
    """The rate of the whole run from its cold start, of the oracle's steady one in the same round."""
    threads: Spread | None
    settled: Spread | None
    p99: Spread | None
    p99_ratio: float | None
    vetoes: Spread | None
    controller_cpu: Spread | None
    failures: list[str]
    disturbed: bool
    """The machine was used by others while this was measured, or the oracle."""


class Comparison(NamedTuple):
    python: str
    cores: str
    workload: str
    library_threads: str
    oracle: Row
    knee: int
    """The smallest static count within 1 % of the oracle."""
    rows: list[Row]
    """In the order of LABELS, then of what else was measured."""


def relevant(results: Results) -> list[Outcome]:
    """Those measured under the conditions of the last run: its durations, and the build that each interpreter had last."""
    options = results.runs[-1]["options"]
    builds = {name: described["build"] for run in results.runs for name, described in run["interpreters"].items()}
    return [
        outcome
        for cell, outcome in results.outcomes.items()
        if cell.seconds == options["seconds" if cell.round else "static_seconds"]
        and cell.build in (None, builds.get(cell.python))
        and cell.round <= options["rounds"]
    ]


def compare(outcomes: Iterable[Outcome]) -> list[Comparison]:
    """One for each workload that has an oracle, in the order in which they were measured first."""
    groups: dict[tuple[str, str, str, str], list[Outcome]] = {}
    for outcome in outcomes:
        cell = outcome.cell
        groups.setdefault((cell.python, cell.cores, cell.workload, cell.library_threads), []).append(outcome)
    comparisons = [_compare_group(*key, group) for key, group in groups.items()]
    return [comparison for comparison in comparisons if comparison is not None]


def _compare_group(python: str, cores: str, workload: str, library_threads: str, outcomes: list[Outcome]) -> Comparison | None:
    by_strategy: dict[Strategy, list[Outcome]] = {}
    for outcome in outcomes:
        by_strategy.setdefault(outcome.cell.strategy, []).append(outcome)
    statics = {strategy: found for strategy, found in by_strategy.items() if strategy.is_static and _median_rate(found)}
    if not statics:
        return None
    # A sweep's single run can be lucky: what was measured again beside the strategies counts, as soon as anything of the sweep was. A run
    # that was stopped may have come no further than to a static count that takes part for its own sake.
    finalists = {strategy: rounds for strategy, found in statics.items() if (rounds := [each for each in found if each.cell.round])}
    swept = {strategy for strategy, found in statics.items() if any(each.cell.round == 0 for each in found)}
    if swept and swept.isdisjoint(finalists):
        finalists = {}
    rates = {strategy: _median_rate(found) or 0.0 for strategy, found in (finalists or statics).items()}
    best = max(rates, key=lambda strategy: rates[strategy])
    everything = {strategy: _median_rate(found) or 0.0 for strategy, found in statics.items()} | rates
    counts = [strategy.threads or 0 for strategy, rate in everything.items() if rate >= SAME_RATE * rates[best]]
    oracle = _row(best, (finalists or statics)[best], None)
    by_round = {outcome.cell.round: outcome.values["rate"] for outcome in by_strategy[best] if outcome.values}
    return Comparison(
        python,
        cores,
        workload,
        library_threads,
        oracle,
        min(counts),
        [_row(each, by_strategy[each], oracle, by_round) for each in _in_order(by_strategy)],
    )


def _in_order(strategies: Iterable[Strategy]) -> list[Strategy]:
    others = [strategy for strategy in strategies if not strategy.is_static]
    known = [Strategy(name) for name in LABELS if Strategy(name) in others]
    return [*known, *(strategy for strategy in others if strategy not in known)]


def _median_rate(outcomes: list[Outcome]) -> float | None:
    rates = spread(outcome.values["rate"] for outcome in outcomes if outcome.values)
    return rates.median if rates else None


def _row(strategy: Strategy, outcomes: list[Outcome], oracle: Row | None, by_round: Mapping[int, float] | None = None) -> Row:
    """by_round: what the oracle did in each round."""
    finished = [outcome.values for outcome in outcomes if outcome.values is not None]

    def over_rounds(value: Callable[[dict[str, Any]], float | None]) -> Spread | None:
        return spread(map(value, finished))

    rate = over_rounds(lambda values: values["rate"])
    best = oracle.rate.median if oracle and oracle.rate else rate.median if rate else 0.0

    def of_the_best(name: str) -> Spread | None:
        return spread(outcome.values[name] / (by_round or {}).get(outcome.cell.round, best) for outcome in outcomes if outcome.values)

    p99 = over_rounds(lambda values: values["p99"])
    best_p99 = oracle.p99.median if oracle and oracle.p99 else None
    return Row(
        strategy=strategy,
        rounds=len(finished),
        rate=rate,
        steady=of_the_best("rate"),
        whole=of_the_best("whole_rate"),
        threads=over_rounds(lambda values: values["threads"]),
        settled=over_rounds(lambda values: values["settled"]),
        p99=p99,
        p99_ratio=p99.median / best_p99 if p99 and best_p99 else None,
        vetoes=over_rounds(lambda values: values.get("vetoes")),
        controller_cpu=over_rounds(lambda values: values["controller_cpu"]),
        failures=[outcome.failure for outcome in outcomes if outcome.failure],
        disturbed=any(outcome.disturbed for outcome in outcomes if outcome.values) or (oracle is not None and oracle.disturbed),
    )
