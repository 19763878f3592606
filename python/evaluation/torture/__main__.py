"""Interpreters that end, processes that fork, limits that are reached, calls that fail: each many times, with a hard limit of time.

Nothing may crash, hang, or lose a task that was accepted. Prints the README's table; what goes wrong goes to standard error meanwhile.
"""

from __future__ import annotations

import concurrent.futures
import functools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

from rich.console import Console

from evaluation import machine
from evaluation.command import leave, names_of, number
from evaluation.progress import Display, duration
from evaluation.torture import forks, limits, lives, natives, soak
from evaluation.torture.options import built, name_of, parser, usual
from evaluation.torture.table import GROUPS, Row, markdown, merge, read
from evaluation.torture.trial import Trial, Verdict, run

TRIALS = {"lives": lives.trials, "forks": forks.trials, "limits": limits.trials}
SECONDS_OF_A_TRIAL = 0.1
"""About, for the time left."""

EXAMPLES = """examples:
  python -m evaluation.torture --only lives,forks,limits                each once
  python -m evaluation.torture --times 100 | python -m evaluation.readme torture
  python -m evaluation.torture --only lives --pythons 3.13t --json lives.json
  python -m evaluation.torture --from lives.json soak.json              the table of earlier runs, added up
"""


class Stage(NamedTuple):
    """One after the other; trials are one, and share the machine."""

    group: str
    seconds: float
    """About."""
    work: Callable[[Callable[[float], None]], list[Row]]
    """Is given a function to say how many seconds of it are over."""


class Torture:
    def __init__(self, options: Any, console: Console) -> None:
        self.options = options
        self.console = console
        self.pythons: list[str] = options.pythons or usual()
        self.rows: list[Row] = []
        self.notes: list[str] = []

    def carry_out(self) -> bool:
        """Whether it came to the end, and was not stopped."""
        stages = [stage for stage in self.stages() if stage.group in self.options.only]
        begun, over = time.monotonic(), 0.0
        with Display(self.console, sum(stage.seconds for stage in stages), str) as display:
            try:
                for stage in stages:
                    display.begin(stage.group)
                    rows = stage.work(lambda now, over=over, stage=stage: display.reach(over + min(now, stage.seconds)))
                    self.rows += rows
                    over += stage.seconds
                    display.reach(over)
            except KeyboardInterrupt:
                self.console.print("stopped; what was tried until then:")
                return False
        self.console.print(f"{duration(time.monotonic() - begun)} in all")
        return True

    def stages(self) -> list[Stage]:
        options = self.options
        seconds = 60 * options.minutes
        stages = []
        for group, trials in TRIALS.items():
            plan = [(python, trial) for _ in range(options.times) for python in self.pythons for trial in trials()]
            work = functools.partial(self.trials, group, plan)
            stages.append(Stage(group, SECONDS_OF_A_TRIAL * len(plan), work))
        stages.append(Stage("embedding", 0.2 * options.times, lambda _: natives.embedding(options.times)))
        stages += [Stage("soak", seconds, lambda reach, python=python: self.soak(python, seconds, reach)) for python in self.pythons]
        stages.append(Stage("faults", 60, lambda _: natives.faults()))
        return [*stages, Stage("fuzz", seconds, lambda _: natives.fuzz(max(1, round(seconds)), options.seed))]

    def trials(self, group: str, plan: list[tuple[str, Trial]], reach: Callable[[float], None]) -> list[Row]:
        """Two at a time for each core, since they mostly wait."""
        with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            futures = {pool.submit(run, trial, python): name_of(python) for python, trial in plan}
            try:
                for done, future in enumerate(concurrent.futures.as_completed(futures), 1):
                    self.enter(group, futures[future], future.result())
                    reach(done * SECONDS_OF_A_TRIAL)
            except KeyboardInterrupt:
                pool.shutdown(cancel_futures=True)
                raise
        return []

    def enter(self, group: str, python: str, verdict: Verdict) -> None:
        trial = verdict.trial
        if verdict.skipped:
            note = f"not tried here: {trial.name}: {verdict.skipped}"
            self.notes += [note] if note not in self.notes else []
            return
        if verdict.failure:
            self.console.print(f"FAILED  {python}  {group}: {trial.name}: {verdict.failure}", markup=False)
        failed = int(verdict.failure is not None)
        self.rows = merge([*self.rows, Row(group, trial.fault or trial.name, python, trial.works, verdict.tasks, verdict.lost, failed)])

    def soak(self, python: str, seconds: float, reach: Callable[[float], None]) -> list[Row]:
        report = soak.soak(python, seconds, self.options.seed, reach)
        self.console.print(soak.in_words(report), markup=False)
        if "end" in report:
            self.notes.append(soak.in_short(report))
        return [soak.row_of(report)]


def main() -> int:
    made = parser("evaluation.torture", __doc__, EXAMPLES)
    made.add_argument("--only", type=names_of(list(GROUPS)), default=list(GROUPS), metavar="A,B", help=f"of {', '.join(GROUPS)}")
    made.add_argument("--times", type=number(int, 1), default=1, help="repetitions of what happens to a program (default: %(default)s)")
    made.add_argument(
        "--minutes", type=number(float, 0.01), default=5, help="of soaking each Python, and of fuzzing (default: %(default)s)"
    )
    made.add_argument("--from", dest="earlier", type=Path, nargs="+", metavar="FILE", help="tries nothing: the table of what --json wrote")
    options = made.parse_args()
    if options.earlier:
        rows, notes = add_up(options.earlier)
        return show([row for row in rows if row.group in options.only], notes)
    if "soak" in options.only:
        built("fuzz/flaky.so")
    torture = Torture(options, Console(stderr=True, highlight=False, soft_wrap=True))
    at_end = torture.carry_out()
    notes = [*conditions(torture), *torture.notes]
    if options.json:
        options.json.write_text(json.dumps({"rows": [row._asdict() for row in torture.rows], "notes": notes}, indent=1) + "\n")
    status = show(torture.rows, notes)
    return status if at_end else 130


def conditions(torture: Torture) -> list[str]:
    here = machine.describe()
    pythons = ", ".join(map(name_of, torture.pythons))
    date = time.strftime("%Y-%m-%d")
    return [f"{here['processor']}, {len(here['cores'])} cores, {here['system']}, {date}; Python {pythons}"]


def add_up(files: list[Path]) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    notes: list[str] = []
    for file in files:
        try:
            found = json.loads(file.read_text())
            rows += read(found)
            notes += [note for note in found["notes"] if note not in notes]
        except (OSError, ValueError, KeyError, TypeError) as error:
            sys.exit(f"error: {file} is nothing that `python -m evaluation.torture --json` wrote ({error})")
    return rows, notes


def show(rows: list[Row], notes: list[str]) -> int:
    print(markdown(rows, notes))
    return 1 if any(row.lost or row.failed for row in rows) else 0


if __name__ == "__main__":
    leave(main)
