"""That the harness of evaluation.torture sees what goes wrong, and that its trials are what they say."""

import subprocess
import sys

import pytest

from evaluation.children import PACKAGE_PARENT
from evaluation.torture import forks, limits, lives
from evaluation.torture.table import Row, markdown
from evaluation.torture.trial import Trial, run, tally


@pytest.mark.parametrize(
    ("trial", "failure"),
    [
        (Trial("all is well", "with Executor(2) as pool: submit(pool)"), None),
        (Trial("a task is lost", "pool = Executor(1)\nsubmit(pool, time.sleep, 30)\nsubmit(pool)\nos._exit(0)"), "1 of 2 tasks lost"),
        (Trial("a task runs twice", "say('a1'); say('r1'); say('r1')"), "more than once"),
        (Trial("another status", "sys.exit(2)"), "ended with 2, not 0"),
        (Trial("a crash", "import faulthandler; faulthandler._sigsegv()"), "ended with -11"),
    ],
)
def test_what_goes_wrong_is_seen(trial, failure):
    verdict = run(trial, sys.executable)
    assert (verdict.failure is None) if failure is None else failure in verdict.failure


def test_what_cannot_be_tried_is_skipped():
    assert run(Trial("elsewhere", "say('skip there is no moon'); sys.exit()"), sys.executable).skipped == "there is no moon"


def test_a_hang_is_ended(monkeypatch):
    monkeypatch.setattr("evaluation.torture.trial.SECONDS", 1)
    assert "hangs" in run(Trial("a hang", "threading.Event().wait()"), sys.executable).failure


def test_tasks_are_told_apart():
    assert tally("a1\nr1\na2\nc2\na3\n") == (3, ["3"], [])
    assert tally("a1\nr1\nc1\nr9\n") == (1, [], ["1"])


def test_no_two_trials_have_the_same_name():
    names = [trial.name for group in (lives, forks, limits) for trial in group.trials()]
    assert len(names) == len(set(names)) > 50


def test_runs_are_added_up_and_nothing_that_went_wrong_is_hidden():
    rows = [
        Row("lives", "SIGTERM", "3.11", 5, 10),
        Row("lives", "SIGTERM", "3.13t", 5, 10),
        Row("lives", "sys.exit", "3.11", 5, 10, lost=2, failed=1),
        Row("fuzz", "calls", None, 1000),
    ]
    table = markdown([*rows, rows[0]], ["a machine"])
    assert "| SIGTERM | 15 | 30 | nothing |" in table
    assert "| sys.exit | 5 | 10 | **2 lost, 1 failed** |" in table
    assert "tasks queued, running, blocked in C, raising, submitting more** | 20 | 40 | **2 lost, 1 failed** |" in table
    assert "| **calls that nobody meant** | 1,000 | - | nothing |" in table
    assert table.endswith("\n\n    a machine")


def test_what_is_stranded_is_told_of_both_pools():
    command = [sys.executable, "-m", "evaluation.torture.stranded", "--tasks", "4000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=PACKAGE_PARENT)
    assert done.returncode == 0, done.stderr
    title, *lines = done.stdout.splitlines()
    assert title.endswith("after 1,000 and after 4,000 tasks")
    told = [tuple(line.split()[2:4]) for line in lines]
    assert told == [(task, pool) for task in ("return", "raise") for pool in ("ThreadPoolExecutor", "betapool")]
