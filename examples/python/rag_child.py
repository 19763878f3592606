"""Runs a function in a child process, under a time limit.

Threads cannot be ended from outside, processes can: 256 threads on a free-threaded interpreter may take minutes to start, and a trial that
does not finish must not take the whole run with it. A fresh process also gives each trial the same cold start.

The two talk in lines of JSON: the argument goes in, progress and then the result come out.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Callable


class DidNotFinish(Exception):
    """Says why."""


def call(function: str, argument: Any, limit: float, on_progress: Callable[[int], None]) -> Any:
    """What `function` ("module:name") returns for (argument, progress). Raises DidNotFinish when it fails or takes over `limit` seconds."""
    child = subprocess.Popen(
        [sys.executable, __file__, function],
        stdin=subprocess.PIPE,  # stays open until the end: the child leaves when it closes, whatever became of us
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is ours to handle
        text=True,
    )
    ends = time.monotonic() + limit
    timer = threading.Timer(limit, child.kill)
    try:
        timer.start()
        child.stdin.write(json.dumps(argument) + "\n")
        child.stdin.flush()
        for line in child.stdout:
            [(kind, value)] = json.loads(line).items()
            if kind == "result":
                return value
            if kind == "error":
                raise DidNotFinish(value)
            on_progress(value)
        raise DidNotFinish(f"not within {limit:g} s" if time.monotonic() >= ends else _ending(child.wait()))
    except BrokenPipeError:
        raise DidNotFinish(_ending(child.wait())) from None
    finally:
        timer.cancel()
        child.kill()
        child.wait()
        child.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()


def _ending(code: int) -> str:
    return f"its process ended with code {code}" if code >= 0 else f"its process was ended by {signal.Signals(-code).name}"


def _main(function: str) -> None:
    argument = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    module, name = function.split(":")
    try:
        result = getattr(importlib.import_module(module), name)(argument, _Progress())
    except Exception as error:
        _say("error", f"{type(error).__name__}: {error}")
    else:
        _say("result", result)


class _Progress:
    """Passes on ten a second: a pipe write for each query would be part of what is measured."""

    due = 0.0

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now >= self.due:
            self.due = now + 0.1
            _say("progress", done)


def _leave_with_parent() -> None:
    # os.read and not sys.stdin: a thread that waits inside a buffered file would hold its lock when the interpreter ends.
    while os.read(0, 1):
        pass
    os._exit(1)


def _say(kind: str, value: Any) -> None:
    print(json.dumps({kind: value}), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
