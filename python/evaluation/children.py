"""Runs a function of cell.py in a process of its own, under a time limit."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import psutil

PACKAGE_PARENT = Path(__file__).resolve().parent.parent
SECONDS_TO_LEAVE = 10.0
"""What a process that has said its outcome may still take to end."""


class DidNotFinish(Exception):
    """Says why."""


def call(python: str, function: str, request: dict[str, Any], limit: float, *packages: Path) -> dict[str, Any]:
    """What the function says. Raises DidNotFinish if it fails, crashes, or takes over `limit` seconds. `packages` is where betapool is, and
    what else the function imports."""
    with tempfile.TemporaryFile("w+", errors="replace") as messages:
        child = subprocess.Popen(
            [python, "-m", "evaluation.cell", function],
            stdin=subprocess.PIPE,  # stays open until the end: the child leaves when it closes, whatever became of us
            stdout=subprocess.PIPE,
            stderr=messages,
            env=environment(*packages),
            cwd="/",  # Python imports from where it is started first: there may be another package of these names
            start_new_session=True,  # Ctrl-C is ours to handle
            text=True,
        )
        assert child.stdin is not None and child.stdout is not None
        ended_by_us = threading.Event()

        def end() -> None:
            ended_by_us.set()
            end_group(child)

        timer = threading.Timer(limit, end)
        try:
            timer.start()
            with contextlib.suppress(BrokenPipeError):  # it crashed at once; its end tells how
                child.stdin.write(json.dumps(request) + "\n")
                child.stdin.flush()
            line = child.stdout.readline()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(SECONDS_TO_LEAVE)
            if ended_by_us.is_set():
                raise DidNotFinish(f"not within {limit:g} s")
            if child.returncode is None:
                raise DidNotFinish(f"its process was still there {SECONDS_TO_LEAVE:g} s after its end")
            if child.returncode != 0 or not line:
                messages.seek(0)
                raise DidNotFinish(f"{ending(child.returncode)}: {last_line(messages.read())}")
        finally:
            timer.cancel()
            end_group(child)
            child.wait()
            child.stdout.close()
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
    outcome: dict[str, Any] = json.loads(line)
    if "failure" in outcome:
        raise DidNotFinish(outcome["failure"])
    return outcome


def end_group(child: subprocess.Popen[str]) -> None:
    """With the processes that it has started itself, for it leads a group of its own."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def environment(*packages: Path) -> dict[str, str]:
    """With these folders to import from, before our own, and without what else would change the interpreters that are measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, [*packages, PACKAGE_PARENT]))}


def ending(code: int) -> str:
    return f"its process ended with code {code}" if code >= 0 else f"its process was ended by {signal.Signals(-code).name}"


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "without a message"


def end_leftovers() -> list[str]:
    """Ends what this process has started and not ended; says what it was. There should be none."""
    left = psutil.Process().children(recursive=True)
    names = []
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            names.append(f"{process.pid} ({' '.join(process.cmdline())})")
            process.kill()
    psutil.wait_procs(left, timeout=5)
    return names
