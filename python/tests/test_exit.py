"""The end of the interpreter: what concurrent.futures does then, ten times each."""

import signal
import subprocess
import sys

import pytest
from conftest import PACKAGE_PARENT, run_python

TIMES = 10
HEAD = """
import atexit, os, signal, sys, threading, time
from betapool import AdaptiveThreadPoolExecutor as Executor
def say(word):
    os.write(1, (word + "\\n").encode())
def say_ready_at_the_end():
    import betapool._lifetime
    while not betapool._lifetime.interpreter_has_ended():
        time.sleep(0.001)
    time.sleep(0.05)
    say("ready")
"""

# name: (code, words that must be said in any order, exit code)
ENDINGS = {
    "nothing was ever submitted": ("executor = Executor()", [], 0),
    "idle workers": ("executor = Executor(8)\nlist(executor.map(say, 'abc'))", ["a", "b", "c"], 0),
    "queued": ("executor = Executor(2)\nfor n in range(50): executor.submit(say, str(n))", [str(n) for n in range(50)], 0),
    "running in python": (
        "def spin():\n    end = time.monotonic() + 0.1\n    while time.monotonic() < end: pass\n    say('done')\n"
        "executor = Executor(2)\nexecutor.submit(spin)\nexecutor.submit(spin)",
        ["done", "done"],
        0,
    ),
    "blocked": ("executor = Executor(2)\nexecutor.submit(lambda: (time.sleep(0.1), say('slept')))", ["slept"], 0),
    "raising": (
        "def fail():\n    say('raised')\n    raise ValueError\nexecutor = Executor(2)\nfor _ in range(5): executor.submit(fail)",
        ["raised"] * 5,
        0,
    ),
    "an unhandled exception in main": (
        "executor = Executor(2)\nfor n in range(9): executor.submit(say, str(n))\nraise SystemError('main')",
        [str(n) for n in range(9)],
        1,
    ),
    "sys.exit": ("executor = Executor(2)\nfor n in range(9): executor.submit(say, str(n))\nsys.exit(3)", [str(n) for n in range(9)], 3),
    "sys.exit in a worker": ("executor = Executor(2)\nexecutor.submit(sys.exit, 3)\nexecutor.submit(say, 'after')", ["after"], 0),
    "os._exit": ("executor = Executor(2)\nexecutor.submit(time.sleep, 30)\nexecutor.submit(abs, 1).result()\nos._exit(4)", [], 4),
    "del": ("executor = Executor(2)\nfor n in range(20): executor.submit(say, str(n))\ndel executor", [str(n) for n in range(20)], 0),
    "shutdown without waiting": (
        "executor = Executor(2)\nfor n in range(20): executor.submit(say, str(n))\nexecutor.shutdown(wait=False)",
        [str(n) for n in range(20)],
        0,
    ),
    "shut down before": ("with Executor(2) as executor: executor.submit(say, 'a')", ["a"], 0),
    "growing": (
        "executor = Executor(16, policy='paper', interval=0.001, min_workers=1, on_decision=lambda decision: None)\n"
        "for n in range(60): executor.submit(lambda n=n: (time.sleep(0.003), say(str(n))))",
        [str(n) for n in range(60)],
        0,
    ),
    "a nested wait": (
        "executor = Executor(4, policy='fixed')\nexecutor.submit(lambda: (time.sleep(0.05), say('outer')))\n"
        "executor.submit(lambda: say(str(executor.submit(abs, -7).result())))\ntime.sleep(0.02)",
        ["outer", "7"],
        0,
    ),
    "a submit by a running task": (
        "def late():\n    time.sleep(0.1)\n    try: executor.submit(abs, 1)\n    except RuntimeError as error: say(str(error))\n"
        "executor = Executor(2)\nexecutor.submit(late)",
        ["cannot schedule new futures after interpreter shutdown"],
        0,
    ),
    "a submit by an atexit function": (
        "executor = Executor(2)\nexecutor.submit(abs, 1).result()\ndef late():\n"
        "    for pool in (executor, Executor()):\n        try: pool.submit(abs, 1)\n        except RuntimeError as error: say(str(error))\n"
        "atexit.register(late)",
        ["cannot schedule new futures after interpreter shutdown"] * 2,
        0,
    ),
    "a daemon thread that submits for ever": (
        "executor = Executor(4)\ndef submit():\n    while True:\n        try: executor.submit(abs, 1)\n"
        "        except RuntimeError: time.sleep(0.001)\n"
        "threading.Thread(target=submit, daemon=True).start()\ntime.sleep(0.05)",
        [],
        0,
    ),
    "a daemon thread that waits for ever": (
        "executor = Executor(1)\nevent = threading.Event()\n"
        "threading.Thread(target=lambda: executor.submit(event.wait, 0.1).result(), daemon=True).start()\ntime.sleep(0.02)",
        [],
        0,
    ),
    "many executors": (
        "executors = [Executor(2) for _ in range(20)]\nfor executor in executors: executor.submit(say, 'x')",
        ["x"] * 20,
        0,
    ),
    "an executor in a reference cycle": (
        "class Service: pass\nservice = Service()\nservice.own = service\nservice.executor = Executor(2)\n"
        "service.executor.submit(say, 'done')\ndel service",
        ["done"],
        0,
    ),
    "a future kept in a module": ("executor = Executor(2)\nfuture = executor.submit(lambda: object())\nsys.future = future", [], 0),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_queued_and_running_work_ends_as_with_concurrent_futures(ending):
    code, words, status = ENDINGS[ending]
    for _ in range(TIMES):
        process = run_python(HEAD + code)
        assert process.returncode == status, process.stderr
        assert sorted(process.stdout.split("\n")[:-1]) == sorted(words), process.stderr
        if status == 1:
            assert process.stderr.rstrip().endswith("SystemError: main")
        else:
            assert process.stderr == ""


@pytest.mark.parametrize("ending", ["queued", "blocked", "sys.exit", "an unhandled exception in main", "shutdown without waiting"])
def test_concurrent_futures_itself_passes_these_tests(ending):
    code, words, status = ENDINGS[ending]
    process = run_python(HEAD + "from concurrent.futures import ThreadPoolExecutor as Executor\n" + code)
    assert process.returncode == status, process.stderr
    assert sorted(process.stdout.split("\n")[:-1]) == sorted(words)


def interrupt(code, interrupts):
    """Runs code until it says "ready" (again, for each further signal), sends SIGINT, and returns exit code and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", HEAD + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(PACKAGE_PARENT)},
    )
    try:
        for _ in range(interrupts):
            assert process.stdout.readline() == "ready\n", process.stderr.read()
            process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
        return process.returncode, rest, errors
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_in_main_lets_running_work_end():
    # Whenever it strikes: on the way into the wait, too, where CPython's futures leave their lock held.
    code = """
interrupted = threading.Event()
def announce():
    say("ready")
    interrupted.wait(20)
    say("waited")
executor = Executor(2)
try:
    executor.submit(announce)
    executor.submit(interrupted.wait, 20).result()
except KeyboardInterrupt:
    interrupted.set()
    raise
"""
    for _ in range(TIMES):
        status, output, errors = interrupt(code, 1)
        assert status == -signal.SIGINT and output == "waited\n", errors
        assert errors.rstrip().endswith("KeyboardInterrupt")


def test_ctrl_c_while_the_interpreter_waits_ends_it_at_once():
    code = """
executor = Executor(4, on_decision=abs, policy='fixed')
for _ in range(4):
    executor.submit(time.sleep, 20)
for _ in range(4):
    executor.submit(say, "never")
threading.Thread(target=say_ready_at_the_end, daemon=True).start()
"""
    for _ in range(TIMES):
        status, output, errors = interrupt(code, 1)
        assert status in (0, -signal.SIGINT), errors
        assert "KeyboardInterrupt" in errors and output == ""
        assert "Fatal" not in errors


def test_ctrl_c_in_main_with_busy_workers_does_not_crash():
    code = """
def spin():
    while True:
        sum(range(50))
executor = Executor(4)
for _ in range(4):
    executor.submit(spin)
threading.Thread(target=say_ready_at_the_end, daemon=True).start()
"""
    for _ in range(TIMES):
        status, _, errors = interrupt(code, 1)
        assert status in (0, -signal.SIGINT), errors
        assert "Fatal" not in errors


def test_concurrent_futures_is_drained_too():
    code = """
import concurrent.futures
theirs, ours = concurrent.futures.ThreadPoolExecutor(1), Executor(2)
theirs.submit(int).result()  # has its thread: 3.12 starts none once the interpreter ends
ours.submit(lambda: (time.sleep(0.05), theirs.submit(say, "theirs")))
"""
    process = run_python(HEAD + code)
    assert (process.returncode, process.stdout, process.stderr) == (0, "theirs\n", "")
