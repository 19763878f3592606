"""The tables.

python -m evaluation.report FILE [--markdown]     those of an earlier run
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table as RichTable

from evaluation.results import Results
from evaluation.strategies import LABELS
from evaluation.summary import Comparison, Row, Spread, compare, relevant, spread
from evaluation.workloads import WORKLOADS

LEGEND = """\
best static  highest tasks/s in the second half of a run, of all static counts tried; in brackets the smallest within 1 % of it
steady       tasks/s in the second half of a run, of the best static count's; median of the rounds, and the least and the most
whole run    the same from the cold start; static counts begin with all their threads
threads      mean in the second half
95 % after   seconds from the cold start until the rate was 95 % of the strategy's own steady one
P99          of the time that a worker takes for a task, in the second half; in brackets how many times the best static count's
controller   CPU of those threads of the pool that run no tasks, of one core
*            others used the machine meanwhile, or the hypervisor took it away"""


class Table(NamedTuple):
    title: str
    head: list[str]
    rows: list[list[str]]
    sections: list[int]
    """After which rows there is a line."""


def tables(comparisons: list[Comparison]) -> list[Table]:
    """For each interpreter and number of cores the details, then the overview."""
    places = dict.fromkeys((comparison.python, comparison.cores) for comparison in comparisons)
    made = []
    for python, cores in places:
        here = [comparison for comparison in comparisons if (comparison.python, comparison.cores) == (python, cores)]
        title = f"Python {python}, {'all cores' if cores == 'all' else f'{cores} core(s)'}"
        made += [details(title, here), overview(f"{title}: steady efficiency", here)]
    return made


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
    run = results.runs[-1]
    described, options = run["machine"], run["options"]
    outcomes = relevant(results)
    loads = spread(outcome.load_average for outcome in outcomes)
    disturbed = sum(outcome.disturbed for outcome in outcomes)
    pythons = {name: found for each in results.runs for name, found in each["interpreters"].items()}
    size = f"{len(described['cores'])} cores, {described['memory'] / 2**30:.1f} GiB"
    lines = [
        f"{described['processor']}, {size}, {described['system']}, {run['time']}",
        "Python " + ", ".join(found["version"] + " free-threaded" * found["free_threaded"] for found in pythons.values()),
        f"{options['rounds']} round(s) of {options['seconds']:g} s from a cold start, {options['static_seconds']:g} s for static counts",
    ]
    if loads:
        lines.append(f"load average before a cell: median {loads.median:.1f}, at most {loads.most:.1f} (the cell before counts in it)")
    if disturbed:
        lines.append(f"{disturbed} of {len(outcomes)} cells ran while others used the machine: marked *, not to be relied on")
    return lines


def failures(results: Results) -> list[str]:
    """Each reason once, with all that it befell."""
    befell: dict[tuple[str, str, str], dict[str, None]] = {}
    for outcome in relevant(results):
        if outcome.failure:
            cell = outcome.cell
            places = befell.setdefault((cell.python, str(cell.strategy), outcome.failure), {})
            places[f"{cell.workload} on {cell.cores}"] = None
    return [f"Python {python}, {who} did not finish {', '.join(places)}: {why}" for (python, who, why), places in befell.items()]


def show(results: Results, console: Console) -> None:
    for table in tables(compare(relevant(results))):
        drawn = RichTable(title=table.title, title_justify="left", title_style="bold")
        for number, name in enumerate(table.head):
            drawn.add_column(name, justify="right" if number else "left", no_wrap=True)
        for number, row in enumerate(table.rows):
            drawn.add_row(*row, end_section=number in table.sections)
        console.print(drawn)
        console.print()
    for text in (*LEGEND.splitlines(), "", *conditions(results), *failures(results)):
        console.print(text, highlight=False, markup=False, soft_wrap=True)


def markdown(results: Results) -> str:
    parts = []
    for table in tables(compare(relevant(results))):
        rule = "|".join(["---", *["---:"] * (len(table.head) - 1)])
        rows = ["| " + " | ".join(row) + " |" for row in [table.head, *table.rows]]
        parts.append("\n".join([f"**{table.title}**", "", rows[0], f"|{rule}|", *rows[1:]]))
    parts.append("\n".join(f"    {text}" for text in (*LEGEND.splitlines(), "", *conditions(results), *failures(results))))
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
    options = parser.parse_args()
    try:
        results = Results(options.file)
    except ValueError as error:
        sys.exit(f"error: {error}")
    if not results.runs:
        sys.exit(f"error: {options.file} has no results: name the --json file of a run")
    if options.markdown:
        print(markdown(results))
    else:
        show(results, wide_console())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
