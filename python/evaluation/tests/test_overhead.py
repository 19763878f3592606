"""What the profiler costs."""

import json
import subprocess
import sys

import pytest

from evaluation.children import PACKAGE_PARENT
from evaluation.efficiency import WITHOUT_LIBRARY
from evaluation.overhead import SLEEPERS, THREADS, threads_of
from evaluation.profiling import done_in, is_profiled


def test_a_task_counts_by_its_share_in_each_slice():
    slices = [(1.0, 2.0), (2.5, 3.5), (3.5, 4.5)]
    assert done_in(slices, [[1.0, 1.5]]) == pytest.approx([1, 0, 0])
    assert done_in(slices, [[0.5, 1.5], [1.75, 2.75]]) == pytest.approx([0.5 + 0.25, 0.25, 0])
    assert done_in(slices, [[2.1, 2.4, 3.0, 4.0, 4.6, 5.0]]) == pytest.approx([0, 0.5, 0.5])
    assert done_in(slices, [[0.0, 10.0]]) == pytest.approx([0.1, 0.1, 0.1])


def test_turns_cancel_drift():
    assert [is_profiled(number) for number in range(8)] == [False, True, True, False] * 2


def test_it_covers_the_workloads_of_efficiency_and_256_threads():
    assert set(THREADS) == set(WITHOUT_LIBRARY)
    assert max(THREADS.values()) == 256
    assert all(threads_of(name, free_threaded=True) == 256 for name in SLEEPERS)


def test_the_command():
    arguments = ["--only", "micro", "--pairs", "2", "--seconds", "0.2", "--pythons", sys.executable, "--json"]
    command = [sys.executable, "-m", "evaluation.overhead", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=PACKAGE_PARENT)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["workloads"]
    assert row["alone"] > 0 and row["profiled"] > 0
    assert row["threads"] == 16
    assert len(row["losses"]) == 2
    assert 0 < row["share_of_core"] < 1 and 0 < row["share_of_process"] < 1


def test_what_is_refused():
    command = [sys.executable, "-m", "evaluation.overhead", "--only", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=PACKAGE_PARENT)
    assert done.returncode == 2
    assert "there is no 'nothing'; there are micro" in done.stderr
