"""What was measured, in figures and in words. Each figure comes from the trials; each sentence is chosen by them."""

from __future__ import annotations

import itertools
import math
import statistics
import sys
from typing import Any


class Strategy:
    """One way to run the queries, and its trials so far."""

    def __init__(self, name: str, label: str) -> None:
        self.name = name
        self.label = label
        self.trials: list[dict[str, Any]] = []
        self.failure: str | None = None  # why a trial did not finish; there are none after it

    @property
    def rates(self) -> list[float]:
        return [len(trial["spans"]) / trial["seconds"] for trial in self.trials]

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def spans(self) -> list[tuple[float, float, float]]:
        """Start, end and CPU time of every query, in seconds."""
        return [span for trial in self.trials for span in trial["spans"]]

    @property
    def beta(self) -> float:
        """Blocking ratio of all queries (paper, eq. 3)."""
        return 1 - sum(cpu for _, _, cpu in self.spans) / sum(end - start for start, end, _ in self.spans)

    @property
    def threads(self) -> int:
        return max(_most_at_once(trial["spans"]) for trial in self.trials)

    def latency(self, share: float) -> float:
        """Milliseconds within which this share of all queries was answered (nearest rank)."""
        times = sorted(end - start for start, end, _ in self.spans)
        return 1000 * times[math.ceil(share * len(times)) - 1]

    def decided(self, action: str) -> int:
        return sum(trial["control"][action] for trial in self.trials)

    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = {"name": self.name, "executor": self.label, "did_not_finish": self.failure, "rounds": len(self.trials)}
        if self.trials:
            summary |= {
                "queries_per_second": {"median": self.rate, "rounds": self.rates},
                "latency_ms": {"p50": self.latency(0.5), "p99": self.latency(0.99)},
                "cpu_ms": 1000 * statistics.mean(cpu for _, _, cpu in self.spans),
                "threads": self.threads,
                "beta": self.beta,
                "service_cores": [trial["service_cores"] for trial in self.trials],
                "control": [trial["control"] for trial in self.trials],
            }
        return summary


def _most_at_once(spans: list[tuple[float, float, float]]) -> int:
    """Queries under way at the same time, at most: one thread each, so threads that really worked."""
    now = most = 0
    for _, step in sorted([(start, 1) for start, _, _ in spans] + [(end, -1) for _, end, _ in spans]):
        now += step
        most = max(most, now)
    return most


def table(strategies: list[Strategy]) -> str:
    head = ("executor", "queries/s", "min-max", "P50 ms", "P99 ms", "threads", "beta", "decisions")
    rows = [head, *(_row(strategy) for strategy in strategies if strategy.trials)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    rows.insert(1, tuple("-" * width for width in widths))
    lines = ["  ".join(cell.ljust(width) if cell == row[0] else cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
    lines += [f"{strategy.label}: did not finish, {strategy.failure}" for strategy in strategies if strategy.failure]
    return "\n".join(lines)


def _row(strategy: Strategy) -> tuple[str, ...]:
    decisions = "-"
    if strategy.trials[0]["control"]:
        decisions = "{} up, {} down, {} veto".format(*map(strategy.decided, ("scale_ups", "scale_downs", "vetoes")))
    return (
        strategy.label,
        f"{strategy.rate:.1f}",
        f"{min(strategy.rates):.1f}-{max(strategy.rates):.1f}" if len(strategy.rates) > 1 else "1 round",
        f"{strategy.latency(0.5):.1f}",
        f"{strategy.latency(0.99):.1f}",
        str(strategy.threads),
        f"{strategy.beta:.2f}",
        decisions,
    )


LEGEND = """\
  queries/s  median of the rounds, the start of the threads included
  P50, P99   from the moment a worker takes up a query to its answer, the time in the queue not included
  threads    most that were at work at once
  beta       1 - CPU time / wall time of the queries; a thread that waits for the GIL or a core counts as waiting"""


def verdict(strategies: list[Strategy], ours: str) -> str:
    """How the executor called `ours` did against each other one, in the words that the figures ask for."""
    measured = [strategy for strategy in strategies if strategy.trials]
    mine = next((strategy for strategy in measured if strategy.name == ours), None)
    others = [strategy for strategy in measured if strategy.name != ours]
    if mine is None or not others:
        return ""
    rival = max(others, key=lambda strategy: strategy.rate)
    slower, faster = sorted((mine, rival), key=lambda strategy: strategy.rate)
    # Said of a lead as of a defeat.
    overlap = "; their rounds overlap" if len(faster.rates) > 1 and max(slower.rates) >= min(faster.rates) else ""
    start = f"{mine.label} was the fastest" if faster is mine else f"{mine.label} was not the fastest: {rival.label} was"
    lines = [f"{start}, by {faster.rate / slower.rate - 1:.1%} against {slower.label}{overlap}."]
    for other in others:
        lines.append(
            f"Against {other.label}: {mine.rate / other.rate:.2f} times the queries/s, "
            f"P99 {mine.latency(0.99):.0f} ms instead of {other.latency(0.99):.0f} ms, {mine.threads} threads instead of {other.threads}."
        )
    return "\n".join(lines)


def last_decisions(strategy: Strategy, count: int = 8) -> str:
    """What a pool that controls itself decided last in its last trial, and why; the same again and again in one line."""
    if not strategy.trials or not strategy.trials[-1]["control"]:
        return ""
    decisions = [decision for decision in strategy.trials[-1]["control"]["decisions"] if decision["action"] != "hold"]
    lines = []
    for (action, threads), group in itertools.groupby(decisions, key=lambda decision: (decision["action"], decision["threads"])):
        first, *more = group
        times = f" ({1 + len(more)} times)" if more else ""
        lines.append(f"  {first['time']:5.1f} s  {action:10}  {threads:3} threads  {first['reason']}{times}")
    head = f"\nThe last decisions of {strategy.label} in its last round, but for those to hold:"
    return "\n".join([head, *(lines[-count:] or ["  none"])])


class Progress:
    """One line on the terminal that is written over and over; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def show(self, text: str, done: int, total: int) -> None:
        if self._shown:
            bar = "#" * (24 * done // total)
            print(f"\r\033[K{text}  [{bar:.<24}] {done}/{total}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
