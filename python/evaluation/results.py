"""The file of outcomes: one JSON object a line, written as soon as it is known, so that nothing is lost when a run is stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.native_peers import label
from evaluation.peers import PEERS
from evaluation.strategies import Strategy


class Cell(NamedTuple):
    """What evaluation.efficiency measures once."""

    python: str
    cores: str
    workload: str
    strategy: Strategy
    round: int
    """0 is the sweep of static counts; the strategies take turns in those after it."""
    seconds: float
    """As planned; a static count that needs longer gets it (plan.long_enough)."""
    build: str | None
    """Of the library, for the policies. A static count is one under every build, so that a policy can be changed and tried again without
    another sweep."""
    library_threads: str = "one"

    @classmethod
    def read(cls, record: dict[str, Any]) -> Cell:
        return cls(**{**record, "strategy": Strategy(*record["strategy"])})

    @property
    def who(self) -> str:
        return str(self.strategy)

    @property
    def where(self) -> str:
        return f"{self.workload} on {self.cores}"

    @property
    def under(self) -> str:
        return f"Python {self.python}, "


class BenchCell(NamedTuple):
    """What evaluation.executor measures once."""

    python: str
    bench: str
    peer: str
    round: int

    @classmethod
    def read(cls, record: dict[str, Any]) -> BenchCell:
        return cls(**record)

    @property
    def who(self) -> str:
        return PEERS[self.peer].label

    @property
    def where(self) -> str:
        return self.bench

    @property
    def under(self) -> str:
        return f"Python {self.python}, "


class NativeCell(NamedTuple):
    """What evaluation.native measures once."""

    bench: str
    peer: str
    round: int

    @classmethod
    def read(cls, record: dict[str, Any]) -> NativeCell:
        return cls(**record)

    @property
    def who(self) -> str:
        return label(self.peer)

    @property
    def where(self) -> str:
        return self.bench

    @property
    def under(self) -> str:
        return ""


class PaperCell(NamedTuple):
    """What evaluation.paper_tables measures once."""

    python: str
    cores: int
    part: str
    """'instrumentation', 'memory', or the name of a workload."""
    strategy: Strategy | None
    """None of instrumentation."""
    round: int
    seconds: float
    build: str | None
    """Of the library, where it is what is measured."""

    @classmethod
    def read(cls, record: dict[str, Any]) -> PaperCell:
        return cls(**{**record, "strategy": record["strategy"] and Strategy(*record["strategy"])})

    @property
    def who(self) -> str:
        return str(self.strategy or self.part)

    @property
    def where(self) -> str:
        return f"{self.part} on {self.cores} core(s)"

    @property
    def under(self) -> str:
        return f"Python {self.python}, "


class Outcome(NamedTuple):
    cell: Any
    """A Cell, a BenchCell, a NativeCell or a PaperCell."""
    values: dict[str, Any] | None
    """What its process said; None if it did not finish."""
    failure: str | None
    load_average: float
    others: float
    stolen: float
    disturbed: bool
    """By others on this machine."""


class Results:
    """Run records say under which conditions the outcomes after them were measured."""

    def __init__(self, path: Path, kind: type[Cell] | type[BenchCell] | type[NativeCell] | type[PaperCell] = Cell) -> None:
        """kind: of the cells."""
        self.path = path
        self._kind = kind
        self.runs: list[dict[str, Any]] = []
        self.outcomes: dict[Any, Outcome] = {}
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
                outcome = Outcome(self._kind.read(record.pop("cell")), **record)
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
