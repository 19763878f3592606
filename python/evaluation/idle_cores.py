"""What it costs that idle cores go to sleep, where threads hand the GIL to each other.

Whoever is given the GIL has often slept, and so has its core. A virtual core comes back late, for the host has had it meanwhile: no thread
count can do anything about that. Here static counts of ThreadPoolExecutor run in turns as they are and beside a process of the idle class
on each core: it runs only where nobody else wants to, so that no core sleeps.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rich.console import Console
from rich.progress import track

from evaluation import timeline
from evaluation.command import Parser, listed, number
from evaluation.load import ClosedLoop, hold_workers
from evaluation.workloads import Setting, loop_and_sleep

EXAMPLES = """examples:
  python -m evaluation.idle_cores
  python -m evaluation.idle_cores --threads 16,64 --rounds 3 --json
"""
TASK = loop_and_sleep(100_000, 0.030)
"""Some 5 ms of computing, then I/O."""
IDLE_CLASS = """
import os, sys
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.getppid() == int(sys.argv[2]):
    sum(range(100_000))
"""


@contextlib.contextmanager
def awake(cores: set[int]) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-c", IDLE_CLASS, str(core), str(os.getpid())]) for core in sorted(cores)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def tasks_per_second(threads: int, seconds: float) -> float:
    with ThreadPoolExecutor(threads) as pool:
        release = hold_workers(pool, threads)
        began = time.monotonic()
        loop = ClosedLoop(TASK(Setting(0, 0)), 2 * threads + 64, began, seconds)
        release()
        loop.start(pool)
        loop.wait()
    if loop.failures:
        raise loop.failures[0]
    return timeline.build(loop.spans(), began, seconds).steady_rate


def measure(counts: list[int], rounds: int, seconds: float) -> list[dict[str, Any]]:
    seen: dict[tuple[int, bool], list[float]] = {(count, is_awake): [] for is_awake in (False, True) for count in counts}
    console = Console(stderr=True)
    for count, is_awake in track(rounds * [*seen], "measuring", console=console, transient=True, disable=not console.is_terminal):
        with awake(os.sched_getaffinity(0)) if is_awake else contextlib.nullcontext():
            seen[count, is_awake].append(tasks_per_second(count, seconds))
    return [{"threads": count, "as_they_are": seen[count, False], "kept_awake": seen[count, True]} for count in counts]


def show(rows: list[dict[str, Any]]) -> str:
    def of(rates: list[float]) -> str:
        return f"{statistics.median(rates):.0f} ({min(rates):.0f}-{max(rates):.0f})"

    lines = ["| threads | tasks/s, idle cores sleep | idle cores are kept awake | |", "|---:|---:|---:|---:|"]
    for row in rows:
        gain = statistics.median(row["kept_awake"]) / statistics.median(row["as_they_are"]) - 1
        lines.append(f"| {row['threads']} | {of(row['as_they_are'])} | {of(row['kept_awake'])} | {gain:+.0%} |")
    return "\n".join(lines)


def counts_of(text: str) -> list[int]:
    return [number(int, 1)(each) for each in listed(text)]


def main() -> int:
    parser = Parser(
        prog="python -m evaluation.idle_cores",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", type=counts_of, default=[4, 8, 16, 64], metavar="A,B", help="static counts (default: 4,8,16,64)")
    parser.add_argument("--rounds", type=number(int, 1), default=5, metavar="N", help="in which all take turns (default: %(default)s)")
    parser.add_argument("--seconds", type=number(float, 0.5), default=2.0, metavar="S", help="of a run (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    rows = measure(options.threads, options.rounds, options.seconds)
    version = sys.version.split()[0]
    if options.json:
        json.dump({"python": version, "cores": len(os.sched_getaffinity(0)), "rows": rows}, sys.stdout, indent=2)
        print()
    else:
        place = f"Python {version}, {len(os.sched_getaffinity(0))} cores"
        print(f"{place}; median of {options.rounds} rounds in turns (least-most)\n\n{show(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
