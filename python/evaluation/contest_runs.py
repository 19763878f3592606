"""Measures the contests of paper_contests.py: the runner of evaluation.efficiency does it, cell by cell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.edge.preparation import Prepared, prepare
from evaluation.interpreters import Interpreter
from evaluation.paper_contests import Contest, Effort, group
from evaluation.plan import Group
from evaluation.progress import Display
from evaluation.results import Cell, Outcome, Results
from evaluation.runner import Folders, Runner
from evaluation.workloads import WORKLOADS


class Plan(NamedTuple):
    effort: Effort
    contests: list[tuple[Contest, Group]]
    libraries: dict[tuple[str, str], Path]
    left_out: list[str]

    def seconds(self, results: Results) -> list[float]:
        """That each contest will take, without what is known of it."""
        known: dict[tuple[str, str, str, str], list[Cell]] = {}
        for outcome in of_plan(self, results):
            if outcome.failure is None:
                known.setdefault(place(outcome.cell), []).append(outcome.cell)
        return [contest.estimate(self.effort, where.most_threads, known.get(place_of(where), ())) for contest, where in self.contests]


def make(
    contests: Iterable[Contest],
    effort: Effort,
    pythons: list[Interpreter],
    cores: int,
    available: list[int],
    settings: dict[str, dict[str, Any]],
    cache: Path,
    packages: Path,
) -> Plan:
    """Downloads the libraries that are missing. settings: by interpreter; how long the service takes is added."""
    contests = list(contests)
    workloads = [WORKLOADS[name] for name in dict.fromkeys(contest.workload for contest in contests)]
    prepared: dict[str, Prepared] = {}
    for python in pythons[: effort.pythons]:
        setting = settings[python.name]
        setting["cache"] = str(cache)
        prepared[python.name] = prepare(python, workloads, cache, packages, setting, available)
        setting["waits"] = prepared[python.name].waits
    chosen = [
        (contest, group(contest, effort, python, cores, available))
        for python in pythons[: effort.pythons]
        for contest in contests
        if contest.workload not in prepared[python.name].left_out
    ]
    libraries = {(python, name): folder for python, here in prepared.items() for name, folder in here.libraries.items()}
    left_out = [f"Python {name}, {each} left out: {why}" for name, here in prepared.items() for each, why in here.left_out.items()]
    return Plan(effort, chosen, libraries, left_out)


def measure(plan: Plan, results: Results, display: Display, settings: dict[str, Any], folders: Folders, available: list[int]) -> None:
    runner = Runner(results, display, plan.effort.durations, settings, folders, as_the_paper=True)
    done = display.done
    for (contest, where), seconds in zip(plan.contests, plan.seconds(results)):
        strategies = list(contest.strategies)
        runner.measure(where, strategies, available, fine=plan.effort.is_fine, oracle=contest.has_oracle)
        done += seconds
        display.reach(done)


def of_plan(plan: Plan, results: Results) -> list[Outcome]:
    """What is known of it, measured now or before."""
    durations = plan.effort.durations
    wanted = {place_of(where) for _, where in plan.contests}
    builds = {where.interpreter.name: where.interpreter.build for _, where in plan.contests}
    return [
        outcome
        for cell, outcome in results.outcomes.items()
        if place(cell) in wanted
        and cell.seconds == durations.of(cell.round)
        and cell.round <= durations.rounds
        and cell.build in (None, builds[cell.python])
    ]


def place(cell: Cell) -> tuple[str, str, str, str]:
    """What all the cells of a contest have in common."""
    return cell.python, cell.cores, cell.workload, cell.library_threads


def place_of(where: Group) -> tuple[str, str, str, str]:
    return where.interpreter.name, where.cores, where.workload.name, where.library_threads
