"""The names of what is compared. What they stand for is in pools.py and coroutines.py, which only the measured processes import."""

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

CONCURRENT_LABELS = {
    "asyncio": "asyncio, {} at a time",
    "to-thread": "asyncio.to_thread(), {} at a time",
    "to-thread-betapool": "asyncio.to_thread() on betapool, {} at a time",
    "gevent": "gevent, {} at a time",
}
"""Those that are given a number of tasks under way at once: they have an event loop in one thread."""

WATCHED = "watched"
"""So many threads whose controller decides nothing, but says what it sees: beta and beta_io of a static count."""
_OTHER_LABELS = {WATCHED: "{} threads, looked at", **STATIC_LABELS, **CONCURRENT_LABELS}

POLICIES = ("adaptive", "paper", "paper-io")
"""Those that are this project's own."""
OURS = (*POLICIES, WATCHED, "to-thread-betapool")
"""Whose figures another build of the library may change."""


class Strategy(NamedTuple):
    name: str
    threads: int | None = None
    """How many, or how many tasks at once, if it is given a number."""
    beta_threshold: float | None = None
    """Of Algorithm 1, if not its own."""
    interval: float | None = None
    """Seconds between decisions, if not its own."""

    @property
    def is_static(self) -> bool:
        return self.name in STATIC_LABELS

    @property
    def is_given_threads(self) -> bool:
        """They are all there from the beginning."""
        return self.is_static or self.name == WATCHED

    def __str__(self) -> str:
        parts = [self.name, *(f"{each:g}" for each in (self.threads, self.beta_threshold) if each is not None)]
        return "-".join(parts) + (f"@{1000 * self.interval:g}ms" if self.interval is not None else "")

    @property
    def label(self) -> str:
        label = LABELS[self.name] if self.threads is None else _OTHER_LABELS[self.name].format(self.threads)
        if self.beta_threshold is not None:
            label += f", beta > {self.beta_threshold:g}"
        return label + (f", every {1000 * self.interval:g} ms" if self.interval is not None else "")
