"""evaluation.idle_cores, with short runs: what it measures is there and makes sense. How fast the machine is does not matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psutil

from evaluation import idle_cores


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "evaluation.idle_cores", *arguments], capture_output=True, text=True, timeout=120)


def test_both_ways_are_measured() -> None:
    said = run("--threads", "1,4", "--rounds", "2", "--seconds", "0.5", "--json")
    assert said.returncode == 0, said.stderr
    rows = json.loads(said.stdout)["rows"]
    assert [row["threads"] for row in rows] == [1, 4]
    for row in rows:
        assert len(row["as_they_are"]) == len(row["kept_awake"]) == 2
        assert min(row["as_they_are"] + row["kept_awake"]) > 0


def test_cores_are_kept_awake_by_the_idle_class_alone_and_only_meanwhile() -> None:
    cores = os.sched_getaffinity(0)
    with idle_cores.awake(cores):
        beside = psutil.Process().children()
        assert len(beside) == len(cores)
        while not all(os.sched_getscheduler(each.pid) == os.SCHED_IDLE for each in beside):
            assert all(each.is_running() for each in beside)
    assert psutil.Process().children() == []


def test_a_table_compares_medians() -> None:
    row = {"threads": 16, "as_they_are": [100.0, 160.0, 110.0], "kept_awake": [220.0, 210.0, 300.0]}
    assert idle_cores.show([row]).splitlines()[-1] == "| 16 | 110 (100-160) | 220 (210-300) | +100% |"


def test_wrong_options_are_refused_in_a_line() -> None:
    for wrong in (["--threads", "0"], ["--threads", "x"], ["--rounds", "0"], ["--seconds", "0.1"]):
        said = run(*wrong)
        assert said.returncode == 2
        [line] = said.stderr.splitlines()
        assert line.startswith(f"error: argument {wrong[0]}: ")
