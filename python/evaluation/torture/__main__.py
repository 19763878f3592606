"""Interpreters that end, processes that fork, limits that are reached: each in many repetitions, with a hard limit of time.

Nothing may crash, hang, or lose a task that was accepted.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from evaluation.command import Parser, leave, number
from evaluation.progress import Display, duration
from evaluation.torture import forks, limits, lives
from evaluation.torture.trial import Trial, Verdict, run

GROUPS = {"lives": lives.trials, "forks": forks.trials, "limits": limits.trials}

EXAMPLES = """examples:
  python -m evaluation.torture                          each once, on this interpreter
  python -m evaluation.torture --times 100 --only lives
  python -m evaluation.torture --pythons python3.11,python3.13t --json lives.json
"""


def main() -> int:
    parser = Parser(
        prog="python -m evaluation.torture",
        description=__doc__.split("\n")[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default=",".join(GROUPS), help="of %(default)s, comma-separated")
    parser.add_argument("--times", type=number(int, 1), default=1, help="repetitions of each (default: %(default)s)")
    parser.add_argument("--pythons", default=sys.executable, help="interpreters, comma-separated (default: this one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to a file")
    options = parser.parse_args()
    groups = options.only.split(",")
    unknown = [name for name in groups if name not in GROUPS]
    if unknown:
        parser.error(f"there is no {unknown[0]!r}; there are {', '.join(GROUPS)}")
    console = Console(highlight=False, soft_wrap=True)
    plan = [
        (python, group, trial)
        for _ in range(options.times)
        for python in options.pythons.split(",")
        for group in groups
        for trial in GROUPS[group]()
    ]
    rows = carry_out(plan, console)
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    for row in rows:
        console.print(f"{row['group']}: {row['tried']} times, {row['tasks']:,} tasks, {row['lost']} lost, {row['failed']} failed")
    return 1 if any(row["failed"] for row in rows) else 0


def carry_out(plan: list[tuple[str, str, Trial]], console: Console) -> list[dict[str, Any]]:
    """Two at a time for each core, since they mostly wait. A row for each group."""
    rows: dict[str, dict[str, Any]] = {}
    skipped: dict[str, str] = {}
    begun = time.monotonic()

    def say(text: str) -> str:
        return text

    with Display(console, len(plan), say) as display, concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        futures = {pool.submit(run, trial, python): (python, group) for python, group, trial in plan}
        try:
            for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
                python, group = futures[future]
                count(rows, group, future.result())
                verdict = future.result()
                if verdict.skipped:
                    skipped[verdict.trial.name] = verdict.skipped
                if verdict.failure:
                    console.print(f"FAILED  {python}  {group}: {verdict.trial.name}: {verdict.failure}", markup=False)
                display.reach(done)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            console.print("stopped; what was tried until then:")
    for name, reason in skipped.items():
        console.print(f"skipped: {name}: {reason}", markup=False)
    console.print(f"{len(plan)} programs in {duration(time.monotonic() - begun)}")
    return list(rows.values())


def count(rows: dict[str, dict[str, Any]], group: str, verdict: Verdict) -> None:
    row = rows.setdefault(group, {"group": group, "tried": 0, "tasks": 0, "lost": 0, "failed": 0, "skipped": 0})
    if verdict.skipped:
        row["skipped"] += 1
        return
    row["tried"] += verdict.trial.works
    row["tasks"] += verdict.tasks
    row["lost"] += verdict.lost
    row["failed"] += verdict.failure is not None


if __name__ == "__main__":
    leave(main)
