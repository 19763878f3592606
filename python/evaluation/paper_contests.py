"""Which strategies the paper's Tables VII, VIII and X to XIII and its Figures 6 to 8 compare, on what, and for how long. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

from evaluation.interpreters import Interpreter
from evaluation.plan import Durations, Group, core_numbers, overhead_of
from evaluation.results import Cell
from evaluation.strategies import WATCHED, Strategy
from evaluation.workloads import EDGE, TABLE_XI, WORKLOADS

NAIVE = Strategy("tpe", 256)
FAST = 0.01
"""Seconds between decisions of Algorithm 1 where it is to arrive within a run: with its own 0.5 s it takes 90 s to 64 threads."""
PAPERS_MOST = 64
"""Threads that Algorithm 1 grows to."""
ALGORITHM_1 = (Strategy("paper"), Strategy("paper-io"), Strategy("paper", interval=FAST), Strategy("paper-io", interval=FAST))
OTHERS = (Strategy("tpe-default"), Strategy("reference"))
ADAPTIVE = Strategy("adaptive")
LOOKED_AT = (1, 2, 4, 8, 16, 32, 64, 256)
WATCHED_COUNTS = tuple(Strategy(WATCHED, count) for count in LOOKED_AT)
TABLE_X = (
    *(Strategy("asyncio", count) for count in (128, 256)),
    Strategy("queue-depth"),
    Strategy("to-thread", 128),
    Strategy("to-thread-betapool", 128),
    Strategy("gevent", 128),
)
THRESHOLDS = tuple(round(0.1 * tenths, 1) for tenths in range(2, 8))
FEW_THRESHOLDS = (0.2, 0.3, 0.7)
"""The least, the paper's own and the most."""
OWN_POOLS = ("slm", "vision", "onnx")
"""Those of the edge workloads whose libraries would use several threads for one task."""


class Effort(NamedTuple):
    durations: Durations
    pythons: int
    """The first so many."""
    is_fine: bool
    """Static counts between the powers of two too, around the best."""
    own_pools: tuple[str, ...]
    """Edge workloads that are measured once more, with as many threads in the library as it takes by itself."""
    thresholds: tuple[float, ...]
    """Of Algorithm 1, in Table XII."""
    edge_most: int
    """Static counts of the edge workloads go to so many; the paper's best are 32 to 128. Runs of more are long: each has its turns."""

    @property
    def table_xii(self) -> tuple[Strategy, ...]:
        return tuple(Strategy(name, None, threshold, FAST) for name in ("paper", "paper-io") for threshold in self.thresholds)


QUICK = Effort(Durations(1.0, 0.3, 2), 1, False, (), FEW_THRESHOLDS, edge_most=128)
NORMAL = Effort(Durations(6.0, 1.5, 3), 99, True, OWN_POOLS, THRESHOLDS, edge_most=256)
FULL = Effort(Durations(10.0, 3.0, 10), 99, True, OWN_POOLS, THRESHOLDS, edge_most=256)


class Contest(NamedTuple):
    workload: str
    strategies: tuple[Strategy, ...]
    has_oracle: bool = True
    """The best static count is looked for, and takes part."""
    library_threads: str = "one"

    def estimate(self, effort: Effort, most: int, known: Iterable[Cell] = ()) -> float:
        """Seconds. known: what was measured before on this workload."""
        rounds = [cell.round for cell in known if cell.strategy.is_static or cell.strategy in self.strategies]
        overhead = overhead_of(WORKLOADS[self.workload])
        return effort.durations.estimate(
            len(self.strategies), most, fine=effort.is_fine, oracle=self.has_oracle, known=rounds, overhead=overhead
        )


MICRO = {
    "table-vii": (NAIVE, ADAPTIVE, *ALGORITHM_1, *OTHERS),
    "table-viii": (NAIVE, ADAPTIVE, *ALGORITHM_1, *WATCHED_COUNTS),
    "table-x": (ADAPTIVE, *TABLE_X),
    "figure-6": (ADAPTIVE, *WATCHED_COUNTS),
    "figure-7": (NAIVE, ADAPTIVE, *ALGORITHM_1, *OTHERS, *TABLE_X),
}
"""Who takes part on micro mixed, by table or figure."""
PARTS = ("table-vii", "table-viii", "table-x", "table-xi", "table-xii", "table-xiii", "figure-6", "figure-7", "figure-8")


def contests(parts: Iterable[str], effort: Effort) -> list[Contest]:
    parts = set(parts)
    on_micro = dict.fromkeys(strategy for part, strategies in MICRO.items() if part in parts for strategy in strategies)
    made = []
    if on_micro or parts & {"table-xi", "figure-8"}:
        made.append(Contest("micro", tuple(on_micro or (ADAPTIVE,))))
    if parts & {"table-xi", "figure-8"}:
        made += [Contest(name, (ADAPTIVE,)) for name in TABLE_XI if name != "micro"]
    if "table-xii" in parts:
        made.append(Contest("io-1ms", effort.table_xii, has_oracle=False))
    if parts & {"table-xiii", "figure-8"}:
        made += [Contest(name, (ADAPTIVE,)) for name in EDGE]
    if "table-xiii" in parts:
        made += [Contest(name, (ADAPTIVE,), library_threads="as-they-come") for name in effort.own_pools]
    return made


def group(contest: Contest, effort: Effort, python: Interpreter, cores: int, available: list[int]) -> Group:
    """On so many cores: those that stand for the paper's four."""
    workload = WORKLOADS[contest.workload]
    if contest.workload in EDGE:
        workload = dataclasses.replace(workload, most_threads=min(workload.most_threads, effort.edge_most))
    return Group(python, str(cores), core_numbers(str(cores), available), workload, contest.library_threads)


def looked_at(best: int) -> int:
    """The count among those that are looked at that is nearest to the best one, by their ratio."""
    return min(LOOKED_AT, key=lambda count: max(count / best, best / count))
