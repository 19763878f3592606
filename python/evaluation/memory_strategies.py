"""Whose memory is measured (Table IX). memory.py, which only the measured processes import, says what they stand for."""

from __future__ import annotations

from evaluation.strategies import Strategy

PROCESSES, INTERPRETERS = "processes", "interpreters"
_APART = {PROCESSES: "ProcessPoolExecutor", INTERPRETERS: "InterpreterPoolExecutor"}
STRATEGIES = (
    *(Strategy(name, threads) for name in ("tpe", "fixed") for threads in (4, 32, 64)),
    Strategy("adaptive"),
    *(Strategy(name, count) for name in _APART for count in (4, 8, 16)),
)
"""In the order of the table."""


def label(strategy: Strategy) -> str:
    return f"{_APART[strategy.name]}({strategy.threads})" if is_apart(strategy) else strategy.label


def is_apart(strategy: Strategy) -> bool:
    """It has its tasks done outside of the process's own interpreter."""
    return strategy.name in _APART


def of(version: str) -> list[Strategy]:
    """Those that this version of Python has."""
    return [strategy for strategy in STRATEGIES if strategy.name != INTERPRETERS or has_interpreters(version)]


def has_interpreters(version: str) -> bool:
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= (3, 14)


def is_ours(strategy: Strategy) -> bool:
    return strategy.name in ("fixed", "adaptive")
