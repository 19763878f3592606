"""What is measured, and in which order. Pure: it is told rates and says what to measure next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from evaluation.interpreters import Interpreter
from evaluation.load import OVERTIME
from evaluation.strategies import Strategy
from evaluation.workloads import Workload

Contestant = TypeVar("Contestant")

GRID = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
COARSE = tuple(1 << power for power in range(9))
PAST_PEAK = 0.9
"""Two coarse counts in a row with less than this share of the best rate: what follows is hopeless."""
PAST_PEAK_IF_DISTURBED = 0.5
"""The same for a count that was measured while others used the machine."""
SAME_RATE = 0.99
LIBRARY_MOST = 64
"""Threads that call a library which has threads of its own. NumPy's OpenBLAS has room for 64 of its own and for 128 calls at once; beyond
that it writes past its arrays and the process crashes, whatever pool the threads are of."""
TURNS = 2
"""Tasks that each thread of a static count has time for in a run, which gets longer if need be: its second half is what counts, and in less
than one task of each thread it would show when they happened to end."""
OVERHEAD = 0.2
"""Seconds that a cell takes beyond its run and its overtime: its interpreter's start, above all."""
LIBRARY_OVERHEAD = 1.0
"""The same where tasks use a library, which is imported; and where runs are often longer than usual, since the tasks are."""


def overhead_of(workload: Workload) -> float:
    return LIBRARY_OVERHEAD if workload.library else OVERHEAD


def seconds_of_a_cell(run: float, overtime: float | None = None, overhead: float = OVERHEAD) -> float:
    """That it takes as a rule, for a run of so many and the usual overtime, or this one."""
    return overhead + run + (OVERTIME * run if overtime is None else overtime)


class Sweep:
    """Finds the best static count: powers of two upwards until clearly past the peak, then the counts between around what was best."""

    def __init__(self, most: int, *, fine: bool = True) -> None:
        self.rates: dict[int, float | None] = {}
        """None: it did not finish."""
        self._disturbed: set[int] = set()
        self._counts = [count for count in GRID if count <= most]
        self._fine = fine

    def note(self, count: int, rate: float | None, *, disturbed: bool = False) -> None:
        self.rates[count] = rate
        if disturbed:
            self._disturbed.add(count)

    def next(self) -> int | None:
        coarse = [count for count in self._counts if count in COARSE]
        for count in coarse:
            if count not in self.rates:
                if self._is_past_peak():
                    break
                return count
        if self._fine and self.best is not None:
            for count in (*self.neighbours(self.best), *self.neighbours(self._knee)[:1]):
                if count not in self.rates:
                    return count
        return None

    @property
    def best_rate(self) -> float | None:
        return max((rate for rate in self.rates.values() if rate), default=None)

    @property
    def best(self) -> int | None:
        finished = {count: rate for count, rate in self.rates.items() if rate}
        return max(finished, key=lambda count: finished[count], default=None)

    def neighbours(self, count: int) -> list[int]:
        """The next count below and above it."""
        place = self._counts.index(count)
        return [*self._counts[max(place - 1, 0) : place], *self._counts[place + 1 : place + 2]]

    @property
    def _knee(self) -> int:
        return smallest_of_the_best({count: rate for count, rate in self.rates.items() if rate})

    def _is_past_peak(self) -> bool:
        coarse = [(count, rate) for count, rate in sorted(self.rates.items()) if count in COARSE]
        if coarse and coarse[-1][1] is None:
            return True
        best = max((rate for _, rate in coarse if rate), default=0.0)
        return len(coarse) > 2 and all(self._is_hopeless(count, rate, best) for count, rate in coarse[-2:])

    def _is_hopeless(self, count: int, rate: float | None, best: float) -> bool:
        return rate is None or rate < best * (PAST_PEAK_IF_DISTURBED if count in self._disturbed else PAST_PEAK)


def smallest_of_the_best(rates: dict[int, float]) -> int:
    """The smallest thread count whose rate is within 1 % of the highest."""
    best = max(rates.values())
    return min(count for count, rate in rates.items() if rate >= SAME_RATE * best)


def finalists(rates: dict[Strategy, float]) -> list[Strategy]:
    """Static counts that may be the best, to be measured again beside the others: one short run says too little of a few per cent."""
    ranked = sorted(rates, key=lambda strategy: rates[strategy], reverse=True)
    if not ranked:
        return []
    as_good = [strategy for strategy in ranked if rates[strategy] >= SAME_RATE * rates[ranked[0]]]
    leanest = min(as_good, key=lambda strategy: strategy.threads or 0)
    return list(dict.fromkeys([*ranked[:2], leanest]))


def challenged(static_rates: dict[Strategy, float], others: list[tuple[float, float]], most: int) -> list[Strategy]:
    """Static counts to be tried too, because somebody with about as many threads was faster than the best so far.

    `others` are rates and mean thread counts of the strategies. A count found by others would otherwise count as better than the best.
    """
    best = max(static_rates.values(), default=0.0)
    nearest = [
        min((count for count in GRID if count <= most), key=lambda count: abs(count - threads)) for rate, threads in others if rate > best
    ]
    return [strategy for strategy in dict.fromkeys(Strategy("fixed", count) for count in nearest) if strategy not in static_rates]


def long_enough(seconds: float, strategy: Strategy, best_rate: float | None) -> float:
    """best_rate: tasks per second of the best static count so far, if any is known."""
    if not (best_rate and strategy.is_given_threads and strategy.threads):
        return seconds
    return max(seconds, TURNS * strategy.threads / best_rate)


def overtime(seconds: float, strategy: Strategy, best_rate: float | None) -> float:
    """Seconds that the load of such a run goes on after what is measured: twice what a task takes as a rule, for some take several times as
    long as others, if that is more than usual. Tasks that are under way at the end would else end among ever fewer others, and the run be
    credited with more of their work than it did: 128 threads under the GIL with 12 % more than the CPU time of the process allows."""
    usual = OVERTIME * seconds
    if not (best_rate and strategy.is_given_threads and strategy.threads):
        return usual
    return max(usual, TURNS * strategy.threads / best_rate)


def turns(contestants: list[Contestant], round: int) -> list[Contestant]:
    """Their order in a round: each begins with another one, so that a noisy machine disturbs all alike."""
    first = (round - 1) % len(contestants)
    return contestants[first:] + contestants[:first]


class Durations(NamedTuple):
    """How long things are measured."""

    seconds: float
    """In a round."""
    static_seconds: float
    """In the sweep of static counts, which says which of them take part in the rounds."""
    rounds: int

    def of(self, round: int) -> float:
        return self.seconds if round else self.static_seconds

    def estimate(
        self, strategies: int, most: int, *, fine: bool, oracle: bool = True, known: Sequence[int] = (), overhead: float = OVERHEAD
    ) -> float:
        """Seconds for one workload, as a rule: a sweep seldom goes to the end, and two or three static counts take part in the rounds.

        known: the rounds of the cells that an earlier run has measured. One that came to the second round had met all who take part.
        """
        static = (3 if fine else 2) if oracle else 0
        contestants = known.count(1) if max(known, default=0) > 1 else strategies + static
        in_rounds = contestants * self.rounds - sum(number > 0 for number in known)
        in_sweep = sum(count <= most for count in COARSE) + (6 if fine else -1) - known.count(0) if oracle and not any(known) else 0
        of_sweep, of_rounds = (seconds_of_a_cell(each, overhead=overhead) for each in (self.static_seconds, self.seconds))
        return max(in_sweep, 0) * of_sweep + max(in_rounds, 0) * of_rounds


class Group(NamedTuple):
    """One workload on one interpreter and so many cores: what one oracle is for."""

    interpreter: Interpreter
    cores: str
    core_numbers: tuple[int, ...]
    workload: Workload
    library_threads: str = "one"
    """That the workload's library may use for one task (workloads.Setting)."""

    @property
    def max_workers(self) -> int:
        """That nobody goes beyond."""
        has_own = self.workload.library is not None and self.library_threads != "one"
        return min(self.interpreter.max_workers, LIBRARY_MOST) if has_own else self.interpreter.max_workers

    @property
    def most_threads(self) -> int:
        return min(self.workload.most_threads, self.max_workers)


def core_numbers(choice: str, available: list[int]) -> tuple[int, ...]:
    """Of 'all' or a number of cores: the last ones, for the first has the most interrupts to serve."""
    return tuple(available if choice == "all" else available[-int(choice) :])
