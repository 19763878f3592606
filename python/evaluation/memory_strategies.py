"""Whose memory is measured (Table IX). memory.py, which only the measured processes import, says what they stand for."""

from __future__ import annotations

from evaluation.strategies import Strategy

PROCESSES = "processes"
STRATEGIES = (
    *(Strategy(name, threads) for name in ("tpe", "fixed") for threads in (4, 32, 64)),
    Strategy("adaptive"),
    *(Strategy(PROCESSES, count) for count in (4, 8, 16)),
)
"""In the order of the table."""


def label(strategy: Strategy) -> str:
    return f"ProcessPoolExecutor({strategy.threads})" if strategy.name == PROCESSES else strategy.label


def is_apart(strategy: Strategy) -> bool:
    """It has its tasks done outside of the process's own interpreter."""
    return strategy.name == PROCESSES


def is_ours(strategy: Strategy) -> bool:
    return strategy.name in ("fixed", "adaptive")
