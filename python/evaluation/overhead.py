"""What `python -m betapool profile` costs the program that it looks at.

For each workload of `make efficiency`, on one pool of so many threads: the CPU time of the thread that samples, which the kernel counts, as
a share of a core; and what the program loses of its tasks, measured in pairs of slices of time with and without the profiler, of which the
mean and its 95 % confidence interval are given.
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
from evaluation import children, interpreters, services
from evaluation.command import Parser, carry_out, leave, listed, names_of, number
from evaluation.efficiency import WITHOUT_LIBRARY
from evaluation.interpreters import Interpreter
from evaluation.load import OVERTIME, SECONDS_TO_START
from evaluation.plan import OVERHEAD
from evaluation.profiling import PAUSE, WARM_UP, WATCHED
from evaluation.progress import Display
from evaluation.runner import calibrate
from evaluation.statistics import estimate
from evaluation.workloads import WORKLOADS

EXAMPLES = """examples:
  python -m evaluation.overhead
  python -m evaluation.overhead --only micro,rag --pairs 40 --pythons 3.11 --json
  make overhead | PYTHONPATH=python python3 -m evaluation.readme overhead
"""
DEFAULTS = ("3.11", "3.13t")
THREADS = {name: 16 for name in WITHOUT_LIBRARY} | {
    "io-1ms": 96,
    "io-20ms": 256,
    "cpu": 4,
    "digest": 2,
    "bimodal": 24,
    "lock": 12,
    "upstream": 12,
    "long": 256,
}
"""As many as do all the work, or more; 256 where there are as many that wait."""
MOST_IF_FREE_THREADED = 64
SLEEPERS = ("long",)
"""Without a GIL more than that are no good where they are runnable at once, but these hardly ever are."""


class Row(NamedTuple):
    workload: str
    python: str
    threads: int
    alone: float
    profiled: float
    """Tasks a second."""
    share_of_core: float
    """What sampling takes."""
    share_of_process: float
    """The same, of the CPU time of the process."""
    losses: Sequence[float]
    """Of each pair of slices: the share of the tasks that was lost."""


def threads_of(name: str, free_threaded: bool) -> int:
    return min(THREADS[name], MOST_IF_FREE_THREADED) if free_threaded and name not in SLEEPERS else THREADS[name]


def seconds_of(pairs: int, seconds: float) -> float:
    """That a workload takes."""
    return OVERHEAD + (1 + OVERTIME) * (WARM_UP + WATCHED + 2 * pairs * (seconds + 2 * PAUSE))


def measure(name: str, python: Interpreter, packages: Path, setting: dict[str, Any], pairs: int, seconds: float) -> Row:
    threads = threads_of(name, python.free_threaded)
    limit = 2 * seconds_of(pairs, seconds) + WORKLOADS[name].longest_task + SECONDS_TO_START
    with services.upstream(os.sched_getaffinity(0)) if WORKLOADS[name].service else contextlib.nullcontext() as service:
        request = {
            "workload": name,
            "threads": threads,
            "setting": {**setting, "port": service and service.port},
            "pairs": pairs,
            "seconds": seconds,
        }
        try:
            found = children.call(python.path, "profiling", request, limit, packages)
        except children.DidNotFinish as error:
            raise children.DidNotFinish(f"{name} on Python {python.name}: {error}") from None
    losses = [1 - with_it / without for with_it, without in zip(found["profiled"], found["alone"])]
    alone, profiled = (sum(found[key]) / pairs for key in ("alone", "profiled"))
    return Row(name, python.name, threads, alone, profiled, found["share_of_core"], found["share_of_process"], losses)


def loss_text(losses: Sequence[float]) -> str:
    found = estimate(losses)
    if found is None:
        return "-"
    return f"{found.mean:+.1%}" + ("" if found.margin is None else f" ± {found.margin:.1%}")


def row_text(row: Row) -> str:
    sampling = f"{row.share_of_core:6.2%} of a core, {row.share_of_process:6.2%} of the process"
    rate = f"{row.alone:10,.1f} tasks/s alone, {loss_text(row.losses)} lost"
    return f"{row.python:6} {row.workload:10} {row.threads:4} threads  {sampling}  {rate}"


def show(rows: list[Row]) -> str:
    """A line for each workload, and for each Python: threads, what sampling takes of a core, and what the program loses."""
    pythons = list(dict.fromkeys(row.python for row in rows))
    lines = [
        "| work |" + "".join(f" {python}: threads | of a core | tasks lost |" for python in pythons),
        "|---|" + "---:|---:|---:|" * len(pythons),
    ]
    by_place = {(row.workload, row.python): row for row in rows}
    for name in dict.fromkeys(row.workload for row in rows):
        line = f"| {WORKLOADS[name].title} |"
        for python in pythons:
            row = by_place.get((name, python))
            line += f" {row.threads} | {row.share_of_core:.2%} | {loss_text(row.losses)} |" if row else " - | - | - |"
        lines.append(line)
    line = "| the most, and the mean of all pairs |"
    for python in pythons:
        own = [row for row in rows if row.python == python]
        most, losses = max(row.share_of_core for row in own), [loss for row in own for loss in row.losses]
        line += f" | {most:.2%} | {loss_text(losses)} |"
    return "\n".join([*lines, line])


def main() -> int:
    parser = Parser(
        prog="python -m evaluation.overhead",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=names_of(list(THREADS)), default=list(THREADS), metavar="A,B", help="which workloads (default: all)")
    pythons = f"versions or paths (default: those of {', '.join(DEFAULTS)} that are there)"
    parser.add_argument("--pythons", type=listed, metavar="A,B", help=pythons)
    parser.add_argument("--pairs", type=number(int, 2), default=6, help="of slices, for each workload (default: %(default)s)")
    parser.add_argument("--seconds", type=number(float, 0.05), default=0.2, help="of a slice (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    console = Console(stderr=True)
    return carry_out(lambda: run(options, console), console, "what was measured is not kept")


def run(options: argparse.Namespace, console: Console) -> None:
    rows = []
    each = seconds_of(options.pairs, options.seconds)
    with tempfile.TemporaryDirectory(prefix="betapool-overhead-") as folder:
        packages = Path(folder)
        interpreters.copy_package(packages)
        pythons = interpreters.choose(options.pythons, packages, DEFAULTS)
        with Display(console, each * len(pythons) * len(options.only), row_text) as display:
            for python in pythons:
                setting = calibrate(python, max(os.sched_getaffinity(0)), packages)
                for name in options.only:
                    display.begin(f"{python.name} {name}")
                    rows.append(measure(name, python, packages, setting, options.pairs, options.seconds))
                    display.end(rows[-1], each)
    cores = len(os.sched_getaffinity(0))
    if options.json:
        about = {"pythons": {python.name: python.version for python in pythons}, "cores": cores, "betapool": betapool.__version__}
        json.dump({**about, "workloads": [row._asdict() for row in rows]}, sys.stdout, indent=2)
        print()
        return
    versions = ", ".join(python.version + (" free-threaded" if python.free_threaded else "") for python in pythons)
    print(f"Python {versions}; {cores} cores; {RATE:g} looks a second at up to {VISITS} threads each\n\n{show(rows)}")


if __name__ == "__main__":
    leave(main)
