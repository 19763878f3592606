"""From the starts and ends of tasks to rates and latencies."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

BINS = 200
"""So many parts a run is divided into."""
SETTLED = 0.95
SETTLING_SPAN = 20
"""Bins whose rate tells whether a pool has settled: one alone says little where tasks are few."""


class Timeline(NamedTuple):
    seconds: float
    bins: list[float]
    """Tasks done in each part of the run. One that was under way in several counts in each by its share: else tasks of two seconds, which
    come in waves, would be counted five times or four by chance."""
    latencies: list[float]
    """Seconds of each task that ended in the second half, sorted."""
    working: int
    """Threads that ended a task in the second half."""

    @property
    def whole_rate(self) -> float:
        return sum(self.bins) / self.seconds

    @property
    def steady_rate(self) -> float:
        """Tasks per second in the second half."""
        half = len(self.bins) // 2
        return sum(self.bins[half:]) / (self.seconds * (len(self.bins) - half) / len(self.bins))

    def latency(self, share: float) -> float | None:
        """Seconds within which this share of the tasks was done (nearest rank)."""
        if not self.latencies:
            return None
        return self.latencies[math.ceil(share * len(self.latencies)) - 1]

    def seconds_to_settle(self) -> float | None:
        """From when on the rate was 95 % of the steady one. None if nothing was done."""
        wanted = SETTLED * self.steady_rate * SETTLING_SPAN * self.seconds / len(self.bins)
        if wanted == 0:
            return None
        for first in range(len(self.bins) - SETTLING_SPAN + 1):
            if sum(self.bins[first : first + SETTLING_SPAN]) >= wanted:
                return first * self.seconds / len(self.bins)
        return None

    def figures(self) -> dict[str, Any]:
        """What a cell says of its run."""
        return {
            "rate": self.steady_rate,
            "whole_rate": self.whole_rate,
            "settled": self.seconds_to_settle(),
            "p50": self.latency(0.50),
            "p99": self.latency(0.99),
            "bins": [round(count, 1) for count in self.bins],
        }


def build(threads: Iterable[Sequence[float]], began: float, seconds: float) -> Timeline:
    """From what each thread recorded: start, end, start, end, ..."""
    bins = [0.0] * BINS
    width = seconds / BINS
    half, ends = began + seconds / 2, began + seconds
    latencies = array("d")
    working = 0
    for spans in threads:
        before = len(latencies)
        moments = iter(spans)
        for start, end in zip(moments, moments):
            first = int((start - began) / width)
            last = int((end - began) / width)
            if first == last:
                if first < BINS:
                    bins[first] += 1
            else:
                spread(bins, (start - began) / width, (end - began) / width)
            if half <= end < ends:
                latencies.append(end - start)
        working += len(latencies) > before
    return Timeline(seconds, bins, sorted(latencies), working)


def spread(bins: list[float], start: float, end: float) -> None:
    """One task over the bins that it was under way in; `start` and `end` are in bins. What is past the last one is lost."""
    for number in range(int(start), min(int(end) + 1, len(bins))):
        bins[number] += (min(end, number + 1) - max(start, number)) / (end - start)
