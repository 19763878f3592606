"""A profile for chrome://tracing and ui.perfetto.dev: what each thread did when, as it was seen at the looks."""

from __future__ import annotations

from typing import Any

from betapool._profile.estimate import samples_of
from betapool._profile.records import STATE_TEXTS, Profile, State
from betapool._profile.session import Session

_LONGEST_GAP = 1.0
"""Seconds from one visit to the next that are taken to be one piece; a thread that was away for longer was not seen."""


def as_trace(profile: Profile, session: Session) -> dict[str, Any]:
    """An object for json.dump. Times in it are microseconds."""
    events: list[dict[str, Any]] = [{"name": "process_name", "ph": "M", "pid": 1, "args": {"name": profile.command}}]
    for thread, name in zip(session.threads, session.thread_names):
        events.append({"name": "thread_name", "ph": "M", "pid": 1, "tid": thread.number, "args": {"name": name}})
    open_pieces: dict[int, tuple[State, float, float]] = {}
    for time, _, index, state in samples_of(session.samples):
        piece = open_pieces.get(index)
        if piece is not None and piece[0] is state and time - piece[2] < _LONGEST_GAP:
            open_pieces[index] = (state, piece[1], time)
            continue
        if piece is not None:
            until = time if time - piece[2] < _LONGEST_GAP else piece[2]
            events.append(_slice(session, index, piece, until))
        open_pieces[index] = (state, time, time)
    events += [_slice(session, index, piece, piece[2]) for index, piece in open_pieces.items()]
    times = profile.timeline["times"]
    for name, states in profile.timeline["groups"].items():
        for position, time in enumerate(times):
            values = {state: round(series[position], 3) for state, series in states.items()}
            events.append({"name": name, "ph": "C", "pid": 1, "ts": round(time * 1e6), "args": values})
    return {"traceEvents": events, "displayTimeUnit": "ms", "otherData": {"verdict": profile.verdict}}


def _slice(session: Session, index: int, piece: tuple[State, float, float], until: float) -> dict[str, Any]:
    state, since, _ = piece
    return {
        "name": STATE_TEXTS[state],
        "cat": state.name.lower(),
        "ph": "X",
        "pid": 1,
        "tid": session.threads[index].number,
        "ts": round(since * 1e6),
        "dur": max(1, round((until - since) * 1e6)),
    }
