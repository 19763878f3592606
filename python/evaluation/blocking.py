"""The paper's blocking ratio, as the paper measures it: four clock calls around each task."""

from __future__ import annotations

import threading
import time

from evaluation.workloads import Task


class BlockingRatio:
    """Of a task, over all threads that run it. Each thread keeps its own sums: shared ones would be measured too."""

    def __init__(self, task: Task) -> None:
        sums: list[list[float]] = []
        wall_time, cpu_time = time.time, time.thread_time

        class Sums(threading.local):
            def __init__(self) -> None:
                self.of_thread = [0.0, 0.0]
                sums.append(self.of_thread)

        own = Sums()

        def measured() -> None:
            wall, cpu = wall_time(), cpu_time()
            task()
            spent = own.of_thread
            spent[0] += cpu_time() - cpu
            spent[1] += wall_time() - wall

        self.task: Task = measured
        self._sums = sums

    def mean(self) -> float | None:
        """Weighted by time (eq. 3). None if no task has ended."""
        cpu, wall = (sum(column) for column in zip(*self._sums)) if self._sums else (0.0, 0.0)
        return 1 - cpu / wall if wall > 0 else None
