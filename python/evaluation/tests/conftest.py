"""What the tests share: outcomes as a run writes them, and a run that is stopped."""

import signal
import subprocess
import sys
import time

import pytest

from evaluation import children
from evaluation.children import PACKAGE_PARENT
from evaluation.results import Cell, Outcome, Results
from evaluation.strategies import Strategy

BUILD = "b" * 12


def outcome(name, count=None, *, number=1, rate=100.0, failure=None, workload="micro", build=None, seconds=None, disturbed=False, **more):
    strategy = Strategy(name, count)
    seconds = seconds or (20.0 if number else 6.0)
    if build is None and name == "adaptive":
        build = BUILD
    values = {"rate": rate, "whole_rate": 0.9 * rate, "settled": 1.0, "p99": 0.01, "threads": 8.0, "controller_cpu": None, **more}
    cell = Cell("3.11", "all", workload, strategy, number, seconds, build)
    return Outcome(cell, None if failure else values, failure, 0.5, 0.0, 0.0, disturbed)


@pytest.fixture
def results(tmp_path):
    """A file of results with one run and no outcome yet."""
    made = Results(tmp_path / "results.jsonl")
    made.add_run(
        {
            "time": "2026-01-01 00:00:00 +0000",
            "machine": {"processor": "a processor", "cores": [0, 1], "memory": 2**30, "system": "Linux", "load_average": [0, 0, 0]},
            "interpreters": {"3.11": {"name": "3.11", "version": "3.11.2", "path": "python3.11", "free_threaded": False, "build": BUILD}},
            "settings": {"3.11": {}},
            "options": {"seconds": 20.0, "static_seconds": 6.0, "rounds": 3},
        }
    )
    return made


def stopped(module, options, file, look=lambda process: None):
    """What a run of a harness shows that Ctrl-C stops when it has measured something; and what `look` saw before."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *options, "--json", str(file)],
        env=children.environment(PACKAGE_PARENT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not (file.exists() and len(file.read_text().splitlines()) > 2):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        seen = look(process)
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, shown
    assert f"stopped; what was measured is in {file}" in shown
    return shown, seen
