"""What free-threaded CPython does not find again of objects that one thread makes and another lets go, in any pool: gh-145615.

Resident memory at equal numbers of tasks, with the standard library's pool and with this one. Each task returns, or raises: then its
exception, traceback and frame are made by the worker and let go by the submitter. When these are what a page of the worker's heap is full
of, and a collection comes before the worker needs another page, the page stays with the worker, empty, as long as the worker lives.

Runs in the interpreter that it is about, and needs nothing but betapool.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import gc
import os
import subprocess
import sys
from typing import Callable

from betapool import AdaptiveThreadPoolExecutor

THREADS = 4
BATCH = 500
COLLECTED = 2000
"""Tasks between two collections."""
SECONDS = 300

POOLS: dict[str, Callable[[int], concurrent.futures.Executor]] = {
    "ThreadPoolExecutor": concurrent.futures.ThreadPoolExecutor,
    "betapool": lambda threads: AdaptiveThreadPoolExecutor(threads, policy="fixed"),
}


def returning() -> None:
    pass


def raising() -> None:
    raise LookupError


TASKS = {"return": returning, "raise": raising}


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def measure(pool_name: str, task_name: str, count: int) -> tuple[int, int]:
    """Bytes after a quarter of the tasks, and after all."""
    task = TASKS[task_name]
    with POOLS[pool_name](THREADS) as pool:

        def run(tasks: range) -> int:
            for number in tasks:
                futures = [pool.submit(task) for _ in range(BATCH)]
                for future in futures:
                    future.exception()
                del futures, future
                if number % COLLECTED == 0:
                    gc.collect()
            gc.collect()
            return resident()

        return run(range(0, count // 4, BATCH)), run(range(count // 4, count, BATCH))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evaluation.torture.stranded", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--tasks", type=int, default=400_000, help="for each pool and kind of task (default: %(default)s)")
    parser.add_argument("--one", nargs=2, metavar=("POOL", "TASK"), help="in this process, as two numbers of bytes")
    options = parser.parse_args()
    if options.one:
        print(*measure(*options.one, options.tasks))
        return
    python = f"Python {sys.version.split()[0]}{getattr(sys, 'abiflags', '')}"
    print(f"{python}, {THREADS} threads; resident memory after {options.tasks // 4:,} and after {options.tasks:,} tasks", flush=True)
    for task in TASKS:
        for pool in POOLS:
            command = [sys.executable, "-m", "evaluation.torture.stranded", "--one", pool, task, "--tasks", str(options.tasks)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=True)
            early, late = (int(word) / 2**20 for word in done.stdout.split())
            print(f"  tasks that {task:6}  {pool:18}  {early:6.1f}  {late:6.1f} MiB", flush=True)


if __name__ == "__main__":
    main()
