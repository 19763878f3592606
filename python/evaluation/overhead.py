"""What `python -m betapool profile` costs the program that it looks at.

For each workload of `make efficiency`, on one pool of so many threads: the CPU time of the thread that samples, which the kernel counts, as
a share of a core; and what the program loses of its tasks, measured in pairs of slices of time with and without the profiler, of which the
mean and its 95 % confidence interval are given. A workload that cannot be measured has a line that says why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

import betapool
from betapool._profile.session import RATE, VISITS
from evaluation import children, interpreters, reference, services
from evaluation.command import Parser, cache_folder, carry_out, leave, listed, names_of, number
from evaluation.edge.preparation import Prepared, prepare
from evaluation.efficiency import GROUPS, WITHOUT_LIBRARY
from evaluation.interpreters import Interpreter
from evaluation.load import SECONDS_TO_START
from evaluation.plan import OVERHEAD
from evaluation.profiling import PAUSE, WARM_UP, WATCHED
from evaluation.progress import Display, with_remarks
from evaluation.results import Outcome
from evaluation.runner import calibrate, observed
from evaluation.statistics import estimate
from evaluation.workloads import EDGE, WORKLOADS

EXAMPLES = """examples:
  python -m evaluation.overhead
  python -m evaluation.overhead --only micro,rag --pairs 40 --pythons 3.11 --json
  python -m evaluation.overhead --only edge             NumPy, SQLite, pandas, ONNX Runtime, which are downloaded once
  make overhead | PYTHONPATH=python python3 -m evaluation.readme overhead
"""
DEFAULTS = ("3.11", "3.13t")
THREADS = (
    {name: 16 for name in WITHOUT_LIBRARY}
    | {name: 32 for name in EDGE}
    | {
        "io-1ms": 96,
        "io-20ms": 256,
        "cpu": 4,
        "digest": 2,
        "bimodal": 24,
        "lock": 12,
        "upstream": 12,
        "long": 256,
    }
)
"""As many as do all the work, or more; 256 where there are as many that wait."""
MOST_IF_FREE_THREADED = 64
SLEEPERS = ("long",)
"""Without a GIL more than that are no good where they are runnable at once, but these hardly ever are."""


class Cell(NamedTuple):
    workload: str
    python: str
    threads: int


class Run(NamedTuple):
    """What all workloads of an interpreter have in common."""

    python: Interpreter
    packages: Path
    """Where betapool is."""
    setting: dict[str, Any]
    prepared: Prepared
    pairs: int
    seconds: float

    def measure(self, name: str) -> Outcome:
        workload = WORKLOADS[name]
        cell = Cell(name, self.python.name, threads_of(name, self.python.free_threaded))
        limit = 3 * seconds_of(self.pairs, self.seconds) + workload.longest_task + SECONDS_TO_START
        library = self.prepared.libraries.get(name)
        with services.upstream(os.sched_getaffinity(0)) if workload.service else contextlib.nullcontext() as service:
            request = {
                "workload": name,
                "threads": cell.threads,
                "setting": {**self.setting, "port": service and service.port},
                "pairs": self.pairs,
                "seconds": self.seconds,
            }

            def call() -> dict[str, Any]:
                if name in self.prepared.left_out:
                    raise reference.Unavailable(self.prepared.left_out[name])
                imports = [self.packages, *([library] if library else [])]
                return children.call(self.python.path, "profiling", request, limit, *imports)

            return observed(cell, call, service.cpu_seconds if service else lambda: 0.0)


def threads_of(name: str, free_threaded: bool) -> int:
    return min(THREADS[name], MOST_IF_FREE_THREADED) if free_threaded and name not in SLEEPERS else THREADS[name]


def seconds_of(pairs: int, seconds: float) -> float:
    """That a workload takes."""
    return OVERHEAD + WARM_UP + WATCHED + 2 * pairs * (seconds + 2 * PAUSE)


def loss_text(losses: Sequence[float]) -> str:
    found = estimate(losses)
    if found is None:
        return "-"
    return f"{found.mean:+.1%}" + ("" if found.margin is None else f" ± {found.margin:.1%}")


def line(outcome: Outcome) -> str:
    cell, values, figures = outcome.cell, outcome.values, ""
    if values:
        figures = f"{values['share_of_core']:6.2%} of a core, {values['share_of_process']:6.2%} of the process"
        figures += f"  {values['alone']:10,.1f} tasks/s alone, {loss_text(values['losses'])} lost"
    return f"{cell.python:6} {cell.workload:10} {cell.threads:4} threads  {with_remarks(outcome, figures)}"


def show(outcomes: list[Outcome]) -> str:
    """A line for each workload, and for each Python: threads, what sampling takes of a core, and what the program loses."""
    pythons = list(dict.fromkeys(outcome.cell.python for outcome in outcomes))
    lines = [
        "| work |" + "".join(f" {python}: threads | of a core | tasks lost |" for python in pythons),
        "|---|" + "---:|---:|---:|" * len(pythons),
    ]
    by_place = {(outcome.cell.workload, outcome.cell.python): outcome for outcome in outcomes}
    for name in dict.fromkeys(outcome.cell.workload for outcome in outcomes):
        lines.append(f"| {WORKLOADS[name].title} |" + "".join(columns(by_place.get((name, python))) for python in pythons))
    summary = "| the most, and the mean of all pairs |"
    for python in pythons:
        known = [outcome.values for outcome in outcomes if outcome.cell.python == python and outcome.values]
        most = f"{max(values['share_of_core'] for values in known):.2%}" if known else "-"
        summary += f" | {most} | {loss_text([loss for values in known for loss in values['losses']])} |"
    return "\n".join([*lines, summary])


def columns(outcome: Outcome | None) -> str:
    if outcome is None:  # it was not reached
        return " - | - | - |"
    threads, values = outcome.cell.threads, outcome.values
    if values is None:
        reason = " ".join(f"did not finish: {outcome.failure}".split()).replace("|", "\\|")
        return f" {threads} | {reason} | - |"
    return f" {threads} | {values['share_of_core']:.2%} | {loss_text(values['losses'])}{' *' * outcome.disturbed} |"


def main() -> int:
    parser = Parser(
        prog="python -m evaluation.overhead",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = "which workloads (default: all but edge; edge: those with libraries, which are downloaded once)"
    parser.add_argument("--only", type=names_of([*THREADS, *GROUPS]), default=WITHOUT_LIBRARY, metavar="A,B", help=which)
    pythons = f"versions or paths (default: those of {', '.join(DEFAULTS)} that are there)"
    parser.add_argument("--pythons", type=listed, metavar="A,B", help=pythons)
    parser.add_argument("--pairs", type=number(int, 2), default=6, help="of slices, for each workload (default: %(default)s)")
    parser.add_argument("--seconds", type=number(float, 0.05), default=0.2, help="of a slice (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    options.only = list(dict.fromkeys(each for name in options.only for each in GROUPS.get(name, [name])))
    console = Console(stderr=True)
    return carry_out(lambda: run(options, console), console, "what was measured before is printed")


def run(options: argparse.Namespace, console: Console) -> None:
    pythons: list[Interpreter] = []
    outcomes: list[Outcome] = []
    try:
        with tempfile.TemporaryDirectory(prefix="betapool-overhead-") as packages:
            interpreters.copy_package(Path(packages))
            pythons += interpreters.choose(options.pythons, Path(packages), DEFAULTS)
            each = seconds_of(options.pairs, options.seconds)
            with Display(console, each * len(pythons) * len(options.only), line) as display:
                for python in pythons:
                    display.begin(f"{python.name}: what the workloads need")
                    this = prepared_run(python, Path(packages), options)
                    for name in options.only:
                        display.begin(f"{python.name} {name}")
                        outcomes.append(this.measure(name))
                        display.end(outcomes[-1], each)
    finally:  # Ctrl-C too: what was measured counts
        if outcomes:
            put(outcomes, pythons, as_json=options.json)
    if not any(outcome.values for outcome in outcomes):
        raise ValueError("nothing could be measured")


def prepared_run(python: Interpreter, packages: Path, options: argparse.Namespace) -> Run:
    cores, cache = sorted(os.sched_getaffinity(0)), cache_folder()
    setting = {**calibrate(python, cores[-1], packages), "cache": str(cache)}
    prepared = prepare(python, [WORKLOADS[name] for name in options.only], cache, packages, setting, cores)
    return Run(python, packages, {**setting, "waits": prepared.waits}, prepared, options.pairs, options.seconds)


def put(outcomes: list[Outcome], pythons: list[Interpreter], *, as_json: bool) -> None:
    cores = len(os.sched_getaffinity(0))
    if as_json:
        about = {"pythons": {python.name: python.version for python in pythons}, "cores": cores, "betapool": betapool.__version__}
        rows = []
        for outcome in outcomes:
            row = outcome._asdict()
            rows.append({**row.pop("cell")._asdict(), **(row.pop("values") or {}), **row})
        json.dump({**about, "workloads": rows}, sys.stdout, indent=2)
        print()
        return
    versions = ", ".join(python.version + " free-threaded" * python.free_threaded for python in pythons)
    marks = "; *: others used the machine meanwhile" * any(outcome.disturbed for outcome in outcomes)
    print(f"Python {versions}; {cores} cores; {RATE:g} looks a second at up to {VISITS} threads each{marks}\n\n{show(outcomes)}")


if __name__ == "__main__":
    leave(main)
