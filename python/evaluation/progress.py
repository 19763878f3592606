"""What the user sees while it runs: a line for each cell, and on a terminal a bar below them with the time left."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from evaluation.results import Outcome


class Display:
    """Time goes by the plan: its seconds are known before, and a sweep that ends early only makes the bar jump."""

    def __init__(self, console: Console, seconds: float, describe: Callable[[Any], str] | None = None) -> None:
        """describe: the line for what has ended, a cell's outcome if nothing else is said."""
        self._console = console
        self._describe = describe or line
        self._seconds = seconds
        self.done = 0.0
        """Seconds of the plan that lie behind."""
        # Drawn rarely: the machine has better to do.
        self._bar = Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]} left  {task.description}"),
            console=console,
            refresh_per_second=1,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=seconds, left=duration(seconds))

    def __enter__(self) -> Display:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._bar.stop()

    def begin(self, what: str) -> None:
        self._bar.update(self._task, description=what)

    def end(self, outcome: Any, seconds: float) -> None:
        self._console.print(self._describe(outcome), highlight=False, soft_wrap=True)
        self.reach(self.done + seconds)

    def reach(self, seconds: float) -> None:
        """So many seconds of the plan lie behind."""
        self.done = min(seconds, self._seconds)
        self._bar.update(self._task, completed=self.done, left=duration(self._seconds - self.done))


def line(outcome: Outcome) -> str:
    cell = outcome.cell
    where = f"{cell.python:6}{cell.cores:>4}  {cell.workload:10}{cell.strategy!s:13}"
    where += f"round {cell.round}" if cell.round else "sweep  "
    figures = f"{outcome.values['rate']:>10,.1f}/s  {outcome.values['threads']:5.1f} threads" if outcome.values else ""
    return f"{where}  {with_remarks(outcome, figures)}"


def with_remarks(outcome: Outcome, figures: str) -> str:
    """Its figures, or why there are none; and whether others were in the way."""
    flag = f"  ! others used {outcome.others:.2f} cores, {outcome.stolen:.2f} stolen" if outcome.disturbed else ""
    return (f"did not finish: {outcome.failure}" if outcome.values is None else figures) + flag


def duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
