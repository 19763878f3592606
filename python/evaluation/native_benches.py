"""What the native pools are asked to do and timed at: the command of a program, and the figures that its answer gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable, NamedTuple

from evaluation.benches import Figure

COUNTS = (1, 2, 4)
"""Of producers, and of workers."""
BATCH = 64
IDLE_WORKERS = 64
COMPUTING_SECONDS = 0.05
"""That a repetition of tasks that compute would take one core."""
TASK_MICROSECONDS = (1, 10, 100)


class NativeSizes(NamedTuple):
    seconds: float
    """That a cell measures at least."""
    tasks: int
    """Of no length, in a repetition."""
    counted: int
    """Whose instructions are counted."""
    loads: int
    """Processes that load a library."""


class NativeBench(NamedTuple):
    group: str
    title: str
    command: str
    workers: int
    figures: dict[str, Figure]
    """By the names that `values` gives them."""
    values: Callable[[dict[str, Any]], dict[str, float]]
    """From the answer of the program."""
    options: dict[str, float]
    is_loaded: bool = False
    """Beside a process that computes on one core."""


GROUPS = {
    "idle": "tasks of no length, on a machine that does nothing else",
    "loaded": "the same beside another process that computes on one core",
    "compute": "tasks that compute",
    "round-trip": "one task at a time, waited for",
    "instructions": "what a task takes of the processor, by callgrind",
    "memory": "what idle workers hold",
    "load": "loading the library",
}

RATES = {
    "rate": Figure("", "tasks/s"),
    "cpu": Figure("CPU of a million tasks", "s", lower_is_better=True),
    "voluntary": Figure("context switches, voluntary", "per task", lower_is_better=True),
    "involuntary": Figure("context switches, involuntary", "per task", lower_is_better=True),
}
TRIPS = {
    "p50": Figure("submit one and wait for it, median", "us", lower_is_better=True),
    "p99": Figure("submit one and wait for it, P99", "us", lower_is_better=True),
}


def rates(answer: dict[str, Any]) -> dict[str, float]:
    tasks = answer["tasks"]
    return {
        "rate": tasks / answer["seconds"],
        "cpu": 1e6 * answer["cpu"] / tasks,
        "voluntary": answer["voluntary"] / tasks,
        "involuntary": answer["involuntary"] / tasks,
    }


def as_it_is(*names: str) -> Callable[[dict[str, Any]], dict[str, float]]:
    return lambda answer: {name: answer[name] for name in names}


def benches(cores: list[int], iterations_per_second: float, sizes: NativeSizes) -> dict[str, NativeBench]:
    """In the order of the tables. The same tasks for every peer: the iterations are those that take so long on this machine."""
    made = {}
    for group in ("idle", "loaded"):
        for producers, workers, batch in ((p, w, b) for b in (1, BATCH) for p in COUNTS for w in COUNTS):
            made[f"{group}-{producers}-{workers}" + "-batch" * (batch > 1)] = NativeBench(
                group,
                f"{counted(producers, 'producer')}, {counted(workers, 'worker')}, {f'{batch} at a time' if batch > 1 else 'one by one'}",
                "throughput",
                workers,
                RATES,
                rates,
                {"producers": producers, "batch": batch, "tasks": sizes.tasks, "seconds": sizes.seconds},
                is_loaded=group == "loaded",
            )
    for microseconds in TASK_MICROSECONDS:
        made[f"compute-{microseconds}us"] = NativeBench(
            "compute",
            f"{microseconds} us each, 1 producer, {counted(len(cores), 'worker')}",
            "throughput",
            len(cores),
            RATES,
            rates,
            {
                "work": round(iterations_per_second * microseconds / 1e6),
                "tasks": round(COMPUTING_SECONDS * 1e6 / microseconds),
                "seconds": sizes.seconds,
            },
        )
    made["round-trip"] = _round_trip(f"all cores, {counted(len(cores), 'worker')}", len(cores), {"seconds": sizes.seconds})
    made["round-trip-1"] = _round_trip("pinned to one core, 1 worker", 1, {"seconds": sizes.seconds, "core": cores[-1]})
    for batch in (1, BATCH):
        made["instructions" + "-batch" * (batch > 1)] = NativeBench(
            "instructions",
            f"1 producer, 1 worker, {f'{batch} at a time' if batch > 1 else 'one by one'}",
            "instructions",
            1,
            {"instructions": Figure("instructions", "per task", lower_is_better=True)},
            as_it_is("instructions"),
            {"tasks": sizes.counted, "batch": batch},
        )
    made["memory"] = NativeBench(
        "memory",
        f"{IDLE_WORKERS} idle workers that have each run a task",
        "rss",
        IDLE_WORKERS,
        {"kilobytes": Figure("memory of an idle worker", "KB", lower_is_better=True)},
        as_it_is("kilobytes"),
        {},
    )
    made["load"] = NativeBench(
        "load",
        f"dlopen and one symbol, median of {sizes.loads} processes",
        "load",
        1,
        {
            "microseconds": Figure("time", "us", lower_is_better=True),
            "kilobytes": Figure("memory", "KB", lower_is_better=True),
        },
        as_it_is("microseconds", "kilobytes"),
        {},
    )
    return made


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"


def _round_trip(title: str, workers: int, options: dict[str, float]) -> NativeBench:
    return NativeBench("round-trip", title, "roundtrip", workers, TRIPS, as_it_is("p50", "p99"), options)


def chosen(made: dict[str, NativeBench], names: Iterable[str]) -> dict[str, NativeBench]:
    """Those named, by their own name or their group's."""
    names = set(names)
    return {name: bench for name, bench in made.items() if name in names or bench.group in names}
