"""Which cells the paper's tables and figures need, in which order, and how long they may take. Pure."""

from __future__ import annotations

from typing import NamedTuple

from evaluation import memory_strategies, paper
from evaluation.interpreters import Interpreter
from evaluation.load import OVERTIME
from evaluation.plan import OVERHEAD, seconds_of_a_cell, turns
from evaluation.results import PaperCell
from evaluation.strategies import Strategy

INSTRUMENTATION, MEMORY = "instrumentation", "memory"
CALLS = {
    "time": "time.time()",
    "thread_time": "time.thread_time()",
    "four": "the four calls, before and after",
    "nothing": "no-op",
    "task": "with controller.task()",
    "report": "controller.report()",
    "fixed": "a task through the pool, policy fixed",
    "adaptive": "a task through the pool, policy adaptive",
    "measuring": "what measuring adds to it: adaptive beyond fixed, turn by turn",
    "timing": "what timing=True adds to it: fixed with it beyond fixed without, turn by turn",
}
"""What is timed for Table III (clocks.py), in its order."""
FIGURE_COUNTS = tuple(1 << power for power in range(12))
MICRO_COUNTS = tuple(point.threads for point in paper.TABLE_IV[1])
RAG_COUNTS = tuple(point.threads for point in paper.TABLE_I["3.11"])
IO_COUNTS = tuple(point.threads for point in paper.TABLE_V[1])
RAG_CPU_SECONDS = 0.010
SECONDS_TO_WAKE = 0.002
"""Of a run for each thread: thousands of them are in each other's way when all are let go at once."""
MEMORY_SECONDS = 2.0
"""After which the paper looks at the memory."""
PATIENCE = 30.0
"""Seconds that a cell may take beyond its run: to start, to end its tasks, to say what it saw."""
HARD_COUNT = 256
"""Free-threaded builds get little patience from so many threads on: they may not even start them."""
HARD_PATIENCE = 12.0


class Effort(NamedTuple):
    runs: int
    seconds: float
    """Of a run."""
    turns: float
    """In a run, of all threads of a static count, if they compute: fewer, and the rate would be that of the first tasks alone."""
    calls: int
    """Of each kind, in Table III."""
    all_counts: bool
    """In the figure; else those of the tables."""


QUICK = Effort(runs=1, seconds=0.8, turns=1.05, calls=50_000, all_counts=False)
NORMAL = Effort(runs=3, seconds=3.0, turns=2.0, calls=200_000, all_counts=True)
FULL = Effort(runs=10, seconds=10.0, turns=3.0, calls=1_000_000, all_counts=True)


class Sweep(NamedTuple):
    workload: str
    is_wide: bool
    """On all cores that are to be used; else on one."""
    counts: tuple[int, ...]


SWEEPS = {
    "table-i": (Sweep("rag", False, RAG_COUNTS),),
    "table-ii": (Sweep("rag", True, RAG_COUNTS),),
    "table-iv": (Sweep("micro", False, MICRO_COUNTS), Sweep("micro", True, MICRO_COUNTS)),
    "table-v": (Sweep("io-1ms", False, IO_COUNTS), Sweep("io-1ms", True, IO_COUNTS)),
    "table-vi": (Sweep("micro", False, MICRO_COUNTS), Sweep("micro", True, MICRO_COUNTS)),
    "figure-3": (Sweep("micro", False, MICRO_COUNTS), Sweep("micro", True, MICRO_COUNTS)),
    "figure-2": tuple(
        Sweep(workload, is_wide, counts)
        for workload, counts in (("micro", (*MICRO_COUNTS, paper.LOSS_FROM)), ("rag", RAG_COUNTS), ("io-1ms", IO_COUNTS))
        for is_wide in (False, True)
    ),
}
PARTS = ("table-i", "table-ii", "table-iii", "table-iv", "table-v", "table-vi", "table-ix", "figure-2", "figure-3")
"""Those that sweeps, clocks and memory give; paper_contests.py has the others."""


def cells(parts: list[str], pythons: list[Interpreter], cores: list[int], effort: Effort) -> list[PaperCell]:
    """Everything once, then everything again: a run that is stopped has measured all as often as it could."""
    made = []
    for number in range(1, effort.runs + 1):
        if "table-iii" in parts:
            made += [PaperCell(each.name, max(cores), INSTRUMENTATION, None, number, float(effort.calls), each.build) for each in pythons]
        if "table-ix" in parts:
            made += _memory(pythons[0], max(cores), number)
        for python in pythons:
            for (workload, where), counts in sweeps(parts, cores, effort).items():
                if workload == "io-1ms" and python.free_threaded and not effort.all_counts:
                    continue  # the paper has it for 3.11 alone
                made += [
                    PaperCell(python.name, where, workload, Strategy("tpe", count), number, seconds(workload, count, effort), None)
                    for count in turns(counts, number)
                ]
    return made


def _memory(python: Interpreter, cores: int, number: int) -> list[PaperCell]:
    """On one interpreter, as in the paper."""
    made = []
    for strategy in turns(memory_strategies.of(python.version), number):
        build = python.build if memory_strategies.is_ours(strategy) else None
        made.append(PaperCell(python.name, cores, MEMORY, strategy, number, MEMORY_SECONDS, build))
    return made


def left_out(parts: list[str], pythons: list[Interpreter]) -> list[str]:
    """What the tables go without on these interpreters, in words."""
    if "table-ix" not in parts or memory_strategies.has_interpreters(pythons[0].version):
        return []
    return [f"Python {pythons[0].name} has no InterpreterPoolExecutor, which came with 3.14: left out of Tables IX and X"]


def sweeps(parts: list[str], cores: list[int], effort: Effort) -> dict[tuple[str, int], list[int]]:
    """Which thread counts, by workload and number of cores."""
    wanted: dict[tuple[str, int], set[int]] = {}
    for part in parts:
        for sweep in SWEEPS.get(part, ()):
            counts = FIGURE_COUNTS if part.startswith("figure") and effort.all_counts else sweep.counts
            for where in wide(cores) if sweep.is_wide else narrow(cores):
                wanted.setdefault((sweep.workload, where), set()).update(counts)
    return {key: sorted(counts) for key, counts in wanted.items()}


def narrow(cores: list[int]) -> list[int]:
    """What stands for the paper's one core."""
    return [each for each in cores if each == 1]


def wide(cores: list[int]) -> list[int]:
    """What stands for its four: as many, or those there are."""
    more = [each for each in cores if each > 1]
    return [paper.CORES] if paper.CORES in more else more[-1:]


def seconds(workload: str, threads: int, effort: Effort) -> float:
    of_all = effort.turns * threads * RAG_CPU_SECONDS if workload == "rag" else threads * SECONDS_TO_WAKE
    return max(effort.seconds, of_all)


def limit(cell: PaperCell, python: Interpreter) -> float:
    """Seconds after which a cell is ended."""
    threads = cell.strategy.threads or 0 if cell.strategy else 0
    if cell.part == INSTRUMENTATION:
        return PATIENCE + cell.seconds / 1000
    run = cell.seconds + overtime(cell)
    if python.free_threaded and threads >= HARD_COUNT:
        return run + HARD_PATIENCE + seconds_to_end_tasks(cell)
    return run + PATIENCE + 2 * seconds_to_end_tasks(cell)


def estimate(cell: PaperCell) -> float:
    """Seconds that it will take, as a rule."""
    if cell.part == INSTRUMENTATION:
        return OVERHEAD + cell.seconds * 5e-6
    if cell.part == MEMORY:
        return OVERHEAD + cell.seconds
    return seconds_of_a_cell(cell.seconds, overtime(cell)) + seconds_to_end_tasks(cell) / 2  # half of each is left, on average


def overtime(cell: PaperCell) -> float:
    """As plan.overtime: a turn of all threads, if they compute."""
    return max(OVERTIME * cell.seconds, seconds_to_end_tasks(cell) if cell.part == "rag" else 0.0)


def seconds_to_end_tasks(cell: PaperCell) -> float:
    """Of those that are under way or queued at the end of the run."""
    threads = cell.strategy.threads or 0 if cell.strategy else 0
    return threads * (RAG_CPU_SECONDS if cell.part == "rag" else 0.002)
