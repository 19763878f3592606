"""What `python -m betapool profile` costs the program that it looks at.

Each workload runs on one pool of so many threads. The profiler looks in every other slice of time, in turns that cancel a drifting machine
(without, with, with, without). What a pair of slices differs by is the cost; of all pairs the mean, and its 95 % confidence interval.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import sysconfig
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.progress import track

import betapool
from betapool._profile import session
from evaluation.calibration import calibrate
from evaluation.command import Parser, names_of, number
from evaluation.load import ClosedLoop
from evaluation.pools import BetaPool
from evaluation.statistics import estimate
from evaluation.workloads import WORKLOADS, Setting

EXAMPLES = """examples:
  python -m evaluation.overhead
  python -m evaluation.overhead --only micro,rag --pairs 40 --json
"""
THREADS = {"micro": 16, "rag": 16, "io-1ms": 96, "io-20ms": 256, "cpu": 4, "digest": 2, "bimodal": 24, "lock": 12, "long": 256}
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
MOST_THREADS = 64 if FREE_THREADED else 256
"""Without a GIL more that are runnable take minutes to get anywhere."""
WARM_UP = 1.0
PAUSE = 0.05
"""Seconds after the profiler has come or gone."""


def measure(name: str, pairs: int, seconds: float, setting: Setting) -> dict[str, Any]:
    threads = min(THREADS[name], MOST_THREADS)
    pool = BetaPool("fixed", threads)
    slices: list[tuple[float, float]] = []
    with pool.executor:
        began = time.monotonic()
        loop = ClosedLoop(WORKLOADS[name].make(setting), 2 * threads + 64, began, WARM_UP + 2 * pairs * (seconds + 2 * PAUSE))
        loop.start(pool.executor)
        time.sleep(WARM_UP)
        for number in range(2 * pairs):
            profiler = session.Session() if is_profiled(number) else None
            if profiler:
                profiler.start()
            time.sleep(PAUSE)
            start = time.monotonic()
            time.sleep(seconds)
            slices.append((start, time.monotonic()))
            if profiler:
                profiler.stop()
        is_late = loop.is_over()
        loop.wait()
    if loop.failures:
        raise loop.failures[0]
    if is_late:
        raise RuntimeError(f"{name}: the machine is too busy, the load ended before the last slice: run it again, or with longer --seconds")
    rates = [done / (end - start) for done, (start, end) in zip(done_in(slices, loop.spans()), slices)]
    alone = [rate for number, rate in enumerate(rates) if not is_profiled(number)]
    profiled = [rate for number, rate in enumerate(rates) if is_profiled(number)]
    cost = estimate(1 - with_it / without for with_it, without in zip(profiled, alone))
    assert cost is not None
    return {
        "workload": name,
        "title": WORKLOADS[name].title,
        "threads": threads,
        "alone": sum(alone) / pairs,
        "profiled": sum(profiled) / pairs,
        "cost": cost.mean,
        "margin": cost.margin,
    }


def is_profiled(number: int) -> bool:
    return number % 4 in (1, 2)


def done_in(slices: Sequence[tuple[float, float]], threads: Iterable[Sequence[float]]) -> list[float]:
    """Tasks done in each slice; one that was under way in several, or between them, counts by its share. `threads`: ClosedLoop.spans()."""
    ends = [end for _, end in slices]
    done = [0.0] * len(slices)
    for spans in threads:
        for start, end in zip(spans[::2], spans[1::2]):
            number = bisect_right(ends, start)
            while number < len(slices) and slices[number][0] < end:
                shared = min(end, slices[number][1]) - max(start, slices[number][0])
                done[number] += shared / (end - start)
                number += 1
    return done


def show(rows: list[dict[str, Any]]) -> str:
    lines = ["| work | threads | tasks/s alone | profiled | cost (95 % confidence) |", "|---|---:|---:|---:|---:|"]
    for row in rows:
        margin = "" if row["margin"] is None else f" ± {row['margin']:.1%}"
        lines.append(f"| {row['title']} | {row['threads']} | {row['alone']:,.0f} | {row['profiled']:,.0f} | {row['cost']:+.1%}{margin} |")
    return "\n".join(lines)


def main() -> int:
    parser = Parser(
        prog="python -m evaluation.overhead",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", type=names_of(list(THREADS)), default=list(THREADS), metavar="A,B", help="which workloads (default: all)")
    parser.add_argument("--pairs", type=number(int, 2), default=16, help="of slices, for each workload (default: %(default)s)")
    parser.add_argument("--seconds", type=number(float, 0.05), default=0.5, help="of a slice (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    setting = calibrate()
    console = Console(stderr=True)
    turns = track(options.only, "", console=console, transient=True, disable=not console.is_terminal)
    rows = [measure(name, options.pairs, options.seconds, setting) for name in turns]
    about = {"python": sys.version.split()[0], "free_threaded": FREE_THREADED, "cores": len(os.sched_getaffinity(0))}
    if options.json:
        json.dump({**about, "betapool": betapool.__version__, "workloads": rows}, sys.stdout, indent=2)
        print()
    else:
        print(f"Python {about['python']}{' free-threaded' if FREE_THREADED else ''}, {about['cores']} cores, ", end="")
        print(f"{session.RATE:g} looks a second at {session.VISITS} threads\n\n{show(rows)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
