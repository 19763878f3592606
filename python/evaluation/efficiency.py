"""How close each way to choose a thread count comes to the best static one.

For each workload, interpreter and number of cores: a sweep of static counts finds the best, the oracle; then the strategies that choose a
count themselves take turns with it, each from a cold start.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from evaluation import interpreters, machine, report
from evaluation.command import Parser, cache_folder, carry_out, keep_previous, leave, listed, names_of, number
from evaluation.edge.preparation import prepare
from evaluation.plan import Durations, Group, core_numbers, overhead_of
from evaluation.progress import Display, duration
from evaluation.results import Results
from evaluation.runner import Folders, Runner, calibrate
from evaluation.strategies import LABELS, Strategy
from evaluation.workloads import EDGE, TABLE_XI, WORKLOADS

EXAMPLES = """examples:
  make efficiency ARGS=--quick                                          three workloads in about 3 minutes
  python -m evaluation.efficiency --workloads micro,rag --pythons 3.11 --cores 1
  python -m evaluation.efficiency --workloads table-xi --rounds 1       the paper's Table XI
  python -m evaluation.efficiency --workloads edge --cores all          its Table XIII: NumPy, SQLite, pandas, ONNX Runtime
  python -m evaluation.efficiency --only-strategies adaptive --resume   a policy once more, after it was changed
  python -m evaluation.report .build/efficiency.jsonl --markdown        the tables of a run, for a document
"""
GROUPS = {"table-xi": TABLE_XI, "edge": EDGE}
"""Names for several workloads."""
WITHOUT_LIBRARY = [name for name, workload in WORKLOADS.items() if workload.library is None]
FULL = {"workloads": WITHOUT_LIBRARY, "cores": ["1", "all"], "seconds": 20.0, "static_seconds": 6.0, "rounds": 3}
QUICK = {"workloads": ["micro", "rag", "cpu"], "cores": ["all"], "seconds": 5.0, "static_seconds": 2.0, "rounds": 1}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m evaluation.efficiency",
        description=__doc__,
        epilog=EXAMPLES + "\nworkloads:\n" + "".join(f"  {name:10} {workload.title}\n" for name, workload in WORKLOADS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    which = "which (default: all but edge; table-xi: the paper's six rows; edge: its seven with libraries, which are downloaded once)"
    add("--workloads", type=names_of([*WORKLOADS, *GROUPS]), metavar="A,B", help=which)
    add(
        "--pythons",
        type=listed,
        metavar="A,B",
        help=f"versions or paths (default: those of {', '.join(interpreters.DEFAULTS)} that are there)",
    )
    add("--cores", type=parse_cores, metavar="A,B", help="'all' or how many, by affinity (default: 1,all)")
    add("--seconds", type=number(float, 1), metavar="S", help=f"of a run in a round ({_default('seconds')})")
    sweep = f"of a run in the sweep of static counts ({_default('static_seconds')})"
    add("--static-seconds", type=number(float, 0.5), metavar="S", help=sweep)
    add("--rounds", type=number(int, 1), metavar="N", help=f"in which the strategies take turns ({_default('rounds')})")
    add("--only-strategies", type=names_of(list(LABELS)), metavar="A,B", help=f"of {', '.join(LABELS)}")
    threads = "that a library may use for one task: one (default), or as-they-come, as many as it takes by itself; for edge"
    add("--library-threads", choices=("one", "as-they-come"), default="one", help=threads)
    add("--quick", action="store_true", help="a few workloads, one interpreter, short runs, and only powers of two as static counts")
    add(
        "--json",
        type=Path,
        default=Path(".build/efficiency.jsonl"),
        metavar="FILE",
        help="results, one JSON object a line (default: %(default)s)",
    )
    resumed = "go on with that file: what it has is not measured again, but for what did not finish and for policies of another build"
    add("--resume", action="store_true", help=resumed)
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.workloads = list(dict.fromkeys(each for name in options.workloads for each in GROUPS.get(name, [name])))
    return options


def _default(name: str) -> str:
    return f"default: {FULL[name]:g}; {QUICK[name]:g} with --quick"


def parse_cores(text: str) -> list[str]:
    for name in listed(text):
        if name != "all" and not (name.isdecimal() and 1 <= int(name) <= len(os.sched_getaffinity(0))):
            raise argparse.ArgumentTypeError(f"{name!r} is neither 'all' nor from 1 to {len(os.sched_getaffinity(0))}")
    return listed(text)


def open_results(options: argparse.Namespace, console: Console) -> Results:
    if not options.resume:
        keep_previous(options.json, console)
    return Results(options.json)


def run(options: argparse.Namespace, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="betapool-efficiency-") as packages:
        interpreters.copy_package(Path(packages))
        measure(options, console, Path(packages), cache_folder())


def measure(options: argparse.Namespace, console: Console, packages: Path, cache: Path) -> None:
    """packages: where this project's betapool is."""
    pythons = interpreters.choose(options.pythons, packages)
    if options.quick and options.pythons is None:
        pythons = pythons[:1]
    results = open_results(options, console)
    require_same_threads(options, results)
    described = machine.describe()
    available = described["cores"]
    known = earlier_settings(results)
    settings = {each.name: known.get((each.name, each.version)) or calibrate(each, available[-1], packages) for each in pythons}
    workloads = [WORKLOADS[name] for name in options.workloads]
    prepared = {}
    for python in pythons:
        setting = settings[python.name]
        setting.update(cache=str(cache), library_threads=options.library_threads)
        if any(workload.library for workload in workloads):
            console.print(f"Python {python.name}: preparing the libraries, which are downloaded the first time", highlight=False)
        prepared[python.name] = prepare(python, workloads, cache, packages, setting, available)
        setting["waits"] = prepared[python.name].waits
    left_out = [f"Python {name}, {each} left out: {why}" for name, here in prepared.items() for each, why in here.left_out.items()]
    durations = Durations(options.seconds, options.static_seconds, options.rounds)
    results.add_run(
        {
            "time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "machine": described,
            "interpreters": {python.name: python._asdict() for python in pythons},
            "settings": settings,
            "options": {**durations._asdict(), "library_threads": options.library_threads},
            "left_out": left_out,
        }
    )
    cores = {core_numbers(choice, available): choice for choice in options.cores}  # on a machine with one core, 1 is all
    groups = [
        Group(python, choice, numbers, workload, options.library_threads)
        for python in pythons
        for numbers, choice in cores.items()
        for workload in workloads
        if workload.name not in prepared[python.name].left_out
    ]
    if not groups:
        raise interpreters.Unusable("nothing is left to measure: " + "; ".join(left_out))
    strategies = [Strategy(name) for name in options.only_strategies or LABELS]
    fine = not options.quick
    estimates = [
        durations.estimate(len(strategies), group.most_threads, fine=fine, overhead=overhead_of(group.workload)) for group in groups
    ]
    for text in report.conditions(results):
        console.print(text, highlight=False, soft_wrap=True)
    console.print(f"at most {duration(sum(estimates))}; results go to {options.json}", highlight=False, soft_wrap=True)
    libraries = {(python, name): folder for python, here in prepared.items() for name, folder in here.libraries.items()}
    folders = Folders(packages, cache, libraries)
    with Display(console, sum(estimates)) as display:
        runner = Runner(results, display, durations, settings, folders)
        for done, group in enumerate(groups, 1):
            runner.measure(group, strategies, available, fine=fine)
            display.reach(sum(estimates[:done]))


def require_same_threads(options: argparse.Namespace, results: Results) -> None:
    """Of libraries: a run that is resumed had as many, or its figures are not comparable."""
    for run in results.runs:
        earlier = run["options"].get("library_threads", options.library_threads)
        if earlier != options.library_threads:
            raise ValueError(f"{results.path} was measured with --library-threads {earlier}: name another file with --json")


def earlier_settings(results: Results) -> dict[tuple[str, str], dict[str, Any]]:
    """Calibrations by name and version of the interpreter, of the run that is resumed: the tasks stay the same."""
    return {(name, described["version"]): run["settings"][name] for run in results.runs for name, described in run["interpreters"].items()}


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    console = report.wide_console()
    status = carry_out(lambda: run(options, console), console, f"--resume goes on with {options.json}")
    results = Results(options.json)
    if results.outcomes:
        console.print()
        report.show(results, console)
    return status


if __name__ == "__main__":
    leave(main)
