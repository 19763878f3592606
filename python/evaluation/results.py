"""The file of outcomes: one JSON object a line, written as soon as it is known, so that nothing is lost when a run is stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.strategies import Strategy


class Cell(NamedTuple):
    """What is measured once."""

    python: str
    cores: str
    workload: str
    strategy: Strategy
    round: int
    """0 is the sweep of static counts; the strategies take turns in those after it."""
    seconds: float
    build: str | None
    """Of the library, for the policies. A static count is one under every build, so that a policy can be changed and tried again without
    another sweep."""


class Outcome(NamedTuple):
    cell: Cell
    values: dict[str, Any] | None
    """What cell.measure said; None if it did not finish."""
    failure: str | None
    load_average: float
    others: float
    stolen: float
    disturbed: bool
    """By others on this machine."""


class Results:
    """Run records say under which conditions the outcomes after them were measured."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs: list[dict[str, Any]] = []
        self.outcomes: dict[Cell, Outcome] = {}
        self._is_torn = False
        if path.exists():
            text = path.read_text()
            self._is_torn = not text.endswith("\n")
            for number, line in enumerate(text.splitlines(), 1):
                self._take(number, line)

    def _take(self, number: int, line: str) -> None:
        try:
            record = json.loads(line)
        except ValueError:
            return  # the last line of a run that was ended while it wrote
        try:
            if "run" in record:
                self.runs.append(record["run"])
            else:
                cell = record.pop("cell")
                cell["strategy"] = Strategy(*cell["strategy"])
                outcome = Outcome(Cell(**cell), **record)
                self.outcomes[outcome.cell] = outcome
        except (KeyError, TypeError) as error:
            raise ValueError(f"{self.path}, line {number}, is not of this harness ({error}): name another file") from None

    def add_run(self, run: dict[str, Any]) -> None:
        self.runs.append(run)
        self._write({"run": run})

    def add(self, outcome: Outcome) -> None:
        self.outcomes[outcome.cell] = outcome
        record = outcome._asdict()
        record["cell"] = outcome.cell._asdict()
        self._write(record)

    def _write(self, record: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write("\n" * self._is_torn + json.dumps(record) + "\n")
        self._is_torn = False
