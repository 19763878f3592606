"""The strategies as executors, each with the few things the harness asks of it.

Which `betapool` is imported here the process's path decides: this project's, or the reference package aside (reference.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Protocol

import betapool
from evaluation.queue_scaler import QueueScaler
from evaluation.strategies import POLICIES, REFERENCE_VERSION, WATCHED, Strategy

LOOKS = 0.1
"""Seconds between two looks of a controller that only looks on."""


class Pool(Protocol):
    @property
    def executor(self) -> Executor: ...

    def threads(self) -> int:
        """Threads that exist to run tasks, at this moment."""

    def facts(self, began: float) -> dict[str, Any]:
        """What the strategy tells of itself at the end of a run."""


class BetaPool:
    """This project's executor. With the policy 'fixed' it is a static count."""

    def __init__(self, policy: str, max_workers: int | None, **settings: Any) -> None:
        self.executor = betapool.AdaptiveThreadPoolExecutor(max_workers, policy=policy, **settings)

    def threads(self) -> int:
        return self.executor.stats().threads

    def facts(self, began: float) -> dict[str, Any]:
        stats, decisions = self.executor.stats(), self.executor.decisions()
        moves = [
            [round(decision.time - began, 3), decision.threads, decision.reason]
            for decision in decisions
            if decision.threads != decision.threads_before
        ]
        return {
            "vetoes": stats.vetoes,
            "wait_states": stats.wait_states,
            "moves": moves,
            "target": stats.target_threads,
            "beta_io": mean(decision.beta_io for decision in decisions),
        }


class Standard:
    """concurrent.futures' own."""

    def __init__(self, max_workers: int | None) -> None:
        self.executor = ThreadPoolExecutor(max_workers)

    def threads(self) -> int:
        return len(self.executor._threads)

    def facts(self, began: float) -> dict[str, Any]:
        return {}


class QueueDepth:
    def __init__(self, max_workers: int) -> None:
        self.executor = QueueScaler(max_workers)

    def threads(self) -> int:
        return self.executor.thread_count()

    def facts(self, began: float) -> dict[str, Any]:
        return {}


class Reference:
    """The Python package that the paper's authors published, with its own defaults: 4 to 64 threads."""

    def __init__(self) -> None:
        if betapool.__version__ != REFERENCE_VERSION:
            raise RuntimeError(f"the reference is betapool {REFERENCE_VERSION}, but {betapool.__version__} was imported")
        self.executor = betapool.AdaptiveThreadPoolExecutor()

    def threads(self) -> int:
        return len(self.executor._executor._threads)

    def facts(self, began: float) -> dict[str, Any]:
        return {}


def mean(values: Iterable[float | None]) -> float | None:
    """Of those that are known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def make(strategy: Strategy, max_workers: int) -> Pool:
    """max_workers limits those that choose a count and have no limits of their own, as Algorithm 1 (4 to 64) has."""
    if strategy.name in POLICIES:
        settings = {"beta_threshold": strategy.beta_threshold, "interval": strategy.interval}
        return BetaPool(strategy.name, max_workers if strategy.name == "adaptive" else None, **settings)
    if strategy.name == "fixed":
        return BetaPool("fixed", strategy.threads)
    if strategy.name == WATCHED:
        return BetaPool("paper", strategy.threads, min_workers=strategy.threads, interval=LOOKS)
    if strategy.name in ("tpe", "tpe-default"):
        return Standard(strategy.threads)
    if strategy.name == "queue-depth":
        return QueueDepth(max_workers)
    if strategy.name == "reference":
        return Reference()
    raise ValueError(f"no strategy is called {strategy.name}")
