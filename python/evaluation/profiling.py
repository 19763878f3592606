"""What `python -m betapool profile` costs one workload: a function of cell.py.

What sampling takes is counted by the kernel, and so exact: the CPU time of the thread that does it. What else the program may lose by it
(the profiler's thread takes a core from another, the kernel holds locks for it) shows in the tasks that it finishes. For that the profiler
looks in every other slice of time, in turns that cancel a drifting machine (without, with, with, without).
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

from betapool._profile.session import Session
from evaluation.gil import require_no_gil
from evaluation.load import ClosedLoop, hold_workers
from evaluation.pools import BetaPool
from evaluation.workloads import WORKLOADS, Setting

WARM_UP = 0.5
PAUSE = 0.05
"""Seconds after the profiler has come or gone."""
WATCHED = 1.5
"""Seconds for which it looks without a break, to say what that takes. They include its beginning, when it opens a file for each thread."""


def measure(request: dict[str, Any]) -> dict[str, Any]:
    threads, pairs, seconds = request["threads"], request["pairs"], request["seconds"]
    task = WORKLOADS[request["workload"]].make(Setting(**request["setting"]))
    require_no_gil()
    pool = BetaPool("fixed", threads)
    slices: list[tuple[float, float]] = []
    with pool.executor:
        let_go = hold_workers(pool.executor, threads)
        # This thread has to get the GIL from the others for all it does: when it will be done cannot be known before.
        loop = ClosedLoop(task, 2 * threads + 64, time.monotonic(), math.inf)
        loop.start(pool.executor)
        let_go()
        time.sleep(WARM_UP)
        for number in range(2 * pairs):
            profiler = Session() if is_profiled(number) else None
            if profiler:
                profiler.start()
            time.sleep(PAUSE)
            start = time.monotonic()
            time.sleep(seconds)
            slices.append((start, time.monotonic()))
            if profiler:
                profiler.stop()
        share_of_core, share_of_process = _sampling()
        loop.end()
    if loop.failures:
        raise loop.failures[0]
    rates = [done / (end - start) for done, (start, end) in zip(done_in(slices, loop.spans()), slices)]
    alone = [rate for number, rate in enumerate(rates) if not is_profiled(number)]
    profiled = [rate for number, rate in enumerate(rates) if is_profiled(number)]
    return {
        "alone": sum(alone) / pairs,  # tasks a second
        "profiled": sum(profiled) / pairs,
        "share_of_core": share_of_core,  # what sampling takes
        "share_of_process": share_of_process,  # the same, of the CPU time of the process
        "losses": [1 - with_it / without for with_it, without in zip(profiled, alone)],  # of each pair: the share of the tasks
    }


def _sampling() -> tuple[float, float]:
    """The sampling thread's CPU time as a share of a core, and of what the process used in that time."""
    profiler = Session()
    began = time.process_time()
    profiler.start()
    time.sleep(WATCHED)
    profile = profiler.stop()
    return profile.cost / profile.seconds, profile.cost / (time.process_time() - began)


def is_profiled(number: int) -> bool:
    return number % 4 in (1, 2)


def done_in(slices: Sequence[tuple[float, float]], threads: Iterable[Sequence[float]]) -> list[float]:
    """Tasks done in each slice; one that was under way in several, or between them, counts by its share. `threads`: ClosedLoop.spans()."""
    ends = [end for _, end in slices]
    done = [0.0] * len(slices)
    for spans in threads:
        for start, end in zip(spans[::2], spans[1::2]):
            number = bisect_right(ends, start)
            while number < len(slices) and slices[number][0] < end:
                shared = min(end, slices[number][1]) - max(start, slices[number][0])
                done[number] += shared / (end - start)
                number += 1
    return done
