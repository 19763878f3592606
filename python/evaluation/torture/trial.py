"""A program that something happens to, and what it must have said and done all the same.

Each task that a program submits has a number, which it says when it was accepted (a17), when it runs (r17) and when it is cancelled (c17).
"""

from __future__ import annotations

import collections
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

PACKAGE_PARENT = Path(__file__).parents[2]
SECONDS = 90
"""A program that takes so long hangs, however loaded the machine is."""

HEAD = """
import atexit, itertools, os, resource, select, signal, sys, threading, time, zlib
from betapool import AdaptiveThreadPoolExecutor as Executor

next_number = itertools.count().__next__

def say(word):
    os.write(1, (word + "\\n").encode())

def submit(pool, function=None, *arguments):
    number = next_number()
    def task():
        say(f"r{number}")
        return function(*arguments) if function else number
    future = pool.submit(task)
    say(f"a{number}")
    return future
"""


class Trial(NamedTuple):
    name: str
    code: str
    status: int = 0
    """What the program ends with; negative: the signal."""
    drains: bool = True
    """Whether each task that was accepted must have run or been cancelled, once."""
    prefix: tuple[str, ...] = ()
    """What the interpreter is run by."""
    works: int = 1
    """How often the thing happens in one run."""
    fault: str = ""
    """What happens, where several trials are of the same; else its name says it."""


class Verdict(NamedTuple):
    trial: Trial
    failure: str | None
    skipped: str | None
    """Why it could not be tried."""
    tasks: int
    lost: int


def run(trial: Trial, python: str) -> Verdict:
    """Runs it once, in a process group of its own, of which nothing is left."""
    if trial.prefix and shutil.which(trial.prefix[0]) is None:
        return Verdict(trial, None, f"there is no {trial.prefix[0]}", 0, 0)
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_PARENT), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        command = [*trial.prefix, python, "-X", "faulthandler", "-c", HEAD + trial.code]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment, cwd="/", start_new_session=True
        )
        try:
            process.wait(SECONDS)
            failure = None
        except subprocess.TimeoutExpired:
            failure = f"hangs: not over after {SECONDS} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        errors.seek(0)
        said, complaint = output.read().decode(), errors.read().decode()
    skipped = next((line[5:] for line in said.splitlines() if line.startswith("skip ")), None)
    if skipped is not None and failure is None:
        return Verdict(trial, None, skipped, 0, 0)
    accepted, lost, wrong = tally(said)
    if failure is None and process.returncode != trial.status:
        failure = f"ended with {process.returncode}, not {trial.status}"
    if failure is None and trial.status != -signal.SIGABRT and "Fatal Python error" in complaint:
        failure = "crashed"
    if failure is None and wrong:
        failure = f"ran or were cancelled more than once: {wrong[:5]}"
    if failure is None and trial.drains and lost:
        failure = f"{len(lost)} of {accepted} tasks lost: {lost[:5]}"
    if failure is not None:
        failure += "\n" + complaint[-3000:]
    return Verdict(trial, failure, None, accepted, len(lost) if trial.drains else 0)


def tally(said: str) -> tuple[int, list[str], list[str]]:
    """How many tasks were accepted, which of them were lost, and which ended more often than they should."""
    words = collections.Counter(said.split())
    accepted = {word[1:] for word in words if word[0] == "a" and word[1:].isdigit()}
    ended = collections.Counter()
    for word, count in words.items():
        if word[0] in "rc" and word[1:].isdigit():
            ended[word[1:]] += count
    wrong = [number for number, count in ended.items() if count > 1]
    return len(accepted), sorted(accepted - set(ended)), wrong
