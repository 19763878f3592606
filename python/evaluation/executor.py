"""What the executor costs: AdaptiveThreadPoolExecutor beside concurrent.futures' own and other thread pools.

Each cell (an interpreter, a bench, a peer, a round) is measured in a process of its own. Within a round the peers of a bench take turns.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from evaluation import bench_report, children, interpreters, machine, reference, report
from evaluation.benches import BENCHES, Sizes
from evaluation.command import Parser, cache_folder, carry_out, earlier_results, keep_previous, leave, listed, names_of, number
from evaluation.interpreters import Interpreter
from evaluation.peers import BASELINE, PEERS
from evaluation.plan import turns
from evaluation.progress import Display, duration, with_remarks
from evaluation.results import BenchCell, Outcome, Results
from evaluation.runner import calibrate, observed

EXAMPLES = """examples:
  make bench-executor ARGS=--quick                                       all benches, one round, one interpreter
  python -m evaluation.executor --only bulk-4,ping-pong --pythons 3.13t
  python -m evaluation.executor --peers adaptive,fixed --rounds 9        those two beside ThreadPoolExecutor, which is always there
  python -m evaluation.executor --from .build/executor.jsonl --markdown  a line for each bench of an earlier run, for a document
"""
LIMIT = 60.0
"""Seconds after which a cell is ended."""
OVERHEAD = 0.5
"""Seconds that a cell takes beyond its run, as a rule."""
FULL = Sizes(tasks=20_000, queued=200_000, threads=64, seconds=0.3)
QUICK = Sizes(tasks=5_000, queued=50_000, threads=64, seconds=0.1)
ROUNDS = 5


class Plan(NamedTuple):
    """What is to be measured, where."""

    benches: list[str]
    peers: list[str]
    rounds: int
    sizes: Sizes

    def peers_of(self, bench: str, there: dict[str, Path]) -> list[str]:
        return [peer for peer in there if PEERS[peer].refusal(BENCHES[bench].needs) is None]

    def seconds(self, there: dict[str, Path]) -> float:
        """Estimated, for one interpreter."""
        return sum(len(self.peers_of(bench, there)) for bench in self.benches) * self.rounds * self.of_a_cell

    @property
    def of_a_cell(self) -> float:
        return 2 * self.sizes.seconds + OVERHEAD


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m evaluation.executor",
        description=__doc__,
        epilog=EXAMPLES
        + "\nbenches:\n"
        + "".join(f"  {name:15}{_titles(name)}\n" for name in BENCHES)
        + "\npeers:\n"
        + "".join(f"  {name:17}{peer.meaning}\n" for name, peer in PEERS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--only", type=names_of(list(BENCHES)), default=list(BENCHES), metavar="A,B", help="which benches (default: all)")
    add("--peers", type=names_of(list(PEERS)), default=list(PEERS), metavar="A,B", help=f"beside {BASELINE} (default: all)")
    add(
        "--pythons",
        type=listed,
        metavar="A,B",
        help=f"versions or paths (default: those of {', '.join(interpreters.DEFAULTS)} that are there)",
    )
    add("--rounds", type=number(int, 1), metavar="N", help=f"in which the peers take turns (default: {ROUNDS}; 1 with --quick)")
    add("--quick", action="store_true", help="one round on one interpreter, with a quarter of the tasks, in less than 2 minutes")
    add("--json", type=Path, default=Path(".build/executor.jsonl"), metavar="FILE", help="results, one JSON object a line (%(default)s)")
    add("--from", type=Path, dest="earlier", metavar="FILE", help="measure nothing: show the results that an earlier run wrote there")
    add("--markdown", action="store_true", help="a line for each bench as Markdown")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 1 if options.quick else ROUNDS
    return options


def _titles(bench: str) -> str:
    return "; ".join(bench_report.title(figure, FULL._asdict()) for figure in BENCHES[bench].figures.values())


def run(options: argparse.Namespace, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="betapool-executor-") as packages:
        interpreters.copy_package(Path(packages))
        pythons = interpreters.choose(options.pythons, Path(packages))
        if options.quick and options.pythons is None:
            pythons = pythons[:1]
        peers = [peer for peer in PEERS if peer in (BASELINE, *options.peers)]
        plan = Plan([bench for bench in BENCHES if bench in options.only], peers, options.rounds, QUICK if options.quick else FULL)
        measure(plan, pythons, Path(packages), options.json, console, markdown=options.markdown)


def measure(plan: Plan, pythons: list[Interpreter], packages: Path, file: Path, console: Console, *, markdown: bool) -> None:
    described = machine.describe()
    left_out = refusals(plan)
    there = {}
    for python in pythons:
        there[python.name], missing = folders(python, plan.peers, packages)
        left_out += missing
    settings = {python.name: calibrate(python, described["cores"][-1], packages) for python in pythons}
    keep_previous(file, console)
    results = Results(file, BenchCell)
    results.add_run(
        {
            "time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "machine": described,
            "interpreters": {python.name: python._asdict() for python in pythons},
            "settings": settings,
            "rounds": plan.rounds,
            "sizes": plan.sizes._asdict(),
            "left_out": left_out,
        }
    )
    seconds = sum(plan.seconds(there[python.name]) for python in pythons)
    for text in (*report.place(results), *left_out, f"about {duration(seconds)}; results go to {file}"):
        console.print(text, highlight=False, soft_wrap=True)
    try:
        with Display(console, seconds, line) as display:
            for python in pythons:
                measure_on(python, plan, there[python.name], settings[python.name], results, display)
    finally:  # Ctrl-C too: what was measured counts
        if results.outcomes:
            console.print()
            show(results, console, markdown=markdown)


def refusals(plan: Plan) -> list[str]:
    """Who is left out of what, for what it lacks: each peer and reason once."""
    out_of: dict[tuple[str, str], list[str]] = {}
    for peer in plan.peers:
        for bench in plan.benches:
            reason = PEERS[peer].refusal(BENCHES[bench].needs)
            if reason:
                out_of.setdefault((peer, reason), []).append(bench)
    return [f"{PEERS[peer].label} {reason}: left out of {', '.join(benches)}" for (peer, reason), benches in out_of.items()]


def folders(python: Interpreter, peers: list[str], packages: Path) -> tuple[dict[str, Path], list[str]]:
    """Where each peer is imported from, and in words those that cannot be had on this interpreter."""
    there, missing = {}, []
    for name in peers:
        package = PEERS[name].package
        try:
            there[name] = reference.install(python, cache_folder(), package) if package else packages
        except reference.Unavailable as error:
            missing.append(f"Python {python.name}, {PEERS[name].label} left out: {error}")
    return there, missing


def measure_on(
    python: Interpreter, plan: Plan, there: dict[str, Path], setting: dict[str, Any], results: Results, display: Display
) -> None:
    failed = set()
    for bench in plan.benches:
        for round_number in range(1, plan.rounds + 1):
            for peer in turns(plan.peers_of(bench, there), round_number):
                if (bench, peer) in failed:
                    continue
                cell = BenchCell(python.name, bench, peer, round_number)
                display.begin(f"{python.name}, {bench}, {PEERS[peer].label}")
                request = {"bench": bench, "peer": peer, "sizes": plan.sizes, "setting": setting}
                outcome = observed(cell, functools.partial(children.call, python.path, "bench", request, LIMIT, there[peer]))
                results.add(outcome)
                display.end(outcome, plan.of_a_cell)
                if outcome.values is None:
                    failed.add((bench, peer))


def line(outcome: Outcome) -> str:
    cell = outcome.cell
    figures = BENCHES[cell.bench].figures
    values = ", ".join(f"{bench_report.form(outcome.values[name])} {figures[name].unit}" for name in figures) if outcome.values else ""
    return f"{cell.python:6}{cell.bench:15}{PEERS[cell.peer].label:20}round {cell.round}  {with_remarks(outcome, values)}"


def show(results: Results, console: Console, *, markdown: bool) -> None:
    if markdown:
        print(report.as_markdown([bench_report.digest(results)], bench_report.digest_notes(results)))
    else:
        report.draw(bench_report.tables(results), bench_report.notes(results), console)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    console = report.wide_console()
    if options.earlier:
        show(earlier_results(options.earlier, BenchCell), console, markdown=options.markdown)
        return 0
    return carry_out(lambda: run(options, console), console, f"what was measured is in {options.json}")


if __name__ == "__main__":
    leave(main)
