"""Runs the programs of Tests/bench, each under a time limit and never longer than the harness."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from evaluation.children import PACKAGE_PARENT, DidNotFinish, ending, last_line
from evaluation.native_benches import NativeBench, NativeSizes
from evaluation.native_peers import label

FOLDER = PACKAGE_PARENT.parent / ".build" / "bench"
UNAVAILABLE = 77
LIMIT = 30.0
"""Seconds after which a program is ended."""


class Unavailable(Exception):
    """This peer cannot do that; says why."""


class Library(NamedTuple):
    """Of a peer."""

    path: str
    """Empty: it has none."""
    symbol: str
    version: str
    stripped: int
    """Bytes of its file."""


def answer(command: list[str], limit: float = LIMIT) -> tuple[dict[str, Any], str]:
    """What a program says, and what it or its tool has remarked."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=limit, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        raise DidNotFinish(f"not within {limit:g} s") from None
    if done.returncode == UNAVAILABLE:
        raise Unavailable(last_line(done.stderr).partition(": ")[2])
    if done.returncode:
        raise DidNotFinish(f"{ending(done.returncode)}: {last_line(done.stderr)}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said, done.stderr


def command_of(peer: str, command: str, options: dict[str, float]) -> list[str]:
    return [str(FOLDER / peer), command, *(text for name, value in options.items() for text in (f"--{name}", str(value)))]


def is_built(peer: str) -> bool:
    return (FOLDER / peer).exists()


def library_of(peer: str) -> Library:
    said, _ = answer(command_of(peer, "about", {}))
    path = said["library"]
    return Library(path, said["symbol"], said["version"], stripped_size(path) if path else 0)


CONTROL_LIBRARY = Library(str(FOLDER / "empty.so"), "empty", "", 0)


def stripped_size(library: str) -> int:
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["strip", "-o", file.name, library], check=True, capture_output=True)
        return Path(file.name).stat().st_size


def refusal(peer: str, workers: int) -> str | None:
    """Why it cannot have so many."""
    try:
        answer(command_of(peer, "about", {"workers": workers}))
    except Unavailable as reason:
        return str(reason)
    return None


def calibrate(peer: str) -> float:
    """Iterations per second of the loop that tasks compute with."""
    return float(answer(command_of(peer, "calibrate", {}))[0]["iterations_per_second"])


def measure(peer: str, bench: NativeBench, library: Library, sizes: NativeSizes) -> dict[str, float]:
    if bench.command == "load":
        return load(library, sizes.loads)
    options = {"workers": bench.workers, **bench.options}
    if bench.command == "instructions":
        return instructions(peer, options)
    if bench.command == "rss":
        return memory(peer, bench.workers)
    return bench.values(answer(command_of(peer, bench.command, options))[0])


def load(library: Library, processes: int) -> dict[str, float]:
    said = [answer([str(FOLDER / "load"), library.path, library.symbol])[0] for _ in range(processes)]
    return {name: statistics.median(each[name] for each in said) for name in ("microseconds", "kilobytes")}


def instructions(peer: str, options: dict[str, float]) -> dict[str, float]:
    """Of one task: the difference between so many and twice as many, so that start and end are not in it."""
    tasks = options["tasks"]
    once, twice = (callgrind(command_of(peer, "instructions", {**options, "tasks": number})) for number in (tasks, 2 * tasks))
    return {"instructions": (twice - once) / tasks}


def memory(peer: str, workers: int) -> dict[str, float]:
    """Of one worker: the difference between so many and twice as many, so that the code that is run for the first time is not in it."""
    once, twice = (float(answer(command_of(peer, "rss", {"workers": number}))[0]["kilobytes"]) for number in (workers, 2 * workers))
    return {"kilobytes": (twice - once) / workers}


def callgrind(command: list[str]) -> int:
    _, remarks = answer(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command])
    collected = re.search(r"Collected : (\d+)", remarks)
    if not collected:
        raise DidNotFinish("callgrind did not say how many instructions it saw")
    return int(collected[1])


def has_valgrind() -> bool:
    return shutil.which("valgrind") is not None


@contextlib.contextmanager
def busy(peer: str, core: int) -> Iterator[psutil.Process]:
    """A process that computes on that core for as long as this lasts."""
    burner = subprocess.Popen(command_of(peer, "burn", {"core": core}), stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert burner.stdout is not None
        if not burner.stdout.readline():
            raise DidNotFinish("the process that is to compute beside the others did not start")
        yield psutil.Process(burner.pid)
    finally:
        burner.kill()
        burner.wait()
        if burner.stdout:
            burner.stdout.close()


def who_takes_part(peers: list[str]) -> tuple[dict[str, Library], list[str]]:
    """The libraries of those that are there, and in words those that are not."""
    there, missing = {}, []
    for peer in peers:
        if not is_built(peer):
            missing.append(f"{label(peer)} left out: its library was not found when `make bench-native` built the programs")
            continue
        try:
            there[peer] = library_of(peer)
        except DidNotFinish as error:
            missing.append(f"{label(peer)} left out: {error}")
    return there, missing
