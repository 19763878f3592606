"""How close each way to choose a thread count comes to the best static one.

For each workload, interpreter and number of cores: a sweep of static counts finds the best, the oracle; then the strategies that choose a
count themselves take turns with it, each from a cold start.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from evaluation import children, interpreters, machine, report
from evaluation.plan import Durations, Group, core_numbers
from evaluation.progress import Display, duration
from evaluation.results import Results
from evaluation.runner import Folders, Runner, calibrate
from evaluation.strategies import LABELS, Strategy
from evaluation.workloads import TABLE_XI, WORKLOADS

EXAMPLES = """examples:
  make efficiency ARGS=--quick                                          three workloads in about 3 minutes
  python -m evaluation.efficiency --workloads micro,rag --pythons 3.11 --cores 1
  python -m evaluation.efficiency --workloads table-xi --rounds 1       the paper's Table XI
  python -m evaluation.efficiency --only-strategies adaptive --resume   a policy once more, after it was changed
  python -m evaluation.report .build/efficiency.jsonl --markdown        the tables of a run, for a document
"""
FULL = {"workloads": list(WORKLOADS), "cores": ["1", "all"], "seconds": 20.0, "static_seconds": 6.0, "rounds": 3}
QUICK = {"workloads": ["micro", "rag", "cpu"], "cores": ["all"], "seconds": 5.0, "static_seconds": 2.0, "rounds": 1}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m evaluation.efficiency",
        description=__doc__,
        epilog=EXAMPLES + "\nworkloads:\n" + "".join(f"  {name:10} {workload.title}\n" for name, workload in WORKLOADS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--workloads", type=_names([*WORKLOADS, "table-xi"]), metavar="A,B", help="which (default: all; table-xi: the paper's six rows)")
    add(
        "--pythons",
        type=_list,
        metavar="A,B",
        help=f"versions or paths (default: those of {', '.join(interpreters.DEFAULTS)} that are there)",
    )
    add("--cores", type=_cores, metavar="A,B", help="'all' or how many, by affinity (default: 1,all)")
    add("--seconds", type=_number(float, 1), metavar="S", help=f"of a run from a cold start ({_default('seconds')})")
    add("--static-seconds", type=_number(float, 0.5), metavar="S", help=f"of a run with a static count ({_default('static_seconds')})")
    add("--rounds", type=_number(int, 1), metavar="N", help=f"in which the strategies take turns ({_default('rounds')})")
    add("--only-strategies", type=_names(list(LABELS)), metavar="A,B", help=f"of {', '.join(LABELS)}")
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
    options.workloads = list(dict.fromkeys(each for name in options.workloads for each in (TABLE_XI if name == "table-xi" else [name])))
    return options


def _default(name: str) -> str:
    return f"default: {FULL[name]:g}; {QUICK[name]:g} with --quick"


def _list(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _names(known: list[str]) -> Any:
    def convert(text: str) -> list[str]:
        for name in _list(text):
            if name not in known:
                raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join(known)}")
        return _list(text)

    return convert


def _cores(text: str) -> list[str]:
    for name in _list(text):
        if name != "all" and not (name.isdecimal() and 1 <= int(name) <= len(os.sched_getaffinity(0))):
            raise argparse.ArgumentTypeError(f"{name!r} is neither 'all' nor from 1 to {len(os.sched_getaffinity(0))}")
    return _list(text)


def _number(kind: type, least: float) -> Any:
    def convert(text: str) -> Any:
        value = kind(text)
        if not least <= value <= 100_000:  # NaN is not either
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to 100000")
        return value

    convert.__name__ = "whole number" if kind is int else "number"  # for argparse's "invalid ... value"
    return convert


def open_results(options: argparse.Namespace, console: Console) -> Results:
    if not options.resume and options.json.exists():
        previous = options.json.with_name(options.json.name + ".previous")
        options.json.replace(previous)
        console.print(f"the results that were in {options.json} are now in {previous}", highlight=False, soft_wrap=True)
    return Results(options.json)


def run(options: argparse.Namespace, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="betapool-efficiency-") as packages:
        interpreters.copy_package(Path(packages))
        measure(options, console, Folders(Path(packages), cache_folder()))


def measure(options: argparse.Namespace, console: Console, folders: Folders) -> None:
    pythons = interpreters.choose(options.pythons, folders.packages)
    if options.quick and options.pythons is None:
        pythons = pythons[:1]
    results = open_results(options, console)
    described = machine.describe()
    available = described["cores"]
    known = earlier_settings(results)
    settings = {each.name: known.get((each.name, each.version)) or calibrate(each, available[-1], folders.packages) for each in pythons}
    durations = Durations(options.seconds, options.static_seconds, options.rounds)
    results.add_run(
        {
            "time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "machine": described,
            "interpreters": {python.name: python._asdict() for python in pythons},
            "settings": settings,
            "options": durations._asdict(),
        }
    )
    cores = {core_numbers(choice, available): choice for choice in options.cores}  # on a machine with one core, 1 is all
    groups = [
        Group(python, choice, numbers, WORKLOADS[name])
        for python in pythons
        for numbers, choice in cores.items()
        for name in options.workloads
    ]
    strategies = [Strategy(name) for name in options.only_strategies or LABELS]
    fine = not options.quick
    estimates = [durations.estimate(len(strategies), group.most_threads, fine=fine) for group in groups]
    for text in report.conditions(results):
        console.print(text, highlight=False, soft_wrap=True)
    console.print(f"at most {duration(sum(estimates))}; results go to {options.json}", highlight=False, soft_wrap=True)
    with Display(console, sum(estimates)) as display:
        runner = Runner(results, display, durations, settings, folders)
        for number, group in enumerate(groups, 1):
            runner.measure(group, strategies, available, fine=fine)
            display.reach(sum(estimates[:number]))


def earlier_settings(results: Results) -> dict[tuple[str, str], dict[str, Any]]:
    """Calibrations by name and version of the interpreter, of the run that is resumed: the tasks stay the same."""
    return {(name, described["version"]): run["settings"][name] for run in results.runs for name, described in run["interpreters"].items()}


def cache_folder() -> Path:
    """Where .ci/ keeps what is made once, too."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("BETAPOOL_CACHE") or Path(base, "betapool"), "evaluation")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def stop(_number: int, _frame: object) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not cut the tidying up short
    raise KeyboardInterrupt


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup and background jobs ignore some
            signal.signal(number, stop)
    console = report.wide_console()
    status = 0
    try:
        run(options, console)
    except BrokenPipeError:
        raise
    except (interpreters.Unusable, children.DidNotFinish, OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        console.print(f"\nstopped; --resume goes on with {options.json}", highlight=False, soft_wrap=True)
        status = 130
    left = children.end_leftovers()
    if left:
        console.print(f"error: these processes were left running, and are ended now: {', '.join(left)}", highlight=False, soft_wrap=True)
        status = 1
    results = Results(options.json)
    if results.outcomes:
        console.print()
        report.show(results, console)
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
