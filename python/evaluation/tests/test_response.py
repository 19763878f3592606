"""evaluation.response, with short phases: what it measures is there and makes sense. How fast the machine is does not matter."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from evaluation import response


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "evaluation.response", *arguments], capture_output=True, text=True, timeout=120)


def test_it_follows_and_says_so() -> None:
    said = run("--only", "shift,neighbour", "--seconds", "1", "--json")
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    for name in ("shift", "neighbour"):
        assert len(found[name]) == 3
        for phase in found[name]:
            assert phase["tasks_per_second"] > 0
            assert 1 <= phase["least_threads"] <= phase["most_threads"] <= response.MOST_THREADS


def test_tasks_that_wait_for_tasks_progress() -> None:
    found = response.nested(40)
    assert found["threads"] >= 41


def test_the_cost_of_control_is_read() -> None:
    found = response.control(8, 1.0)
    assert found["share_of_a_core"] is None or 0 < found["share_of_a_core"] < 1


def test_tables_have_a_row_for_each_phase() -> None:
    row = {"phase": "work", "tasks_per_second": 1234.5, "settled": 0.25, "least_threads": 3, "most_threads": 4}
    assert response.show_phases([row]).splitlines()[-1] == "| work | 3-4 | 1,234 | 0.25 s |"


@pytest.mark.parametrize("arguments", [("--only", "nothing"), ("--seconds", "0.5"), ("--seconds", "nan")])
def test_bad_arguments_are_refused(arguments: tuple[str, str]) -> None:
    said = run(*arguments)
    assert said.returncode == 2
    assert "--only takes some of shift" in said.stderr
