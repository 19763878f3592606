"""What the tests share. Every test has a time limit (pyproject.toml), every process that one starts has one too."""

import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import pytest

import betapool

# Of the package that is tested: of a checkout, or one that was installed.
PACKAGE_PARENT = Path(betapool.__file__).resolve().parent.parent
PROJECT = Path(__file__).resolve().parent.parent.parent
# Tests with other people's libraries, in an environment of their own: make test-clients.
collect_ignore = ["clients"]

FREE_THREADED = not getattr(sys, "_is_gil_enabled", lambda: True)()


def eventually(condition, timeout=20.0):
    """Waits until a condition holds; it must."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.002)


def run_python(code, *, timeout=30.0, arguments=(), environment=None):
    """Runs code in an interpreter of its own. Returns the finished process, with its output as text."""
    return subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT), **(environment or {})},
    )


def run_in_child(function, timeout=20):
    """Forks, and runs a function in the child. Fails if it raises or hangs; what threads did at that time is on stderr."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            faulthandler.register(signal.SIGALRM, file=sys.__stderr__, chain=True)
            signal.alarm(timeout)
            function()
            code = 0
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    assert exit_code(process, timeout + 5) == 0


def exit_code(process, timeout):
    """Waits for a child and returns its exit code; kills it, and fails, after a time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        finished, status = os.waitpid(process, os.WNOHANG)
        if finished:
            return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    pytest.fail("a forked child hangs")


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """After each test there is no Python thread that was not there before."""
    before = set(threading.enumerate())
    yield
    eventually(lambda: set(threading.enumerate()) <= before)


def native_thread_count():
    """All threads of this process, those that Python does not know among them."""
    return len(os.listdir("/proc/self/task"))
