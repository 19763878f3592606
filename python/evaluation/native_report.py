"""The tables of evaluation.native: all of it for the terminal, a dozen lines for a document."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Callable

from evaluation.bench_report import form, times
from evaluation.benches import Figure
from evaluation.native_benches import GROUPS, RATES, NativeBench
from evaluation.native_peers import CONTROL, NATIVE_PEERS, OURS, label
from evaluation.native_summary import Overall, Standing, overall, standings
from evaluation.report import Table, disturbances, failures, machine
from evaluation.results import Outcome, Results

LEGEND = (
    "first line   median of the rounds; in brackets how many times that of the best pool that is not ours in the same round, a median too",
    "second line  the least and the most of these ratios",
    "↓            lower is better, and so is a ratio below 1; elsewhere higher is better",
    "-            it cannot do that, or was not measured",
    "*            others used the machine meanwhile, or the hypervisor took it away",
)
GRIDS = ("idle", "loaded")
Grid = dict[str, dict[str, Standing]]


class Report:
    """A file of results, read as the benches that its last run had."""

    def __init__(self, results: Results, benches: dict[str, NativeBench]) -> None:
        self.run = results.runs[-1]
        self.outcomes: list[Outcome] = list(results.outcomes.values())
        self.benches = {name: bench for name, bench in benches.items() if any(each.cell.bench == name for each in self.outcomes)}
        self.peers = [peer for peer in NATIVE_PEERS if any(each.cell.peer == peer for each in self.outcomes)]
        self._machine = machine(results)

    def standings(self, bench: str, figure: str) -> dict[str, Standing]:
        lower = self.benches[bench].figures[figure].lower_is_better
        return standings((each for each in self.outcomes if each.cell.bench == bench), figure, lower_is_better=lower)

    def grid(self, group: str, figure: str = "rate") -> Grid:
        return {name: self.standings(name, figure) for name, bench in self.benches.items() if bench.group == group}

    # ---- All of it -----------------------------------------------------------------------------------------------------------------

    def tables(self) -> list[Table]:
        made = [self._overview()]
        for group, meaning in GROUPS.items():
            rows = [
                [f"{bench.title}: {title(figure)}", *(text(self.standings(name, key).get(peer)) for peer in self._columns(group))]
                for name, bench in self.benches.items()
                if bench.group == group
                for key, figure in bench.figures.items()
                if bench.figures is not RATES or key == "rate"
            ]
            if rows:
                made.append(Table(f"{group}: {meaning}", ["", *map(label, self._columns(group))], rows, []))
        made.append(self._costs())
        return [table for table in made if table.rows]

    def _columns(self, group: str) -> list[str]:
        has_control = any(each.cell.peer == CONTROL for each in self.outcomes)
        return [*self.peers, *[CONTROL] * (group == "load" and has_control)]

    def _overview(self) -> Table:
        rows = []
        for group in GRIDS:
            found = overall(self.grid(group))
            if found:
                rows.append([f"{group}, geometric mean", *(mean(found.get(peer), len(self.grid(group))) for peer in self.peers)])
                rows.append([f"{group}, worst", *(self._worst(found.get(peer)) for peer in self.peers)])
        return Table("tasks/s, times the best pool that is not ours", ["", *map(label, self.peers)], rows, [])

    def _worst(self, found: Overall | None, separator: str = "\n") -> str:
        return "-" if found is None else f"{times(found.worst)}x{separator}{short(self.benches[found.where].title)}"

    def _costs(self) -> Table:
        """What tasks cost beside time."""
        rows = []
        for name, bench in self.benches.items():
            if bench.figures is RATES and not bench.is_loaded:
                values = [self.standings(name, figure) for figure in RATES if figure != "rate"]
                row = [" / ".join(form(each[peer].value.median) for each in values) if peer in values[0] else "-" for peer in self.peers]
                rows.append([bench.title, *row])
        title = "costs: CPU seconds of a million tasks / voluntary context switches per task / involuntary"
        return Table(title, ["", *map(label, self.peers)], rows, [])

    def notes(self) -> list[str]:
        return [
            *LEGEND,
            "",
            *(f"{label(peer):18}{NATIVE_PEERS[peer].meaning}{self._about(peer)}" for peer in self.peers),
            "",
            *self._conditions(),
        ]

    def _conditions(self) -> list[str]:
        run = self.run
        versions = ", ".join(f"{label(peer)} {run['libraries'][peer]['version']}" for peer in self._sizes())
        return [
            self._machine,
            versions,
            f"{run['rounds']} round(s), in each of which the peers take turns, each in a process of its own for "
            f"{run['sizes']['seconds']:g} s or more; {run['sizes']['tasks']:,} tasks of no length in a repetition",
            *disturbances(self.outcomes),
            *run["left_out"],
            *failures(self.outcomes),
        ]

    def _about(self, peer: str) -> str:
        library = self.run["libraries"][peer]
        return f"; {library['version']}, {library['stripped']:,} bytes stripped" if library["stripped"] else ""

    def _sizes(self) -> dict[str, int]:
        return {peer: size for peer in self.peers if (size := self.run["libraries"][peer]["stripped"])}

    # ---- A dozen lines -------------------------------------------------------------------------------------------------------------

    def digest(self) -> Table:
        """Without `betapool-adaptive`, of which the notes say how far it is behind."""
        columns = [peer for peer in self.peers if peer == OURS or not NATIVE_PEERS[peer].is_ours]
        rows: list[list[str]] = []

        def row(name: str, value: Callable[[str], str]) -> None:
            values = [value(peer) for peer in columns]
            if any(each != "-" for each in values):
                rows.append([name, *values])

        row("tasks/s, times the best of the others; machine idle", self._mean_of("idle"))
        row("... its worst case", self._worst_of("idle"))
        row("... another process computes on one core", self._mean_of("loaded"))
        row("... its worst case", self._worst_of("loaded"))
        row("round trip, P50 / P99 us", self._several(("round-trip", "p50"), ("round-trip", "p99")))
        row("... on one core", self._several(("round-trip-1", "p50"), ("round-trip-1", "p99")))
        row(
            "tasks/s of 1 / 10 / 100 us each",
            self._several(*((f"compute-{microseconds}us", "rate") for microseconds in (1, 10, 100))),
        )
        row("CPU of a million tasks, s", self._middle(columns, "cpu"))
        row("context switches per task", self._middle(columns, "voluntary", "involuntary"))
        row(
            "instructions per task, one by one / 64 at a time",
            self._several(("instructions", "instructions"), ("instructions-batch", "instructions")),
        )
        row("memory of an idle worker, KB", self._several(("memory", "kilobytes")))
        row("dlopen, us / KB", self._several(("load", "microseconds"), ("load", "kilobytes")))
        row("library, stripped, KB", lambda peer: form(self._sizes()[peer] / 1024) if peer in self._sizes() else "-")
        return Table("Pools in C", ["", *map(label, columns)], rows, [])

    def _mean_of(self, group: str) -> Callable[[str], str]:
        grid = self.grid(group)
        found = overall(grid)
        return lambda peer: mean(found.get(peer), len(grid))

    def _worst_of(self, group: str) -> Callable[[str], str]:
        found = overall(self.grid(group))
        return lambda peer: self._worst(found.get(peer), ": ")

    def _several(self, *figures: tuple[str, str]) -> Callable[[str], str]:
        """The medians of figures (bench, name), in one cell."""
        found = [self.standings(bench, figure) if bench in self.benches else {} for bench, figure in figures]

        def value(peer: str) -> str:
            values = [form(each[peer].value.median) if peer in each else "-" for each in found]
            return "-" if set(values) <= {"-"} else " / ".join(values)

        return value

    def _middle(self, columns: Iterable[str], *figures: str) -> Callable[[str], str]:
        """The median of the sum of these figures over those cells of the idle grid that all peers have."""
        grids = [self.grid("idle", figure) for figure in figures]
        cells = [name for name in grids[0] if all(peer in grids[0][name] for peer in columns)]

        def value(peer: str) -> str:
            return form(statistics.median(sum(grid[name][peer].value.median for grid in grids) for name in cells)) if cells else "-"

        return value

    def digest_notes(self) -> list[str]:
        found = {group: overall(self.grid(group)) for group in GRIDS}
        behind = [
            f"{each['betapool-adaptive'].mean.median / each[OURS].mean.median:.2f} {group}"
            for group, each in found.items()
            if {OURS, "betapool-adaptive"} <= each.keys()
        ]
        control = self.standings("load", "microseconds") if "load" in self.benches else {}
        return [
            "tasks/s: geometric mean over 1, 2, 4 producers x 1, 2, 4 workers x one by one, 64 at a time (the least and most of rounds);",
            "a case: 2p 4w is 2 producers, 4 workers, one by one; batch: 64 at a time",
            "CPU, context switches: the median of those cells, machine idle, that all can do",
            *([f"policy adaptive, which measures, has these times the tasks/s of fixed: {', '.join(behind)}"] if behind else []),
            *([f"dlopen of an empty library: {form(control[CONTROL].value.median)} us"] if CONTROL in control else []),
            *self._conditions(),
        ]


def title(figure: Figure) -> str:
    return ", ".join(filter(None, (figure.title, figure.unit))) + " ↓" * figure.lower_is_better


def text(standing: Standing | None) -> str:
    if standing is None:
        return "-"
    ratio = "" if standing.ratio is None else f" ({times(standing.ratio.median)}x)"
    ranges = [times(standing.ratio.least), times(standing.ratio.most)] if standing.ratio else []
    return form(standing.value.median) + ratio + " *" * standing.disturbed + (f"\n{'-'.join(ranges)}" if len(set(ranges)) > 1 else "")


def mean(found: Overall | None, cells: int) -> str:
    """How many of the cells, if it has not all."""
    if found is None:
        return "-"
    least, most = times(found.mean.least), times(found.mean.most)
    part = "" if found.benches == cells else f", {found.benches} of {cells} cells"
    bracket = f" ({least}-{most}{part})" if least != most else f" ({part[2:]})" if part else ""
    return times(found.mean.median) + bracket + " *" * found.disturbed


def short(name: str) -> str:
    """2 producers, 1 worker, one by one -> 2p 1w; 64 at a time -> 2p 1w batch"""
    producers, workers, how = name.split(", ")
    return f"{producers[0]}p {workers[0]}w{' batch' * (how != 'one by one')}"
