"""The machine: what it is, and whether others use it while something is measured."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path
from typing import Any, Callable, NamedTuple

import psutil

MOST_BY_OTHERS = 0.10
"""Cores that other processes may use on average before a figure is flagged."""
MOST_STOLEN = 0.02
"""The same for cores that the hypervisor took away."""


def describe() -> dict[str, Any]:
    return {
        "system": platform.system() + " " + platform.release(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": sorted(os.sched_getaffinity(0)),
        "memory": psutil.virtual_memory().total,
        "load_average": list(os.getloadavg()),
    }


def _processor() -> str:
    """The name that /proc/cpuinfo gives the first one; some architectures give none."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model", "Hardware"):
            return value.strip()
    return "unknown"


class Disturbance(NamedTuple):
    load_average: float
    """Of the last minute, before."""
    others: float
    """Cores used by processes that are not ours."""
    stolen: float
    """Cores taken away by the hypervisor."""

    @property
    def is_too_much(self) -> bool:
        return self.others > MOST_BY_OTHERS or self.stolen > MOST_STOLEN


class Observer:
    """What happens on our cores between its making and `end`."""

    def __init__(self, service_cpu: Callable[[], float]) -> None:
        """service_cpu: CPU seconds so far of processes of ours that go on; those that end are known to the system."""
        self._service_cpu = service_cpu
        self._load_average = os.getloadavg()[0]
        self._began = self._read()

    def end(self) -> Disturbance:
        elapsed, busy, stolen, ours = (after - before for before, after in zip(self._began, self._read()))
        return Disturbance(self._load_average, max(0.0, busy - ours) / elapsed, stolen / elapsed)

    def _read(self) -> tuple[float, float, float, float]:
        cores = [times for number, times in enumerate(psutil.cpu_times(percpu=True)) if number in os.sched_getaffinity(0)]
        busy = sum(core.user + core.nice + core.system + core.irq + core.softirq for core in cores)
        ended, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
        ours = ended.ru_utime + ended.ru_stime + own.ru_utime + own.ru_stime + self._service_cpu()
        return time.monotonic(), busy, sum(core.steal for core in cores), ours
