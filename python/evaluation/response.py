"""How soon the pool follows its work, and what its control costs.

shift      I/O for as many as 128 threads from a cold start, then pure computing, then I/O again: seconds to 95 % of each one's own rate
neighbour  another process computes on one of the cores for a while: the thread count must not run away
nested     tasks that submit a task and wait for it, a thousand deep: threads are added until they progress
control    the CPU that the pool's own threads use beside so many workers
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
from typing import Any, Callable

import betapool
from evaluation import timeline
from evaluation.load import ClosedLoop
from evaluation.pools import BetaPool
from evaluation.watch import Watch, cpu_share, native_ids
from evaluation.workloads import Setting, Task, loop_and_sleep

EXAMPLES = """examples:
  python -m evaluation.response
  python -m evaluation.response --only shift --seconds 3 --json
"""
MOST_THREADS = 128
SETTING = Setting(0, 0)
"""These tasks do not depend on how fast the interpreter is."""
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
WORKERS = (8, 64, 500) if FREE_THREADED else (8, 64, 500, 2000)
"""Without a GIL more runnable threads than some hundreds take minutes to get anywhere."""
NEIGHBOUR = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.getppid() == int(sys.argv[2]):
    sum(range(100_000))
"""



def follow(
    task_of_phase: list[Task], names: list[str], seconds: float, at_phase: Callable[[int], object] = lambda _: None
) -> list[dict[str, Any]]:
    """Runs one phase after the other on one pool. `at_phase` is called as each begins; the last task goes on through the phases left."""
    began = time.monotonic()

    def task() -> None:
        task_of_phase[min(int((time.monotonic() - began) / seconds), len(task_of_phase) - 1)]()

    pool = BetaPool("adaptive", MOST_THREADS)
    with pool.executor:
        loop = ClosedLoop(task, 2 * MOST_THREADS + 64, began, seconds * len(names))
        watch = Watch(loop, pool, native_ids())
        loop.start(pool.executor)
        for number in range(len(names)):
            at_phase(number)
            watch.until(began + seconds * (number + 1))
        loop.wait()
    if loop.failures:
        raise loop.failures[0]
    return [describe(name, loop, watch, began + seconds * number, seconds) for number, name in enumerate(names)]


def describe(name: str, loop: ClosedLoop, watch: Watch, began: float, seconds: float) -> dict[str, Any]:
    done = timeline.build([since(spans, began) for spans in loop.spans()], began, seconds)
    half = began + seconds / 2
    counts = [count for moment, count in watch.seen if half <= moment <= began + seconds]
    return {
        "phase": name,
        "tasks_per_second": done.steady_rate,
        "settled": done.seconds_to_settle(),
        "least_threads": min(counts),
        "most_threads": max(counts),
    }


def since(spans: Any, moment: float) -> list[float]:
    """Start, end, start, end, ... of the tasks that began after that moment."""
    pairs = zip(spans[::2], spans[1::2])
    return [time for start, end in pairs if start >= moment for time in (start, end)]


def shift(seconds: float) -> list[dict[str, Any]]:
    io, cpu = loop_and_sleep(100, 0.020)(SETTING), loop_and_sleep(20_000, 0)(SETTING)
    return follow([io, cpu, io], ["I/O, from a cold start", "pure computing", "I/O again"], seconds)


def neighbour(seconds: float) -> list[dict[str, Any]]:
    processes: list[subprocess.Popen[bytes]] = []

    def at_phase(number: int) -> None:
        if number == 1:
            core = str(max(os.sched_getaffinity(0)))
            processes.append(subprocess.Popen([sys.executable, "-c", NEIGHBOUR, core, str(os.getpid())]))
        if number == 2:
            processes[0].kill()

    task = loop_and_sleep(1000, 0.0001)(SETTING)
    try:
        return follow([task], ["alone", "a neighbour computes on one core", "alone again"], seconds, at_phase)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def nested(depth: int) -> dict[str, Any]:
    with betapool.AdaptiveThreadPoolExecutor() as pool:

        def descend(left: int) -> int:
            return 1 + pool.submit(descend, left - 1).result() if left else 0

        began = time.monotonic()
        assert pool.submit(descend, depth).result() == depth
        return {"depth": depth, "seconds": time.monotonic() - began, "threads": pool.stats().threads_started}


def control(workers: int, seconds: float) -> dict[str, Any]:
    bystanders = native_ids()
    pool = BetaPool("adaptive", workers, min_workers=workers)
    with pool.executor:
        began = time.monotonic()
        loop = ClosedLoop(lambda: time.sleep(0.25), 2 * workers, began, 1.5 + seconds)
        watch = Watch(loop, pool, bystanders)
        loop.start(pool.executor)
        watch.until(began + 1.5)
        before = watch.control_cpu()
        watch.until(began + 1.5 + seconds)
        share = cpu_share(before, watch.control_cpu())
        loop.wait()
    return {"workers": workers, "share_of_a_core": share}


def show_phases(rows: list[dict[str, Any]]) -> str:
    lines = ["| work | threads | tasks/s | 95 % of that after |", "|---|---:|---:|---:|"]
    for row in rows:
        least, most = row["least_threads"], row["most_threads"]
        threads = str(most) if least == most else f"{least}-{most}"
        lines.append(f"| {row['phase']} | {threads} | {row['tasks_per_second']:,.0f} | {row['settled']:.2f} s |")
    return "\n".join(lines)


def show_nested(row: dict[str, Any]) -> str:
    return f"{row['depth']:,} tasks that each wait for the next are done after {row['seconds']:.2f} s, by {row['threads']:,} threads."


def show_control(rows: list[dict[str, Any]]) -> str:
    head = "| workers | " + " | ".join(f"{row['workers']:,}" for row in rows) + " |"
    shares = " | ".join("-" if row["share_of_a_core"] is None else f"{row['share_of_a_core']:.2%}" for row in rows)
    return f"{head}\n|---|{'---:|' * len(rows)}\n| control, of one core | {shares} |"


SECTIONS: dict[str, tuple[Callable[[float], Any], Callable[[Any], str]]] = {
    "shift": (shift, show_phases),
    "neighbour": (neighbour, show_phases),
    "nested": (lambda _: nested(1000), show_nested),
    "control": (lambda seconds: [control(workers, seconds) for workers in WORKERS], show_control),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.response",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="A,B", help="which of these (default: all)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of a phase, at least 1 (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    names = options.only.split(",")
    if not set(names) <= set(SECTIONS) or not 1 <= options.seconds <= 3600:
        parser.error(f"--only takes some of {', '.join(SECTIONS)}; --seconds 1 to 3600")
    found: dict[str, Any] = {"python": sys.version.split()[0], "free_threaded": FREE_THREADED}
    if not options.json:
        print(f"Python {found['python']}{' free-threaded' if FREE_THREADED else ''}, {len(os.sched_getaffinity(0))} cores\n", flush=True)
    for name in names:
        measure, show = SECTIONS[name]
        found[name] = measure(options.seconds)
        if not options.json:
            print(show(found[name]) + "\n", flush=True)
    if options.json:
        json.dump(found, sys.stdout, indent=2)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
