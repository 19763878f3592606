"""The tables.

python -m evaluation.report FILE [--markdown | --short]     those of an earlier run
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table as RichTable

from evaluation.command import leave
from evaluation.plan import LIBRARY_MOST
from evaluation.results import Outcome, Results
from evaluation.strategies import LABELS
from evaluation.summary import Comparison, Row, Spread, compare, relevant, spread
from evaluation.workloads import WORKLOADS

LEGEND = """\
best static  highest tasks/s in the second half of a run, of all static counts tried; in brackets the smallest within 1 % of it
steady       tasks/s in the second half of a run, of the best static count's in the same round; median of the rounds, the least, the most
whole run    the same from the cold start; static counts begin with all their threads
threads      mean in the second half
95 % after   seconds from the cold start until the rate was 95 % of the strategy's own steady one
P99          of the time that a worker takes for a task, in the second half; in brackets how many times the best static count's
controller   CPU of those threads of the pool that run no tasks, of one core
*            others used the machine meanwhile, or the hypervisor took it away"""


BORDER = 3
"""Characters beside the text of a column: a line and two spaces."""


class Table(NamedTuple):
    title: str
    head: list[str]
    rows: list[list[str]]
    sections: list[int]
    """After which rows there is a line."""


def tables(comparisons: list[Comparison]) -> list[Table]:
    """For each interpreter and number of cores the details, then the overview."""
    made = []
    for title, here in by_place(comparisons):
        made += [details(title, here), overview(f"{title}: steady efficiency", here)]
    return made


def by_place(comparisons: list[Comparison]) -> Iterator[tuple[str, list[Comparison]]]:
    """Those of each interpreter and number of cores, under a title."""
    for python, cores in dict.fromkeys((comparison.python, comparison.cores) for comparison in comparisons):
        here = [comparison for comparison in comparisons if (comparison.python, comparison.cores) == (python, cores)]
        yield f"Python {python}, {'all cores' if cores == 'all' else f'{cores} core(s)'}", here


def details(title: str, comparisons: list[Comparison]) -> Table:
    head = ["strategy", "rounds", "tasks/s", "steady", "whole run", "threads", "95 % after", "P99 ms", "vetoes", "controller"]
    rows, sections = [], []
    for comparison in comparisons:
        rows.append([WORKLOADS[comparison.workload].title, *[""] * (len(head) - 1)])
        rows.append(detail(comparison.oracle, f"  best static: {comparison.oracle.strategy.label}", least=f" (from {comparison.knee})"))
        rows += [detail(row, f"  {row.strategy.label}") for row in comparison.rows]
        sections.append(len(rows) - 1)
    return Table(title, head, rows, sections)


def detail(row: Row, label: str, least: str = "") -> list[str]:
    if row.rate is None:
        return [label, "0", "did not finish", *[""] * 7]
    ratio = "" if row.p99_ratio is None else f" ({row.p99_ratio:.{1 if row.p99_ratio >= 0.1 else 2}f}x)"
    return [
        label + " *" * row.disturbed,
        f"{row.rounds}{f' ({len(row.failures)} did not finish)' if row.failures else ''}",
        cell(row.rate, lambda value: f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"),
        cell(row.steady, percent, with_range=True),
        cell(row.whole, percent),
        cell(row.threads, lambda value: f"{value:.0f}") + least,
        cell(row.settled, lambda value: f"{value:.1f} s"),
        cell(row.p99, lambda value: f"{1000 * value:.1f}") + ratio,
        cell(row.vetoes, lambda value: f"{value:.0f}"),
        cell(row.controller_cpu, lambda value: f"{value:.2%}"),
    ]


def overview(title: str, comparisons: list[Comparison]) -> Table:
    """A column for each strategy; below, the mean and the least of the workloads."""
    columns = [name for name in LABELS if any(row.strategy.name == name for comparison in comparisons for row in comparison.rows)]
    rows: list[list[str]] = []
    all_values: dict[str, list[float | None]] = {name: [] for name in columns}
    for comparison in comparisons:
        by_name = {row.strategy.name: row for row in comparison.rows}
        line = [comparison.workload, f"{comparison.oracle.strategy.threads} (from {comparison.knee})"]
        for name in columns:
            row = by_name.get(name)
            if row is None:
                line.append("")
                continue
            all_values[name].append(row.steady and row.steady.median)
            line.append(percent(row.steady.median) + " *" * row.disturbed if row.steady else "did not finish")
        rows.append(line)
    section = len(rows) - 1
    rows.append(["mean", "", *(over_all(all_values[name], lambda values: sum(values) / len(values)) for name in columns)])
    rows.append(["least", "", *(over_all(all_values[name], min) for name in columns)])
    return Table(title, ["workload", "best static", *(LABELS[name] for name in columns)], rows, [section])


def digest(title: str, comparisons: list[Comparison]) -> Table:
    """A line for each workload: how `adaptive` does, in all respects, and how close the others come."""
    others = [name for name in LABELS if name != "adaptive" and any(row.strategy.name == name for each in comparisons for row in each.rows)]
    head = ["workload", "adaptive: steady", "whole run", "threads (least of the best static)", "95 % after", "P99, times the best static's"]
    rows: list[list[str]] = []
    steady: dict[str, list[float | None]] = {name: [] for name in ["adaptive", *others]}
    for comparison in comparisons:
        by_name = {row.strategy.name: row for row in comparison.rows}
        for name, values in steady.items():
            found = by_name.get(name)
            values.append(found.steady.median if found and found.steady else None)
        row = by_name.get("adaptive")
        if row is None or row.rate is None:
            continue
        mark = " *" * row.disturbed
        line = [
            WORKLOADS[comparison.workload].title,
            cell(row.steady, percent, with_range=True) + mark,
            cell(row.whole, percent),
            f"{cell(row.threads, lambda value: f'{value:.0f}')} ({comparison.knee})",
            cell(row.settled, lambda value: f"{value:.1f} s"),
            "-" if row.p99_ratio is None else f"{row.p99_ratio:.2f}",
        ]
        rows.append([*line, *("-" if value is None else percent(value) for value in (steady[name][-1] for name in others))])
    whole = [row.whole.median for each in comparisons for row in each.rows if row.strategy.name == "adaptive" and row.whole]
    means = [over_all(steady[name], lambda values: sum(values) / len(values)) for name in steady]
    rows.append(["**mean**", means[0], over_all([*whole], lambda values: sum(values) / len(values)), "", "", "", *means[1:]])
    return Table(title, [*head, *(LABELS[name] for name in others)], rows, [len(rows) - 2])


def over_all(values: list[float | None], combine: Callable[[list[float]], float]) -> str:
    """A mean without those that did not finish would be too good."""
    finished = [value for value in values if value is not None]
    return percent(combine(finished)) if len(finished) == len(values) else "-"


def cell(value: Spread | None, form: Callable[[float], str], *, with_range: bool = False) -> str:
    if value is None:
        return "-"
    more = f" ({form(value.least)}-{form(value.most)})" if with_range and value.most > value.least else ""
    return form(value.median) + more


def percent(value: float) -> str:
    return f"{value:.1%}"


def conditions(results: Results) -> list[str]:
    """Under what it was measured, in words."""
    options = results.runs[-1]["options"]
    measured = (
        f"{options['rounds']} round(s) of {options['seconds']:g} s, strategies from a cold start; "
        f"{options['static_seconds']:g} s in the sweep of static counts"
    )
    if options.get("library_threads") == "as-they-come":
        measured += f"; libraries use as many threads as they take by themselves, and are called by {LIBRARY_MOST} at most"
    return [*place(results), measured, *results.runs[-1].get("left_out", []), *disturbances(relevant(results))]


def place(results: Results) -> list[str]:
    """The machine and the interpreters."""
    pythons = {name: found for each in results.runs for name, found in each["interpreters"].items()}
    return place_of({**results.runs[-1], "interpreters": pythons})


def place_of(run: dict[str, Any]) -> list[str]:
    pythons = run["interpreters"].values()
    return [machine_of(run), "Python " + ", ".join(found["version"] + " free-threaded" * found["free_threaded"] for found in pythons)]


def machine(results: Results) -> str:
    return machine_of(results.runs[-1])


def machine_of(run: dict[str, Any]) -> str:
    described = run["machine"]
    size = f"{len(described['cores'])} cores, {described['memory'] / 2**30:.1f} GiB"
    return f"{described['processor']}, {size}, {described['system']}, {run['time']}"


def disturbances(outcomes: Iterable[Outcome]) -> list[str]:
    outcomes = list(outcomes)
    loads = spread(outcome.load_average for outcome in outcomes)
    disturbed = sum(outcome.disturbed for outcome in outcomes)
    lines = []
    if loads:
        lines.append(f"load average before a cell: median {loads.median:.1f}, at most {loads.most:.1f} (the cell before counts in it)")
    if disturbed:
        lines.append(f"{disturbed} of {len(outcomes)} cells ran while others used the machine: marked *, not to be relied on")
    return lines


def failures(outcomes: Iterable[Outcome]) -> list[str]:
    """Each reason once, with all that it befell."""
    befell: dict[tuple[str, str, str], dict[str, None]] = {}
    for outcome in outcomes:
        if outcome.failure:
            cell = outcome.cell
            places = befell.setdefault((cell.under, cell.who, outcome.failure), {})
            places[cell.where] = None
    return [f"{under}{who} did not finish {', '.join(places)}: {why}" for (under, who, why), places in befell.items()]


def show(results: Results, console: Console) -> None:
    draw(tables(compare(relevant(results))), notes(results), console)


def markdown(results: Results) -> str:
    return as_markdown(tables(compare(relevant(results))), notes(results))


def short_markdown(results: Results) -> str:
    made = [digest(title, here) for title, here in by_place(compare(relevant(results)))]
    return as_markdown(made, [*conditions(results), *failures(relevant(results))])


def notes(results: Results) -> list[str]:
    return [*LEGEND.splitlines(), "", *conditions(results), *failures(relevant(results))]


def draw(tables: Iterable[Table], texts: Iterable[str], console: Console) -> None:
    for table in itertools.chain.from_iterable(fitting(each, console.width) for each in tables):
        drawn = RichTable(title=table.title, title_justify="left", title_style="bold")
        for number, name in enumerate(table.head):
            drawn.add_column(name, justify="right" if number else "left", no_wrap=True)
        for number, row in enumerate(table.rows):
            drawn.add_row(*row, end_section=number in table.sections)
        console.print(drawn)
        console.print()
    for text in texts:
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def fitting(table: Table, width: int) -> list[Table]:
    """As several, if it is too wide: each with the first column and as many of the others as have room."""
    lines = [[text for row in [table.head, *table.rows] for text in row[column].split("\n")] for column in range(len(table.head))]
    first, *others = [max(map(len, texts)) + BORDER for texts in lines]
    parts: list[list[int]] = [[]]
    for column, needed in enumerate(others, 1):
        if parts[-1] and first + sum(others[each - 1] for each in parts[-1]) + needed + 1 > width:
            parts.append([])
        parts[-1].append(column)
    return [table._replace(head=_columns(table.head, part), rows=[_columns(row, part) for row in table.rows]) for part in parts]


def _columns(row: list[str], numbers: list[int]) -> list[str]:
    return [row[0], *(row[number] for number in numbers)]


def as_markdown(tables: Iterable[Table], texts: Iterable[str]) -> str:
    parts = []
    for table in tables:
        rule = "|".join(["---", *["---:"] * (len(table.head) - 1)])
        rows = ["| " + " | ".join(row).replace("\n", "<br>") + " |" for row in [table.head, *table.rows]]
        parts.append("\n".join([f"**{table.title}**", "", rows[0], f"|{rule}|", *rows[1:]]))
    parts.append("\n".join(f"    {text}" for text in texts))
    return "\n\n".join(parts)


def wide_console() -> Console:
    """A file has room for the whole table."""
    console = Console()
    return console if console.is_terminal else Console(width=200)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.report", description="The tables of an earlier run of evaluation.efficiency."
    )
    parser.add_argument("file", type=Path, help="its file of results")
    parser.add_argument("--markdown", action="store_true", help="as Markdown")
    parser.add_argument("--short", action="store_true", help="a line for each workload, as Markdown")
    options = parser.parse_args()
    try:
        results = Results(options.file)
    except ValueError as error:
        sys.exit(f"error: {error}")
    if not results.runs:
        sys.exit(f"error: {options.file} has no results: name the --json file of a run")
    if options.short:
        print(short_markdown(results))
    elif options.markdown:
        print(markdown(results))
    else:
        show(results, wide_console())
    return 0


if __name__ == "__main__":
    leave(main)
