"""Runs the plan: cell by cell, each outcome written at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable, NamedTuple

from evaluation import children, machine, reference, services
from evaluation.interpreters import Interpreter
from evaluation.peers import GEVENT, REFERENCE, Package
from evaluation.plan import Durations, Group, Sweep, challenged, finalists, long_enough, overtime, seconds_of_a_cell, turns
from evaluation.progress import Display
from evaluation.results import Cell, Outcome, Results
from evaluation.strategies import LABELS, OURS, Strategy
from evaluation.workloads import Workload

PATIENCE = 30.0
"""Seconds that a cell may take beyond its run and its longest task: to start, to drain its pool, to say what it saw."""


class Folders(NamedTuple):
    packages: Path
    """Where this project's betapool is."""
    cache: Path
    """Where what is downloaded stays."""
    libraries: dict[tuple[str, str], Path]
    """Where the library of a workload is, by the names of interpreter and workload."""


class Runner:
    def __init__(
        self,
        results: Results,
        display: Display,
        durations: Durations,
        settings: dict[str, dict[str, Any]],
        folders: Folders,
        *,
        as_the_paper: bool = False,
    ) -> None:
        """settings: the calibration of each interpreter, by its name. as_the_paper: every task is timed by the paper's four calls."""
        self._results = results
        self._display = display
        self._durations = durations
        self._settings = settings
        self._folders = folders
        self._as_the_paper = as_the_paper
        self._installed: dict[tuple[str, str], Path | reference.Unavailable] = {}

    def measure(self, group: Group, strategies: list[Strategy], available: list[int], *, fine: bool, oracle: bool = True) -> None:
        """oracle: whether the best static count is looked for, to take part."""
        with self._service(group.workload, group.core_numbers, available) as service:
            if not oracle:
                self._rounds(group, list(strategies), None, service)
                return
            sweep = Sweep(group.most_threads, fine=fine)
            while (count := sweep.next()) is not None:
                outcome = self._cell(group, Strategy("fixed", count), 0, service, sweep.best_rate)
                sweep.note(count, rate(outcome), disturbed=outcome.disturbed)
            rates = {Strategy("fixed", count): value for count, value in sweep.rates.items() if value}
            beside = sweep.neighbours(sweep.best) if sweep.best is not None and fine else []
            for count in [] if sweep.best is None else [sweep.best, *beside]:
                strategy = Strategy("tpe", count)
                value = rate(self._cell(group, strategy, 0, service, sweep.best_rate))
                if value:
                    rates[strategy] = value
            self._rounds(group, list(dict.fromkeys([*strategies, *finalists(rates)])), rates, service)

    def _rounds(
        self, group: Group, contestants: list[Strategy], rates: dict[Strategy, float] | None, service: services.Service | None
    ) -> None:
        """rates: of static counts, so far; None if there is no oracle."""
        failed = set()
        best_rate = max((rates or {}).values(), default=None)
        for number in range(1, self._durations.rounds + 1):
            seen = []
            for strategy in turns([each for each in contestants if each not in failed], number):
                outcome = self._cell(group, strategy, number, service, best_rate)
                if outcome.values is None:
                    failed.add(strategy)
                elif strategy.name in LABELS:
                    seen.append((outcome.values["rate"], outcome.values["threads"]))
            for strategy in challenged(rates, seen, group.most_threads) if rates is not None and number == 1 else []:
                contestants.append(strategy)
                self._cell(group, strategy, number, service, best_rate)

    def _cell(self, group: Group, strategy: Strategy, number: int, service: services.Service | None, best_rate: float | None) -> Outcome:
        """As measured before, if a run is resumed; what did not finish is tried again. best_rate: of the static counts so far."""
        seconds = self._durations.of(number)
        build = group.interpreter.build if strategy.name in OURS else None
        cell = Cell(group.interpreter.name, group.cores, group.workload.name, strategy, number, seconds, build, group.library_threads)
        known = self._results.outcomes.get(cell)
        if known is not None and known.failure is None:
            return known
        self._display.begin(f"{cell.python}, {cell.cores} core(s), {cell.workload}, {strategy}")
        seconds = long_enough(seconds, strategy, best_rate)
        longer = overtime(seconds, strategy, best_rate)
        outcome = self._run(group, cell, seconds, longer, service)
        self._results.add(outcome)
        self._display.end(outcome, seconds_of_a_cell(seconds, longer))
        return outcome

    def _run(self, group: Group, cell: Cell, seconds: float, longer: float, service: services.Service | None) -> Outcome:
        setting = {**self._settings[group.interpreter.name], "port": service and service.port, "library_threads": group.library_threads}
        request = {
            "strategy": cell.strategy,
            "workload": cell.workload,
            "seconds": seconds,
            "overtime": longer,
            "setting": setting,
            "cores": group.core_numbers,
            "max_workers": group.max_workers,
            # The same for all, so that all have the same load, and enough that the queue is never empty.
            "outstanding": 2 * group.max_workers + 64,
            "as_the_paper": self._as_the_paper,
        }
        limit = seconds + longer + group.workload.longest_task + PATIENCE

        def measure() -> dict[str, Any]:
            return children.call(group.interpreter.path, "measure", request, limit, *self._imports(group.interpreter, cell))

        return observed(cell, measure, service.cpu_seconds if service else lambda: 0.0)

    def _imports(self, interpreter: Interpreter, cell: Cell) -> list[Path]:
        """The folders that the cell's process imports from."""
        if cell.strategy.name == "reference":  # which has the name of ours
            return [self._install(interpreter, REFERENCE)]
        library = self._folders.libraries.get((cell.python, cell.workload))
        gevent = [self._install(interpreter, GEVENT)] if cell.strategy.name == "gevent" else []
        return [self._folders.packages, *([library] if library else []), *gevent]

    def _install(self, interpreter: Interpreter, package: Package) -> Path:
        key = interpreter.path, package.name
        if key not in self._installed:
            try:
                self._installed[key] = reference.install(interpreter, self._folders.cache, package)
            except reference.Unavailable as error:
                self._installed[key] = error
        found = self._installed[key]
        if isinstance(found, reference.Unavailable):
            raise found
        return found

    @contextlib.contextmanager
    def _service(self, workload: Workload, used: tuple[int, ...], available: list[int]) -> Iterator[services.Service | None]:
        if workload.service is None:
            yield None
            return
        with services.upstream(set(available) - set(used) or set(available)) as service:
            yield service


def observed(cell: Any, measure: Callable[[], dict[str, Any]], service_cpu: Callable[[], float] = lambda: 0.0) -> Outcome:
    """What `measure` says, or why there is nothing, and whether others used the machine meanwhile."""
    observer = machine.Observer(service_cpu)
    values, failure = None, None
    try:
        values = measure()
    except (children.DidNotFinish, reference.Unavailable) as error:
        failure = str(error)
    seen = observer.end()
    return Outcome(cell, values, failure, seen.load_average, seen.others, seen.stolen, seen.is_too_much)


def rate(outcome: Outcome) -> float | None:
    return outcome.values["rate"] if outcome.values else None


def calibrate(interpreter: Interpreter, core: int, packages: Path) -> dict[str, Any]:
    return children.call(interpreter.path, "setting", {"cores": [core]}, PATIENCE, packages)
