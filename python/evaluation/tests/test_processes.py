"""Memory with children, and what a process pool leaves behind: nothing."""

import json
import subprocess
import sys
import time

import psutil
import pytest

from evaluation import children, processes
from evaluation.children import PACKAGE_PARENT, DidNotFinish, call

SLEEP = "import time; time.sleep(60)"
MARK = "BETAPOOL_TEST_MARK"


@pytest.fixture
def mark(monkeypatch, tmp_path):
    """In the environment of all that is started from now on."""
    monkeypatch.setenv(MARK, str(tmp_path))
    return str(tmp_path)


def marked(mark):
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            pass
    return found


def wait_until_none_is_left(mark):
    ends = time.monotonic() + 20
    while marked(mark):
        assert time.monotonic() < ends, f"left behind: {marked(mark)}"
        time.sleep(0.05)


def test_a_child_counts():
    alone = processes.memory()
    child = subprocess.Popen([sys.executable, "-c", "print(flush=True); " + SLEEP], stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        both = processes.memory()
        assert child.pid in processes.descendants()
        assert both.processes == alone.processes + 1
        assert both.rss - alone.rss == pytest.approx(psutil.Process(child.pid).memory_info().rss, rel=0.3)
        assert alone.pss <= alone.rss and both.pss < both.rss, "they share libc"
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_grandchildren_are_found_and_ended():
    code = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {SLEEP!r}]).pid, flush=True); {SLEEP}"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    grandchild = int(child.stdout.readline())
    assert {child.pid, grandchild} <= set(processes.descendants())
    processes.end_descendants()
    child.wait(20)
    child.stdout.close()
    ends = time.monotonic() + 20
    while psutil.pid_exists(grandchild) and psutil.Process(grandchild).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_pool_of_processes_ends_with_a_cell_that_is_ended(mark):
    with pytest.raises(DidNotFinish, match="not within 3 s"):
        call(sys.executable, "memory", {"strategy": ("processes", 3), "seconds": 60.0, "max_workers": 3}, 3.0, PACKAGE_PARENT)
    wait_until_none_is_left(mark)


def test_a_pool_of_processes_ends_when_the_starter_is_gone(mark):
    child = subprocess.Popen(
        [sys.executable, "-m", "evaluation.cell", "memory"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=children.environment(PACKAGE_PARENT),
    )
    child.stdin.write(json.dumps({"strategy": ("processes", 3), "seconds": 60.0, "max_workers": 3}).encode() + b"\n")
    child.stdin.flush()
    ends = time.monotonic() + 20
    while len(marked(mark)) < 4:
        assert time.monotonic() < ends, "its processes did not start"
        time.sleep(0.05)
    child.stdin.close()
    assert child.wait(20) == 1
    wait_until_none_is_left(mark)


IN_AN_INTERPRETER = """
import _xxsubinterpreters as interpreters, sys
interpreters.run_string(interpreters.create(), '''
import sys
from evaluation.micro import micro
micro()
needed = {"betapool", "http", "evaluation.workloads"} & set(sys.modules)
assert not needed, needed
''')
"""


@pytest.mark.skipif(not (3, 8) <= sys.version_info < (3, 13), reason="the module has another name")
def test_the_task_that_is_given_to_interpreters_runs_in_one():
    """As InterpreterPoolExecutor gives it, by its name; betapool cannot be imported there."""
    subprocess.run([sys.executable, "-c", IN_AN_INTERPRETER], env=children.environment(PACKAGE_PARENT), check=True, timeout=30)
