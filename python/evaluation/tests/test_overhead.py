"""What the profiler costs."""

import argparse
import json
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from evaluation import overhead
from evaluation.children import PACKAGE_PARENT, DidNotFinish
from evaluation.efficiency import WITHOUT_LIBRARY
from evaluation.overhead import SLEEPERS, THREADS, threads_of
from evaluation.profiling import done_in, is_profiled
from evaluation.workloads import EDGE


def test_a_task_counts_by_its_share_in_each_slice():
    slices = [(1.0, 2.0), (2.5, 3.5), (3.5, 4.5)]
    assert done_in(slices, [[1.0, 1.5]]) == pytest.approx([1, 0, 0])
    assert done_in(slices, [[0.5, 1.5], [1.75, 2.75]]) == pytest.approx([0.5 + 0.25, 0.25, 0])
    assert done_in(slices, [[2.1, 2.4, 3.0, 4.0, 4.6, 5.0]]) == pytest.approx([0, 0.5, 0.5])
    assert done_in(slices, [[0.0, 10.0]]) == pytest.approx([0.1, 0.1, 0.1])


def test_turns_cancel_drift():
    assert [is_profiled(number) for number in range(8)] == [False, True, True, False] * 2


def test_it_covers_the_workloads_of_efficiency_and_256_threads():
    assert set(THREADS) == {*WITHOUT_LIBRARY, *EDGE}
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


@pytest.mark.parametrize("as_json", [False, True])
def test_a_workload_that_fails_is_a_line_with_its_reason_and_the_rest_is_measured(monkeypatch, capsys, as_json):
    found = {"alone": 10.0, "profiled": 9.0, "share_of_core": 0.004, "share_of_process": 0.002, "losses": [0.1, 0.1]}

    def call(_python, function, request, *_):
        if function == "profiling" and request["workload"] != "cpu":
            raise DidNotFinish("ValueError: no\n|no")
        return found if function == "profiling" else {}

    monkeypatch.setattr(overhead.children, "call", call)
    options = argparse.Namespace(only=["rag", "cpu", "digest"], pythons=[sys.executable], pairs=2, seconds=0.2, json=as_json)
    overhead.run(options, Console(stderr=True))
    said, remarks = capsys.readouterr()
    if as_json:
        rows = json.loads(said)["workloads"]
        assert [row["failure"] for row in rows] == ["ValueError: no\n|no", None, "ValueError: no\n|no"]
        assert rows[1]["losses"] == [0.1, 0.1]
    else:
        rag, cpu, digest, summary = said.splitlines()[-4:]
        assert all(line.endswith("| did not finish: ValueError: no \\|no | - |") for line in (rag, digest))
        assert "| 0.40% | +10.0% ± 0.0%" in cpu and "| 0.40% | +10.0% ± 0.0%" in summary
    assert "digest" in remarks


def test_nothing_measured_is_an_error(monkeypatch, capsys):
    def call(_python, function, *_):
        if function == "profiling":
            raise DidNotFinish("not within 1 s")
        return {}

    monkeypatch.setattr(overhead.children, "call", call)
    options = argparse.Namespace(only=["cpu"], pythons=[sys.executable], pairs=2, seconds=0.2, json=False)
    with pytest.raises(ValueError, match="nothing could be measured"):
        overhead.run(options, Console(stderr=True))
    assert "did not finish: not within 1 s" in capsys.readouterr().out


def test_ctrl_c_keeps_what_is_done():
    arguments = ["--only", "micro,io-1ms", "--pairs", "2", "--pythons", sys.executable]
    command = [sys.executable, "-m", "evaluation.overhead", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PACKAGE_PARENT)
    try:
        assert "micro" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said, remarks = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, remarks
    assert "micro mixed" in said and "I/O" not in said
    assert "stopped; what was measured before is printed" in remarks


def test_what_is_refused():
    command = [sys.executable, "-m", "evaluation.overhead", "--only", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=PACKAGE_PARENT)
    assert done.returncode == 2
    assert "there is no 'nothing'; there are micro" in done.stderr
