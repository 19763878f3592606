"""This process and its descendants, by /proc: any interpreter can read it, with the standard library alone."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """Bytes."""

    rss: int
    pss: int
    processes: int


def memory() -> Memory:
    sizes = [size for pid in [os.getpid(), *descendants()] if (size := _of_process(pid)) is not None]
    return Memory(sum(rss for rss, _ in sizes), sum(pss for _, pss in sizes), len(sizes))


def _of_process(pid: int) -> tuple[int, int] | None:
    """RSS and PSS. None if it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]  # the first is the range of addresses
    except (FileNotFoundError, ProcessLookupError):
        return None
    sizes = {name: 1024 * int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return (sizes["Rss"], sizes["Pss"]) if sizes else None


def descendants() -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):  # it has just ended
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(path.name))
    found = list(children.get(os.getpid(), []))
    for pid in found:  # which grows meanwhile
        found += children.get(pid, [])
    return found


def end_descendants() -> None:
    for pid in descendants():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
