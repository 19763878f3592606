"""A profile of this process, from start() to stop()."""

from __future__ import annotations

import os
import platform
from typing import Any

from betapool import _core
from betapool._profile import advice, estimate
from betapool._profile.names import ThreadNames
from betapool._profile.records import Group, Profile, ThreadRecord
from betapool._profile.tasks import TaskCounts

RATE = 50.0
"""Looks a second."""
VISITS = 8
"""Threads at most in one look. Together: 400 visits a second of 10 to 20 microseconds each, whatever the program does."""


class Session:
    """Watches the threads of this process. Not for several threads at once."""

    def __init__(self, rate: float = RATE, visits: int = VISITS) -> None:
        memory = _core.own_memory()
        self._gil = bool(memory["gil"]) if memory["is_gil_known"] else None
        self._survey = _core.Survey(
            os.getpid(), (memory["runtime"], memory["gil"], memory["layout"]), rate=rate, visits=visits, samples=True
        )
        self._names = ThreadNames()
        self._tasks = TaskCounts()
        self.threads: list[ThreadRecord] = []
        self.thread_names: list[str] = []
        self.samples = b""

    def start(self) -> None:
        self._names.start()
        self._tasks.start()
        self._survey.start()

    def stop(self, command: str = "") -> Profile:
        """Ends it and says what was seen."""
        self._survey.stop()
        self._names.stop()
        tasks = self._tasks.stop()
        self.threads = [ThreadRecord(*fields) for fields in self._survey.threads()]
        self.samples = self._survey.samples()
        self.thread_names = [self._name(thread) for thread in self.threads]
        totals = self._survey.totals()
        seconds = totals["seconds"]
        group_names = {thread.number: estimate.group_of(name) for thread, name in zip(self.threads, self.thread_names)}
        groups, total = estimate.make_groups(self.threads, lambda thread: group_names[thread.number], seconds)
        for group in groups:
            if group.name in tasks and seconds > 0:
                group.tasks_per_second = tasks[group.name] / seconds
        names_in_order = [group_names[thread.number] for thread in self.threads]
        return make_profile(
            command=command,
            python=platform.python_version() + ("" if self._gil is not False else " free-threaded"),
            gil=self._gil,
            groups=groups,
            total=total,
            totals=totals,
            cores=_core.limits()["cores"],
            timeline=estimate.make_timeline(self.samples, names_in_order, seconds),
        )

    def _name(self, thread: ThreadRecord) -> str:
        return self._names.get(thread.number) or f"{thread.name or '?'} (native)"


def make_profile(
    command: str,
    python: str,
    gil: bool | None,
    groups: list[Group],
    total: Group,
    totals: dict[str, float],
    cores: float,
    timeline: dict[str, Any],
) -> Profile:
    """Adds what follows from what was seen. `totals` as Survey.totals() has them."""
    gil_held = totals["gil_held"] / totals["gil_seen"] if totals["gil_seen"] > 0 else None
    workers = advice.workers_of(groups)
    merged = estimate.merge(workers)
    bottleneck = advice.bottleneck_of(merged, workers, gil_held, cores)
    return Profile(
        command=command,
        python=python,
        seconds=totals["seconds"],
        cores=cores,
        gil=gil,
        gil_held=gil_held,
        groups=groups,
        total=total,
        bottleneck=bottleneck,
        verdict=advice.verdict_of(bottleneck, merged, gil_held, cores),
        advice=advice.advise(workers, gil_held, cores),
        timeline=timeline,
        looks=int(totals["looks"]),
        cost=totals["cost"],
    )
