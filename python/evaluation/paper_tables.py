"""The paper's evaluation, run again: its tables and figures with what this machine does beside them.

Each cell (an interpreter, a number of cores, a workload, a static count or a strategy, a run) is measured in a process of its own; in a run
they take turns. A cell that hangs is ended at its limit and recorded as one that did not finish.
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from evaluation import children, contest_runs, interpreters, machine, paper_contests, paper_plan, paper_report, progress, report
from evaluation.command import Parser, cache_folder, carry_out, keep_previous, listed, names_of, number, status_of
from evaluation.efficiency import earlier_settings, parse_cores
from evaluation.interpreters import Interpreter
from evaluation.paper_plan import FULL, INSTRUMENTATION, MEMORY, NORMAL, QUICK, Effort
from evaluation.plan import core_numbers
from evaluation.progress import Display, duration, with_remarks
from evaluation.results import Cell, Outcome, PaperCell, Results
from evaluation.runner import Folders, calibrate, observed

PYTHONS = ("3.11", "3.13t")
"""The paper's."""
EXAMPLES = """examples:
  python -m betapool evaluate --quick                         short runs of everything, in less than 10 minutes on 2 cores
  python -m betapool evaluate --only table-iii,table-ix       what measuring costs, and what memory
  python -m betapool evaluate --only figure-2 --pythons 3.11 --cores 1
  python -m betapool evaluate --full --out paper              10 runs, as in the paper: 14 hours on 2 cores
  python -m betapool evaluate --full --out paper --resume     goes on after Ctrl-C
"""


PARTS = paper_report.PARTS


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m betapool evaluate",
        description=__doc__,
        epilog=EXAMPLES + f"\nparts: {', '.join(PARTS)}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    efforts = parser.add_mutually_exclusive_group()
    efforts.add_argument("--quick", action="store_true", help="one or two short runs of each; of thread counts only those of the tables")
    full = f"{FULL.runs} runs of {FULL.seconds:g} s (default: {NORMAL.runs} of {NORMAL.seconds:g} s, about two and a half hours on 2 cores)"
    efforts.add_argument("--full", action="store_true", help=full)
    add("--only", type=names_of(list(PARTS)), default=list(PARTS), metavar="A,B", help="which tables and figures (default: all)")
    add("--pythons", type=listed, metavar="A,B", help=f"versions or paths (default: those of {', '.join(PYTHONS)} that are there)")
    add("--cores", type=parse_cores, default=["1", "all"], metavar="A,B", help="'all' or how many, by affinity (default: 1,all)")
    add("--runs", type=number(int, 1), metavar="N", help="instead of those above")
    add("--seconds", type=number(float, 0.2), metavar="S", help="of a run, instead of those above")
    add("--out", type=Path, default=Path(".build/evaluation"), metavar="DIR", help="for results.json, report.html, figures (%(default)s)")
    add("--resume", action="store_true", help="go on with what is in that folder: what it has is not measured again")
    return parser.parse_args(arguments)


def efforts_of(options: argparse.Namespace) -> tuple[Effort, paper_contests.Effort]:
    """Of the sweeps, clocks and memory; and of the contests."""
    effort = QUICK if options.quick else FULL if options.full else NORMAL
    contests = paper_contests.QUICK if options.quick else paper_contests.FULL if options.full else paper_contests.NORMAL
    durations = contests.durations
    seconds = options.seconds or durations.seconds
    durations = durations._replace(
        rounds=options.runs or durations.rounds, seconds=seconds, static_seconds=min(seconds, durations.static_seconds)
    )
    effort = effort._replace(runs=options.runs or effort.runs, seconds=options.seconds or effort.seconds)
    return effort, contests._replace(durations=durations)


def run(options: argparse.Namespace, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="betapool-evaluate-") as packages:
        interpreters.copy_package(Path(packages))
        measure(options, console, Path(packages), cache_folder())


def measure(options: argparse.Namespace, console: Console, packages: Path, cache: Path) -> None:
    pythons = interpreters.choose(options.pythons, packages, PYTHONS)
    effort, contest_effort = efforts_of(options)
    journals = {Cell: options.out / "contests.jsonl", PaperCell: options.out / "results.jsonl"}
    for journal in [] if options.resume else journals.values():
        keep_previous(journal, console)
    results, contest_results = Results(journals[PaperCell], PaperCell), Results(journals[Cell])
    described = machine.describe()
    available = described["cores"]
    places = {len(numbers): numbers for numbers in (core_numbers(choice, available) for choice in options.cores)}
    known = {**earlier_settings(results), **earlier_settings(contest_results)}
    settings = {each.name: known.get((each.name, each.version)) or calibrate(each, available[-1], packages) for each in pythons}
    contests = paper_contests.contests(options.only, contest_effort)
    if any(paper_contests.WORKLOADS[contest.workload].library for contest in contests):
        console.print("preparing the libraries of the edge workloads, which are downloaded the first time", highlight=False)
    wide = (paper_plan.wide(sorted(places)) or sorted(places))[-1]
    plan = contest_runs.make(contests, contest_effort, pythons, wide, available, settings, cache, packages)
    cells = paper_plan.cells(options.only, pythons, sorted(places), effort)
    left_out = [*plan.left_out, *paper_plan.left_out(options.only, pythons)]
    run = {
        "time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "machine": described,
        "interpreters": {python.name: python._asdict() for python in pythons},
        "settings": settings,
        "parts": options.only,
        "cores": sorted(places),
        "left_out": left_out,
    }
    results.add_run({**run, "effort": effort._asdict()})
    contest_results.add_run({**run, "options": contest_effort.durations._asdict()})
    hopeless = {cell._replace(round=0) for cell, outcome in results.outcomes.items() if outcome.failure}
    left = [cell for cell in cells if cell not in results.outcomes and cell._replace(round=0) not in hopeless]
    seconds = sum(paper_plan.estimate(cell) for cell in left) + sum(plan.seconds(contest_results))
    for text in (*report.place(results), *left_out, f"about {duration(seconds)}; results and the report go to {options.out}"):
        console.print(text, highlight=False, soft_wrap=True)
    try:
        with Display(console, seconds, line) as display:
            measure_cells(left, {python.name: python for python in pythons}, places, settings, packages, results, display)
            contest_runs.measure(plan, contest_results, display, settings, Folders(packages, cache, plan.libraries), available)
    finally:  # Ctrl-C too: what was measured counts
        found = paper_report.Found(
            results.runs[-1],
            [outcome for cell, outcome in results.outcomes.items() if cell in set(cells)],
            contest_runs.of_plan(plan, contest_results),
        )
        if found.sweeps or found.contests:
            paper_report.write(found, options.only, options.out, console)


def measure_cells(
    cells: list[PaperCell],
    pythons: dict[str, Interpreter],
    places: dict[int, tuple[int, ...]],
    settings: dict[str, dict[str, Any]],
    packages: Path,
    results: Results,
    display: Display,
) -> None:
    hopeless: set[PaperCell] = set()
    for cell in cells:
        if cell._replace(round=0) in hopeless:  # what has not finished once is not waited for again
            display.reach(display.done + paper_plan.estimate(cell))
            continue
        python = pythons[cell.python]
        display.begin(f"{cell.python}, {cell.where}, {cell.who}")
        function, request = what_to_run(cell, python, settings[cell.python])
        request["cores"] = places[cell.cores]
        limit = paper_plan.limit(cell, python)
        outcome = observed(cell, functools.partial(call, python.path, function, request, limit, packages))
        results.add(outcome)
        if outcome.failure:
            hopeless.add(cell._replace(round=0))
        display.end(outcome, paper_plan.estimate(cell))


def call(python: str, function: str, request: dict[str, Any], limit: float, packages: Path) -> dict[str, Any]:
    """As children.call. What the second half of a run saw means nothing if the tasks were still being handed out then."""
    values = children.call(python, function, request, limit, packages)
    if values.get("loaded", 0.0) > request.get("seconds", 0.0) / 2:
        raise children.DidNotFinish(f"its threads left no time to hand out tasks: {values['loaded']:.1f} of {request['seconds']:g} s")
    return values


def what_to_run(cell: PaperCell, python: Interpreter, setting: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The function of cell.py, and what it is asked."""
    if cell.part == INSTRUMENTATION:
        return "instrumentation", {"calls": int(cell.seconds)}
    if cell.part == MEMORY:
        return "memory", {"strategy": cell.strategy, "seconds": cell.seconds, "max_workers": python.max_workers}
    assert cell.strategy is not None and cell.strategy.threads is not None
    return "measure", {
        "strategy": cell.strategy,
        "workload": cell.part,
        "seconds": cell.seconds,
        "overtime": paper_plan.overtime(cell),
        "setting": setting,
        "max_workers": cell.strategy.threads,
        "outstanding": 2 * cell.strategy.threads + 64,  # enough that the queue is never empty
        "as_the_paper": True,
    }


def line(outcome: Outcome) -> str:
    cell, values = outcome.cell, outcome.values
    if isinstance(cell, Cell):
        return progress.line(outcome)
    where = f"{cell.python:6}{cell.cores:>3}  {cell.part:16}{'' if cell.strategy is None else cell.who:14}run {cell.round}"
    if values is None:
        figures = ""
    elif cell.part == INSTRUMENTATION:
        figures = f"four calls {values['four']['mean']:.2f} us, controller.task() {values['task']['mean']:.2f} us"
    elif cell.part == MEMORY:
        figures = f"{values['rss']:.1f} MB RSS, {values['pss']:.1f} MB PSS, {values['rate']:,.0f}/s"
    else:
        figures = f"{values['rate']:>10,.1f}/s"
    return f"{where}  {with_remarks(outcome, figures)}"


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    console = report.wide_console()
    return status_of(lambda: carry_out(lambda: run(options, console), console, f"--resume goes on with what is in {options.out}"))


if __name__ == "__main__":
    sys.exit(main())
