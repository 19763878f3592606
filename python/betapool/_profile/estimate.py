"""From what a Survey has seen to groups of threads and a timeline."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from typing import Any

from betapool._profile.records import WAITING_STATES, Group, State, ThreadRecord

_SAMPLE = struct.Struct("ffII")
_ENOUGH_VISITS = 8
_MOST_INTERVALS = 240


def group_of(name: str) -> str:
    """A name without what tells one thread of a pool from the next: ThreadPoolExecutor-0_3, Thread-7 (serve), waitress-2."""
    target = re.match(r"Thread-\d+ \((.*)\)$", name)
    if target:
        return f"Thread ({target[1]})"
    if re.match(r"(ThreadPoolExecutor|Dummy|Thread)-\d+$", name):
        return name.rpartition("-")[0]
    return re.sub(r"[-_ ]?\d+$", "", name) or name


def states_of(thread: ThreadRecord) -> dict[State, float]:
    """Seconds by state. The kernel knows exactly how long a thread was on a core and queued for one; samples tell what the rest was."""
    sampled = {state: thread.seconds[state] for state in State}
    total = sum(thread.seconds)
    asleep = total - sampled[State.CPU] - sampled[State.QUEUED] - thread.awake_for_gil
    if thread.visits < _ENOUGH_VISITS or thread.span <= 0:
        return sampled
    cpu = min(thread.cpu / thread.span, 1.0)
    queued = min(thread.queued / thread.span, 1.0 - cpu)
    rest = 1.0 - cpu - queued
    sampled[State.GIL] -= thread.awake_for_gil
    for_gil = _queued_for_gil(thread, cpu, queued, sampled[State.GIL] / asleep * rest if asleep > 0 else 0.0, total - asleep)
    if asleep > 0:
        result = {state: seconds / asleep * rest * total for state, seconds in sampled.items()}
    else:
        result = dict.fromkeys(State, 0.0)
        result[State.OTHER] = rest * total  # sleeps too short to be met
    result[State.CPU] = cpu * total
    result[State.QUEUED] = (queued - for_gil) * total
    result[State.GIL] += for_gil * total
    return result


def _queued_for_gil(thread: ThreadRecord, cpu: float, queued: float, in_gil: float, runnable: float) -> float:
    """What of the share of time that it was queued for a core was only to ask for the GIL, which another thread had.

    Who has the GIL computes or is queued to compute; who has it not is queued to ask for it, as that takes no time, or is in code
    that needs no GIL. Of the latter there is as much as the kernel counts as computing beyond what was seen with the GIL.
    """
    if runnable <= 0:
        return 0.0
    without_gil = (cpu + queued) * thread.without_gil / runnable
    needs_none = max(0.0, cpu - (cpu + queued - without_gil))
    if in_gil + needs_none <= 0:
        return 0.0
    return min(queued, max(0.0, without_gil - needs_none) * in_gil / (in_gil + needs_none))


def make_group(name: str, threads: int, means: dict[State, float]) -> Group:
    """`means`: numbers of threads by state."""
    busy = sum(means.values()) - means[State.IDLE]
    waiting = sum(means[state] for state in WAITING_STATES)
    is_known = busy > 1e-9
    return Group(
        name=name,
        threads=threads,
        mean_threads=sum(means.values()),
        states={state.name.lower(): value for state, value in means.items()},
        beta=1 - means[State.CPU] / busy if is_known else None,
        beta_io=waiting / busy if is_known else None,
        gil_share=means[State.GIL] / busy if is_known else None,
    )


def make_groups(threads: Iterable[ThreadRecord], name_of: Callable[[ThreadRecord], str], seconds: float) -> tuple[list[Group], Group]:
    """Groups, those with most time first, and all threads as one. `seconds` is how long they were watched."""
    sums: dict[str, dict[State, float]] = {}
    counts: dict[str, int] = {}
    total = dict.fromkeys(State, 0.0)
    seen = [thread for thread in threads if thread.visits]
    for thread in seen:
        name = name_of(thread)
        counts[name] = counts.get(name, 0) + 1
        sum_of_group = sums.setdefault(name, dict.fromkeys(State, 0.0))
        for state, value in states_of(thread).items():
            sum_of_group[state] += value
            total[state] += value
    seconds = max(seconds, 1e-9)
    groups = [make_group(name, counts[name], {state: value / seconds for state, value in sums[name].items()}) for name in sums]
    groups.sort(key=lambda group: -group.mean_threads)
    return groups, make_group("total", len(seen), {state: value / seconds for state, value in total.items()})


def merge(groups: list[Group]) -> Group:
    means = {state: sum(group.states[state.name.lower()] for group in groups) for state in State}
    return make_group("all", sum(group.threads for group in groups), means)


def samples_of(data: bytes) -> Iterable[tuple[float, float, int, State]]:
    """Time, weight, index of the thread, and state of each visit."""
    for time, weight, thread, state in _SAMPLE.iter_unpack(data):
        yield time, weight, thread, State(state)


def make_timeline(data: bytes, names: list[str], seconds: float) -> dict[str, Any]:
    """Mean numbers of threads by group and state, in up to 240 intervals of at least a tenth of a second."""
    count = max(1, min(_MOST_INTERVALS, int(seconds / 0.1)))
    width = max(seconds, 1e-9) / count
    groups: dict[str, dict[str, list[float]]] = {}
    for time, weight, thread, state in samples_of(data):
        states = groups.setdefault(names[thread], {})
        series = states.setdefault(state.name.lower(), [0.0] * count)
        series[min(int(time / width), count - 1)] += weight / width
    return {"times": [(index + 0.5) * width for index in range(count)], "groups": groups}
