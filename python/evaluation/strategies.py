"""The names of what is compared. What they stand for is in pools.py, which only the measured processes import."""

from __future__ import annotations

from typing import NamedTuple

REFERENCE_VERSION = "1.0.2"

LABELS = {
    "adaptive": "adaptive",
    "paper": "paper (Algorithm 1)",
    "paper-io": "paper-io (on beta_io)",
    "tpe-default": "ThreadPoolExecutor()",
    "queue-depth": "queue-depth scaler",
    "reference": f"betapool {REFERENCE_VERSION} (PyPI)",
}
"""The strategies that choose a count, in the order of the tables."""

STATIC_LABELS = {"fixed": "AdaptiveThreadPoolExecutor({}, policy='fixed')", "tpe": "ThreadPoolExecutor({})"}
"""Those that are given one. The best of them is the oracle."""

POLICIES = ("adaptive", "paper", "paper-io")
"""Those that are this project's own."""


class Strategy(NamedTuple):
    name: str
    threads: int | None = None
    """How many, if it is a static count."""

    @property
    def is_static(self) -> bool:
        return self.threads is not None

    def __str__(self) -> str:
        return self.name if self.threads is None else f"{self.name}-{self.threads}"

    @property
    def label(self) -> str:
        return LABELS[self.name] if self.threads is None else STATIC_LABELS[self.name].format(self.threads)
