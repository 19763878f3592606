"""The README's table: what happened, how often, and what was lost. Rows come from runs, and those of several runs are added up."""

from __future__ import annotations

from typing import Any, NamedTuple

GROUPS = {
    "lives": "an interpreter ends, with tasks queued, running, blocked in C, raising, submitting more",
    "forks": "a process forks; child and parent use the pool, the child one of its own too",
    "limits": "a limit of the system is reached, and lifted again",
    "embedding": "an interpreter is started and ended, one life after the other in a process, with pools in use",
    "soak": "minutes of changing load while calls fail at random",
    "faults": "the Nth call of the library fails, alone or with all from there on, for every N",
    "fuzz": "calls that nobody meant",
}
"""In the order of the table; each row of a group says more."""


class Row(NamedTuple):
    group: str
    what: str
    python: str | None
    """'3.13t'; None: the library alone."""
    tried: int
    tasks: int | None = None
    """Those that were accepted; None: not counted."""
    lost: int = 0
    failed: int = 0
    """Tries in which something crashed, hung or was not as promised."""


def merge(rows: list[Row]) -> list[Row]:
    """One row for each thing that happened to each interpreter."""
    merged: dict[tuple[str, str, str | None], Row] = {}
    for row in rows:
        key = row.group, row.what, row.python
        merged[key] = add(merged[key], row) if key in merged else row
    return list(merged.values())


def add(one: Row, other: Row) -> Row:
    tasks = None if one.tasks is None and other.tasks is None else (one.tasks or 0) + (other.tasks or 0)
    return one._replace(
        tried=one.tried + other.tried,
        tasks=tasks,
        lost=one.lost + other.lost,
        failed=one.failed + other.failed,
    )


def markdown(rows: list[Row], notes: list[str]) -> str:
    rows = merge(rows)
    lines = ["| what happened | times | tasks accepted | lost, hung or crashed |", "|---|---:|---:|---|"]
    for group, meaning in GROUPS.items():
        mine = [row for row in rows if row.group == group]
        whats = list(dict.fromkeys(row.what for row in mine))
        if whats:
            lines.append(line(f"**{meaning}**", mine))
        if len(whats) > 1 or group == "soak":
            lines += [line(what, [row for row in mine if row.what == what]) for what in whats]
    return "\n".join([*lines, "", *(f"    {note}" for note in notes)])


def line(what: str, rows: list[Row]) -> str:
    tasks = [row.tasks for row in rows if row.tasks is not None]
    cells = [what, f"{sum(row.tried for row in rows):,}", f"{sum(tasks):,}" if tasks else "-", verdict(rows)]
    return "| " + " | ".join(cells) + " |"


def verdict(rows: list[Row]) -> str:
    lost, failed = sum(row.lost for row in rows), sum(row.failed for row in rows)
    return f"**{lost:,} lost, {failed:,} failed**" if lost or failed else "nothing"


def read(found: dict[str, Any]) -> list[Row]:
    """Of what a run wrote with --json."""
    return [Row(**row) for row in found["rows"]]
