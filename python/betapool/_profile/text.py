"""A profile for a terminal of 80 columns: by rich if it is there, and as plain text without."""

from __future__ import annotations

import contextlib
import textwrap
from typing import Any, TextIO

from betapool._profile.advice import number, percent
from betapool._profile.records import IO_STATES, Group, Profile

COLUMNS = ("threads", "core", "queued", "GIL", "lock", "I/O", "idle", "beta", "beta_io")
_WIDTHS = (8, 6, 7, 6, 6, 6, 6, 6, 8)
_STYLES = ("bold", "green", "yellow", "red", "magenta", "cyan", "dim", "", "")
LEGEND = "core: on one; queued: for one; lock: not the GIL; beta: 1 - CPU/wall; beta_io: share of busy time not spent on core, queue or GIL"
_MOST_ROWS = 12


def cells(group: Group) -> list[str]:
    """A row of the table after the name. Shares of the threads' time."""
    total = group.mean_threads or 1.0
    states = group.states
    io = sum(states[state.name.lower()] for state in IO_STATES)
    shares = [states["cpu"], states["queued"], states["gil"], states["lock"], io, states["idle"]]
    betas = ["-" if value is None else f"{value:.2f}" for value in (group.beta, group.beta_io)]
    return [number(group.mean_threads), *(_share(value / total) for value in shares), *betas]


def _share(value: float) -> str:
    return "-" if value < 0.0005 else f"{100 * value:.1f}%" if value < 0.0995 else f"{100 * value:.0f}%"


def rows(profile: Profile) -> list[tuple[str, list[str]]]:
    found = [(group.name, cells(group)) for group in profile.groups[:_MOST_ROWS]]
    if len(profile.groups) > _MOST_ROWS:
        found.append((f"... {len(profile.groups) - _MOST_ROWS} more groups", [""] * len(COLUMNS)))
    if len(profile.groups) > 1:
        found.append(("all", cells(profile.total)))
    return found


def rates(profile: Profile) -> str:
    """Of the pools among the groups; empty if there is none."""
    found = [f"{group.name} {number(group.tasks_per_second)}" for group in profile.groups if group.tasks_per_second is not None]
    return "tasks/s: " + ", ".join(found) if found else ""


def heading(profile: Profile) -> str:
    gil = "no GIL" if profile.gil is False else "GIL not seen" if profile.gil_held is None else f"GIL held {percent(profile.gil_held)}"
    cores = f"{profile.total.states['cpu']:.2f} of {profile.cores:g} cores"
    return f"{profile.seconds:.1f} s, Python {profile.python}, {gil}, {cores}, {profile.total.threads} threads seen"


def footing(profile: Profile) -> str:
    cost = profile.cost / profile.seconds if profile.seconds > 0 else 0.0
    return f"{profile.looks} looks; sampling took {100 * cost:.1f}% of a core"


def as_text(profile: Profile, width: int = 80) -> str:
    lines = [heading(profile), ""]
    table = rows(profile)
    name_width = min(max([len("group"), *(len(name) for name, _ in table)]), max(width - sum(_WIDTHS), 12))
    for name, values in [("group", list(COLUMNS)), *table]:
        name = name if len(name) <= name_width else name[: name_width - 2] + ".."
        lines.append((name.ljust(name_width) + "".join(value.rjust(room) for value, room in zip(values, _WIDTHS))).rstrip())
    lines.append("")
    for paragraph in filter(None, (rates(profile), profile.verdict, *profile.advice)):
        lines += textwrap.wrap(paragraph, width, subsequent_indent="  ")
    return "\n".join([*lines, "", footing(profile)])


def as_rich(profile: Profile, title: str | None = None) -> Any:
    """The same as something that rich can show. ImportError without rich."""
    from rich.console import Group as Lines
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), title=title, title_justify="left")
    table.add_column("group", overflow="ellipsis", no_wrap=True, max_width=20)
    for column, style in zip(COLUMNS, _STYLES):
        table.add_column(column, justify="right", style=style, no_wrap=True)
    for name, values in rows(profile):
        table.add_row(name, *values, style="bold" if name == "all" else "")
    advice = [Text(line, style="") for line in profile.advice]
    parts: list[Any] = [Text(heading(profile), style="bold"), Text(), table, Text()]
    parts += [Text(rates(profile))] if rates(profile) else []
    return Lines(*parts, Text(profile.verdict, style="bold"), *advice, Text(), Text(footing(profile), style="dim"))


def show(profile: Profile, file: TextIO) -> None:
    if file.isatty():
        with contextlib.suppress(ImportError):
            from rich.console import Console

            Console(file=file, highlight=False).print(as_rich(profile))
            return
    print(as_text(profile), file=file)
