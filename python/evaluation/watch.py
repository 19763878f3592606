"""Looks at a pool while it works: how many threads it has, and what its control costs."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from evaluation.load import ClosedLoop
from evaluation.pools import Pool

INTERVAL = 0.25
"""Seconds between two looks. Each needs the GIL for a moment."""


class Watch:
    """Used by the thread that made it, while `loop` runs. Where many threads want the GIL a look comes late; so each notes its time."""

    def __init__(self, loop: ClosedLoop, pool: Pool, bystanders: set[int]) -> None:
        """`bystanders` are native ids of threads that were there before the pool."""
        self.seen: list[tuple[float, int]] = []
        self._loop = loop
        self._pool = pool
        self._bystanders = bystanders

    def until(self, end: float) -> None:
        while True:
            now = time.monotonic()
            self.seen.append((now, self._pool.threads()))
            if now >= end or self._loop.failures:
                return
            time.sleep(min(INTERVAL, end - now))

    def mean_threads(self, since: float) -> float:
        """Weighted by time, as far as it was looked at."""
        total = covered = 0.0
        for (moment, count), (following, _) in zip(self.seen, self.seen[1:]):
            seconds = max(0.0, following - max(moment, since))
            total += count * seconds
            covered += seconds
        return total / covered if covered else self.seen[-1][1]

    def control_cpu(self) -> tuple[float, dict[str, float]]:
        """The time, and the CPU seconds so far of each thread that came with the pool and never had a task: monitors, tickers."""
        workers = self._loop.worker_ids()
        others = [path for path in Path("/proc/self/task").iterdir() if int(path.name) not in workers | self._bystanders]
        return time.monotonic(), {path.name: seconds for path in others if (seconds := cpu_seconds(path)) is not None}


def cpu_share(before: tuple[float, dict[str, float]], after: tuple[float, dict[str, float]]) -> float | None:
    """Of one core, by the threads that were there both times. None where it cannot be read."""
    both = before[1].keys() & after[1].keys()
    if not both:
        return None
    return sum(after[1][name] - before[1][name] for name in both) / (after[0] - before[0])


def cpu_seconds(task: Path) -> float | None:
    """None if the thread is gone, or the kernel keeps no scheduling statistics."""
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return None


def native_ids() -> set[int]:
    return {thread.native_id for thread in threading.enumerate() if thread.native_id is not None}
