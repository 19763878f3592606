"""python -m betapool top: processes that were started with nothing."""

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig

import pytest
from conftest import FREE_THREADED, PACKAGE_PARENT
from neighbours import FEW, Neighbours

from betapool import _core
from betapool._profile import layouts, target

PROGRAM = """
import queue, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
def compute():
    while True:
        for number in range(2000):
            number * number
for _ in range(3):
    threading.Thread(target=compute, daemon=True).start()
for _ in range(3):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
pool = ThreadPoolExecutor(3)
list(pool.map(time.sleep, [0.05] * 3))
print("runs", flush=True)
sys.stdin.read()
import os; os._exit(0)
"""
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}{'t' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''}"


def top(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "betapool", "top", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=50,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
    )


def start(*command):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "runs\n":
        process.kill()
        pytest.fail("the program did not start")
    return process


@pytest.fixture
def program():
    process = start(sys.executable, "-c", PROGRAM)
    yield process
    process.kill()
    process.communicate(timeout=20)


def test_a_process_that_was_started_with_nothing_is_seen_from_within(program):
    neighbours = Neighbours()
    process = top("--once", "--json", program.pid)
    others = neighbours.cores() - 1  # the program itself, which has not ended
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    total = found["total"]["states"]
    assert found["gil"] is not FREE_THREADED
    assert found["python"].startswith(platform.python_version() if VERSION not in ("3.9", "3.10") else VERSION)
    assert total["sleep"] > 2.5
    if FREE_THREADED:
        assert found["gil_held"] is None and total["gil"] == 0
    else:
        assert found["gil_held"] > (0.6 if others < FEW else 0.3) and total["gil"] > 0.8
    if sys.version_info >= (3, 11):
        groups = {group["name"]: group for group in found["groups"]}
        pool = groups["ThreadPoolExecutor"]
        assert pool["states"]["idle"] > 0.8 * pool["mean_threads"] > 0
        assert groups["<string>:compute"]["threads"] == 3 and "MainThread" in groups
    assert program.poll() is None


def test_it_is_readable_too(program):
    process = top("--once", "--interval", "0.5", program.pid)
    assert process.returncode == 0 and f"{program.pid}: " in process.stdout and "beta_io" in process.stdout


def test_it_goes_on_until_the_process_ends(program):
    watching = subprocess.Popen(
        [sys.executable, "-m", "betapool", "top", "--interval", "0.2", str(program.pid)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT), "TERM": "dumb"},
    )
    try:
        assert "sleep" not in (line := watching.stdout.readline()) and line
        program.stdin.close()
        program.stdin = None
        rest, _ = watching.communicate(timeout=30)
    finally:
        watching.kill()
    assert watching.returncode == 0 and f"process {program.pid} has ended" in rest


@pytest.mark.skipif(os.getuid() != 0, reason="only root may look at everything")
def test_one_who_may_not_is_told_so(program):
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("no setpriv")
    process = subprocess.run(
        [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-m", "betapool", "top", "--once", str(program.pid)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
        cwd="/",
    )
    if any(words in process.stderr for words in ("ModuleNotFoundError", "Permission denied", "loading shared libraries")):
        pytest.skip("this checkout, or this Python, is not there for others")
    assert process.returncode == 1 and "Traceback" not in process.stderr, process.stderr
    assert "may not be looked at: be its user or root" in process.stderr


def test_what_is_no_python_is_refused():
    process = subprocess.Popen([shutil.which("sleep"), "50"])
    try:
        refused = top("--once", process.pid)
    finally:
        process.kill()
        process.wait(timeout=20)
    assert refused.returncode == 1 and "is no CPython" in refused.stderr and "Traceback" not in refused.stderr


def test_no_such_process():
    refused = top("--once", 4194304 * 2)
    assert (refused.returncode, refused.stderr) == (1, "error: there is no process 8388608\n")


@pytest.mark.parametrize("arguments, remedy", [(["--interval", "0", "1"], "give 0.05 to 3600"), (["--json", "1"], "goes with --once")])
def test_mistakes_are_told_in_one_line(arguments, remedy):
    process = top(*arguments)
    (line,) = process.stderr.splitlines()
    assert process.returncode == 2 and remedy in line


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the table is for x86-64")
def test_the_table_agrees_with_the_headers_of_this_interpreter():
    assert set(_core.own_memory()["layout"]) == set(layouts.FIELDS)
    table = layouts.known(VERSION, "x86_64")
    if table is None:
        pytest.skip(f"the table has no {VERSION}")
    assert table == _core.own_memory()["layout"]


@pytest.mark.skipif(VERSION == "3.14", reason="it knows itself")
def test_a_version_that_nobody_has_looked_into_is_refused_with_a_way_out():
    with pytest.raises(target.RefusedError, match=r"it runs Python 3.14, which this one .* does not know.*: run `top` with a Python 3.14"):
        target._layout("3.14")
