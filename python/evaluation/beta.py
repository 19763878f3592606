"""Why beta alone is not enough: the blocking ratio of work that never blocks.

Runs pure-Python computing, with no I/O at all, on 1 to 64 threads, and prints what the paper's beta (1 - cpu/wall) says of it beside
beta_io, which wait states give. A thread that waits for the GIL sleeps: beta takes it for I/O, beta_io does not.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time

import betapool

HEADER = """\
| threads | tasks/s | beta | Algorithm 1 on beta | beta_io | Algorithm 1 on beta_io |
|---:|---:|---:|---|---:|---|"""

EXAMPLES = """examples:
  python -m evaluation.beta
  python -m evaluation.beta --threads 1,2,32 --seconds 1 --json
"""


def compute(iterations: int) -> None:
    total = 0
    for number in range(iterations):
        total += number


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def measure(threads: int, seconds: float, iterations: int) -> dict[str, float]:
    """A pool of exactly that many threads, kept busy; its controller only looks on."""
    with betapool.AdaptiveThreadPoolExecutor(threads, min_workers=threads, policy="paper", interval=0.1) as pool:
        is_over = False

        def task() -> None:
            compute(iterations)
            if not is_over:
                pool.submit(task)  # the next one: so the queue is never empty, and nobody waits to fill it

        for _ in range(4 * threads):
            pool.submit(task)
        while pool.stats().threads < threads:
            time.sleep(0.01)
        time.sleep(0.3)  # all threads are at work
        before, start = pool.stats(), time.monotonic()
        time.sleep(seconds)
        after, stop = pool.stats(), time.monotonic()
        is_over = True
        seen = [decision for decision in pool.decisions() if start <= decision.time <= stop]
    return {
        "threads": threads,
        "tasks_per_second": (after.completed - before.completed) / (stop - start),
        "beta": mean([decision.beta for decision in seen if decision.beta is not None]),
        "beta_io": mean([decision.beta_io for decision in seen if decision.beta_io is not None]),
    }


def verdict(beta: float, threshold: float = 0.3) -> str:
    return "grow" if beta > threshold else "veto"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.beta",
        description=__doc__.split("\n")[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--threads", default="1,2,4,8,16,32,64", help="thread counts, comma-separated (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds for each count (default: %(default)s)")
    parser.add_argument("--iterations", type=int, default=20_000, help="loop iterations of a task (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    try:
        counts = [int(count) for count in options.threads.split(",")]
    except ValueError:
        parser.error("--threads takes numbers, e.g. 1,2,32")
    rows = []
    for count in counts:
        rows.append(measure(count, options.seconds, options.iterations))
        if not options.json:
            row = rows[-1]
            if len(rows) == 1:
                print(HEADER)
            print(
                f"| {count} | {row['tasks_per_second']:,.0f} | {row['beta']:.3f} | {verdict(row['beta'])}"
                f" | {row['beta_io']:.3f} | {verdict(row['beta_io'])} |",
                flush=True,
            )
    if options.json:
        json.dump({"python": sys.version.split()[0], "rows": rows}, sys.stdout, indent=2)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
