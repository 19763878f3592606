"""Who takes part in the benchmark of the executor. What they stand for is in peer_pools.py, which only the measured processes import."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from evaluation.strategies import REFERENCE_VERSION

LACKS = {
    "run": "cannot be given many calls",
    "one-worker": "makes the calls itself, without a thread, if it has one worker",
    "submit": "has no submit()",
    "result": "gives no handle to wait for a single call",
    "map": "has no map() that gives the results in order",
    "futures": "gives no concurrent.futures.Future",
}
"""What a bench may need of a peer, and what is said of a peer that has it not."""

EVERYTHING = frozenset(LACKS)


class Package(NamedTuple):
    """On PyPI (reference.py gets it)."""

    name: str
    version: str
    built_with: tuple[str, ...] = ()
    """What building it needs, if there is only its source: it may not say so itself."""
    constraints: Path | None = None
    """A file of requirements, which says the versions of what it depends on."""
    is_alone: bool = False
    """It is had without what it depends on."""


REFERENCE = Package("betapool", REFERENCE_VERSION)
GEVENT = Package("gevent", "26.9.0")


class Peer(NamedTuple):
    label: str
    meaning: str
    can: frozenset[str] = EVERYTHING
    adapts: bool = False
    """It chooses how many threads there are, up to those it is given. The others are made to start all of them before they are timed."""
    package: Package | None = None
    """Where it comes from, if neither from here nor from the standard library."""

    def refusal(self, needs: str) -> str | None:
        return None if needs in self.can else LACKS[needs]


BASELINE = "tpe"

PEERS = {
    BASELINE: Peer("ThreadPoolExecutor", "concurrent.futures.ThreadPoolExecutor"),
    "fixed": Peer("betapool fixed", "AdaptiveThreadPoolExecutor(policy='fixed')"),
    "adaptive": Peer("betapool", "AdaptiveThreadPoolExecutor(); chooses its thread count", adapts=True),
    "reference": Peer(
        f"betapool {REFERENCE.version}", "the paper's own package, from PyPI; chooses its thread count", adapts=True, package=REFERENCE
    ),
    "fastthreadpool": Peer(
        "fastthreadpool",
        "fastthreadpool.Pool, from PyPI; its results are taken from its queue, which is looked at every 0.5 ms",
        can=frozenset({"run", "one-worker", "submit"}),
        package=Package("fastthreadpool", "1.7.0", built_with=("setuptools", "wheel", "cython")),
    ),
    "ft-utils": Peer(
        "ft_utils queue",
        "ThreadPoolExecutor with the StdConcurrentQueue of ft-utils from PyPI, which has no pool of its own, as its queue",
        package=Package("ft-utils", "0.1.0"),  # the newest that free-threaded builds can install
    ),
    "multiprocessing": Peer("mp ThreadPool", "multiprocessing.pool.ThreadPool: apply_async() and imap()", can=EVERYTHING - {"futures"}),
    "joblib": Peer(
        "joblib",
        "joblib.Parallel(backend='threading'), from PyPI",
        can=frozenset({"run", "map"}),
        package=Package("joblib", "1.5.3"),
    ),
}
"""In the order of the tables."""
