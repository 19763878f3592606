"""What a profile means: the bottleneck, and how many threads would do.

The arithmetic is the adaptive policy's (Sources/BetaPool/Control/AdaptivePolicy.swift). Threads form a closed network: those that wait for
I/O do so side by side, and those in front of the GIL, or of a core, one behind the other. About 5 times the square root of the former are
enough in front to keep it busy (square-root staffing, Halfin and Whitt 1981, times two); what is beyond that could leave and nothing would
slow down.
"""

from __future__ import annotations

import math

from betapool._profile.records import IO_STATES, STATE_TEXTS, Group, State

K = 5.0
_CROWDED = 1.5
_BUSY = 0.85
_MOSTLY = 0.75
_NOTABLE = 0.1


def _surplus(group: Group) -> float:
    return group.states["gil"] + group.states["queued"]


def enough_in_front(waiting: float) -> float:
    return K * math.sqrt(max(waiting, 0.0))


def in_front(groups: list[Group]) -> list[Group]:
    """Those that stand in front of the GIL or of a core for a good part of their time. How long others sleep does not matter there."""
    return [group for group in groups if _surplus(group) >= _NOTABLE * max(group.busy, 1e-9)]


def is_crowded(front: list[Group]) -> bool:
    surplus = sum(map(_surplus, front))
    return surplus >= 0.25 and surplus > _CROWDED * enough_in_front(sum(group.waiting for group in front))


def bottleneck_of(workers: Group, groups: list[Group], gil_held: float | None, cores: float) -> str:
    """'gil', 'cores', 'io', 'lock', 'idle' or 'none' (nothing was seen). `workers` is the groups as one."""
    gil_is_busy = gil_held is not None and gil_held >= _BUSY
    cores_are_busy = workers.states["cpu"] >= _BUSY * cores
    waits_for = "gil" if workers.states["gil"] > workers.states["queued"] else "cores"
    if is_crowded(in_front(groups)):
        return waits_for
    if gil_is_busy or cores_are_busy:
        return "gil" if gil_is_busy else "cores"
    io = sum(workers.states[state.name.lower()] for state in IO_STATES)
    if workers.states["idle"] > _MOSTLY * workers.mean_threads:
        return "idle"
    found = {"io": io, "lock": workers.states["lock"], waits_for: workers.states["cpu"] + _surplus(workers)}
    name = max(found, key=lambda key: found[key])
    return name if found[name] > 1e-3 else "none"


def workers_of(groups: list[Group]) -> list[Group]:
    """Without the main thread, if it only waits for the others."""
    others = [group for group in groups if group.name != "MainThread"]
    main_computes = any(group.states["cpu"] > 0.05 for group in groups if group.name == "MainThread")
    return groups if main_computes or sum(group.mean_threads for group in others) < 0.5 else others


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


def number(value: float) -> str:
    return f"{value:.0f}" if value >= 20 or abs(value - round(value)) < 0.05 else f"{value:.1f}"


def verdict_of(bottleneck: str, workers: Group, gil_held: float | None, cores: float) -> str:
    """One sentence."""
    use = f"{workers.states['cpu']:.2f} of {cores:g} cores in use"
    gil = "" if gil_held is None else f"the GIL is held {percent(gil_held)} of the time, "
    if bottleneck == "gil":
        waiting = number(workers.states["gil"])
        if waiting == "0":
            return f"The GIL is all that is used: it is held {percent(gil_held)} of the time, though no thread waits for it; {use}."
        return f"Threads wait for the GIL: it is held {percent(gil_held)} of the time, and {waiting} threads wait for it."
    if bottleneck == "cores":
        return f"Threads compute: {gil}{use}, and {number(workers.states['queued'])} threads wait for a core."
    if bottleneck == "lock":
        return f"Threads wait for a lock, for each other or for work: {number(workers.states['lock'])} do so; {gil}{use}."
    if bottleneck == "io":
        kind = max(IO_STATES, key=lambda state: workers.states[state.name.lower()])
        return f"Threads wait for I/O, most of it in {_short(kind)}: {gil}{use}."
    if bottleneck == "idle":
        return f"Threads have nothing to do: {number(workers.states['idle'])} of {number(workers.mean_threads)} are idle in a pool."
    return "Nothing was seen: the program ended before the first look."


def _short(state: State) -> str:
    text = STATE_TEXTS[state]
    return "sleep" if state is State.SLEEP else text.partition(" in ")[2]


def advise(groups: list[Group], gil_held: float | None, cores: float) -> list[str]:
    """A sentence with its arithmetic for each group for which there is one."""
    front = in_front(groups)
    surplus = sum(map(_surplus, front))
    waiting = sum(group.waiting for group in front)
    enough = enough_in_front(waiting)
    crowded = is_crowded(front)
    found = []
    for group in groups:
        mine = _surplus(group)
        if group.mean_threads < 1.5:
            continue
        if crowded and group in front and mine > 0.1 * surplus and mine >= 0.5:
            found.append(_fewer(group, mine, enough * mine / surplus, waiting))
        elif group.states["idle"] > 0.5 * group.mean_threads:
            found.append(f"{group.name} has {number(group.mean_threads)} threads, of which {number(group.states['idle'])} are idle.")
        elif (more := _more(group, gil_held, cores, crowded)) is not None:
            found.append(more)
    return found


def _fewer(group: Group, surplus: float, enough: float, waiting: float) -> str:
    gil, queued = group.states["gil"], group.states["queued"]
    parts = [f"{number(gil)} wait for the GIL"] if gil >= 0.05 * surplus else []
    parts += [f"{number(queued)} for a core"] if queued >= 0.05 * surplus else []
    wanted = max(1, round(group.mean_threads - surplus + enough))
    sum_of_it = f"{number(group.mean_threads)} - {number(surplus)} + {number(enough)}"
    why = "none needs to"
    if waiting >= 0.05:
        why = f"{number(enough)} in front are enough while {number(waiting)} wait for anything else"
    return (
        f"{group.name} has {number(group.mean_threads)} threads; {' and '.join(parts)}, where {why}: "
        f"{wanted} would give the same throughput ({sum_of_it})."
    )


def _more(group: Group, gil_held: float | None, cores: float, crowded: bool) -> str | None:
    """What more threads could bring to those that wait for I/O."""
    io = sum(group.states[state.name.lower()] for state in IO_STATES)
    if crowded or io < 0.5 * group.mean_threads:
        return None
    use = group.states["cpu"] / cores if gil_held is None else max(group.states["cpu"] / cores, gil_held)
    if use >= _BUSY:
        return None
    limit = f"about {number(group.mean_threads / use)}" if use > 0.005 else "hundreds of"
    resource, verb, pronoun = ("the cores", "are", "them") if gil_held is None else ("the GIL", "is", "it")
    return (
        f"{group.name} has {number(group.mean_threads)} threads; {number(io)} wait for I/O and {resource} {verb} used {percent(use)}: "
        f"if work is queued and what they wait for bears it, {limit} threads would keep {pronoun} busy."
    )
