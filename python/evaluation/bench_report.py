"""The tables of evaluation.executor: each peer's median over the rounds, and how it compares with concurrent.futures in the same round."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import NamedTuple

from evaluation.benches import BENCHES, Figure
from evaluation.peers import BASELINE, PEERS
from evaluation.report import Table, disturbances, failures, place
from evaluation.results import Outcome, Results
from evaluation.summary import Spread, spread

LEGEND = (
    "first line   median of the rounds; in brackets how many times that of ThreadPoolExecutor in the same round, again the median",
    "second line  the least and the most of the rounds",
    "workers      threads of the pool, all started before; a pool that chooses its thread count may have up to so many",
    "↓            lower is better, and so is a ratio below 1; elsewhere higher is better",
    "-            it cannot do that, or was not measured",
    "*            others used the machine meanwhile, or the hypervisor took it away",
)


CONTROL = "policy adaptive, times as fast as fixed: geometric mean; its worst"
SPEEDS = ("tasks/s", "us", "ms")
"""Units."""


class Entry(NamedTuple):
    """What a peer came to."""

    value: Spread
    ratio: float | None
    """To the baseline, or whoever else is asked for; None for that one itself, and if it has no figure of any of the rounds."""
    disturbed: bool


def entries(outcomes: Iterable[Outcome], figure: str, beside: str = BASELINE) -> dict[str, Entry]:
    """By peer; `beside` is the peer that their ratios are to. The outcomes are of one bench on one interpreter."""
    by_peer: dict[str, dict[int, Outcome]] = {}
    for outcome in outcomes:
        if outcome.values is not None:
            by_peer.setdefault(outcome.cell.peer, {})[outcome.cell.round] = outcome
    baseline = {number: outcome.values[figure] for number, outcome in by_peer.get(beside, {}).items() if outcome.values}
    made = {}
    for peer, rounds in by_peer.items():
        values = {number: outcome.values[figure] for number, outcome in rounds.items() if outcome.values}
        value = spread(values.values())
        ratio = spread(values[number] / baseline[number] for number in values if baseline.get(number))
        disturbed = any(outcome.disturbed for outcome in rounds.values())
        if value is not None:
            made[peer] = Entry(value, None if ratio is None or peer == beside else ratio.median, disturbed)
    return made


def tables(results: Results) -> list[Table]:
    """One for each interpreter."""
    sizes = results.runs[-1]["sizes"]
    outcomes = list(results.outcomes.values())
    columns = [peer for peer in PEERS if any(outcome.cell.peer == peer for outcome in outcomes)]
    head = ["", *(PEERS[peer].label for peer in columns)]
    made = []
    for python in dict.fromkeys(outcome.cell.python for outcome in outcomes):
        rows = []
        for name, bench in BENCHES.items():
            here = [outcome for outcome in outcomes if (outcome.cell.python, outcome.cell.bench) == (python, name)]
            for key, figure in bench.figures.items() if here else ():
                found = entries(here, key)
                rows.append([title(figure, sizes), *(text(found.get(peer)) for peer in columns)])
        made.append(Table(f"Python {python}", head, rows, []))
    return made


def digest(results: Results) -> Table:
    """A line for each figure: ThreadPoolExecutor and the default of ours (or what was measured in its place), on each interpreter."""
    sizes = results.runs[-1]["sizes"]
    outcomes = list(results.outcomes.values())
    measured = {outcome.cell.peer for outcome in outcomes}
    ours = next((peer for peer in ("adaptive", "fixed") if peer in measured), BASELINE)
    pythons = list(dict.fromkeys(outcome.cell.python for outcome in outcomes))
    rows = []
    for name, bench in BENCHES.items():
        here = [outcome for outcome in outcomes if outcome.cell.bench == name]
        for key, figure in bench.figures.items() if here else ():
            found = [entries((outcome for outcome in here if outcome.cell.python == python), key) for python in pythons]
            rows.append([title(figure, sizes), *(change(each.get(BASELINE), each.get(ours)) for each in found)])
    if {"adaptive", "fixed"} <= measured:
        rows.append([CONTROL, *(control(outcome for outcome in outcomes if outcome.cell.python == python) for python in pythons)])
    head = f"{PEERS[BASELINE].label} → {PEERS[ours].label}"
    return Table(head, ["", *(f"Python {python}" for python in pythons)], rows, [])


def control(outcomes: Iterable[Outcome]) -> str:
    """How fast it is with control, beside itself without, on one interpreter: over all figures of speed."""
    outcomes = list(outcomes)
    ratios, disturbed = {}, False
    for name, bench in BENCHES.items():
        here = [outcome for outcome in outcomes if outcome.cell.bench == name]
        for key, figure in bench.figures.items():
            entry = entries(here, key, beside="fixed").get("adaptive")
            if entry is not None and entry.ratio and figure.unit in SPEEDS:
                ratios[name if len(bench.figures) == 1 else f"{name} {key}"] = 1 / entry.ratio if figure.lower_is_better else entry.ratio
                disturbed |= entry.disturbed
    if not ratios:
        return "-"
    worst = min(ratios, key=ratios.__getitem__)
    return f"{times(statistics.geometric_mean(ratios.values()))}x; {times(ratios[worst])}x: {worst}" + " *" * disturbed


def change(before: Entry | None, after: Entry | None) -> str:
    if before is None or after is None:
        return "-"
    ratio = "" if after.ratio is None else f" ({times(after.ratio)}x)"
    return f"{form(before.value.median)} → {form(after.value.median)}{ratio}" + " *" * (before.disturbed or after.disturbed)


def title(figure: Figure, sizes: dict[str, float]) -> str:
    return f"{figure.title.format(**sizes)}: {figure.unit}{' ↓' * figure.lower_is_better}"


def text(entry: Entry | None) -> str:
    if entry is None:
        return "-"
    value = entry.value
    ratio = "" if entry.ratio is None else f" ({times(entry.ratio)}x)"
    least, most = form(value.least), form(value.most)
    rounds = f"\n{least}-{most}" if least != most else ""
    return form(value.median) + ratio + " *" * entry.disturbed + rounds


def form(value: float) -> str:
    """Three digits: more would only be noise."""
    value = float(f"{value:.3g}")
    if value >= 10_000:
        return f"{value / 1e6:.3g}M" if value >= 1e6 else f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def notes(results: Results) -> list[str]:
    """Below the tables: what they mean, and under what it was measured."""
    outcomes = list(results.outcomes.values())
    peers = [PEERS[name] for name in PEERS if any(outcome.cell.peer == name for outcome in outcomes)]
    width = max((len(peer.label) for peer in peers), default=0)
    return [
        *LEGEND,
        "",
        *(f"{peer.label:{width}}  {peer.meaning}" for peer in peers),
        "",
        *conditions(results),
        *results.runs[-1]["left_out"],
        *failures(outcomes),
    ]


def digest_notes(results: Results) -> list[str]:
    return [
        "medians of the rounds; in brackets the median of the ratios within a round",
        "↓: lower is better; *: others used the machine meanwhile",
        *conditions(results),
    ]


def conditions(results: Results) -> list[str]:
    run = results.runs[-1]
    return [
        *place(results),
        f"{run['rounds']} round(s), in each of which the peers take turns; a cell measures at least {run['sizes']['seconds']:g} s after as "
        "long a time to warm up; nothing is pinned",
        *disturbances(results.outcomes.values()),
    ]
