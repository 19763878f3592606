"""What is not tried from Python: calls of the library that fail, calls that nobody meant, and interpreters within a program."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

from evaluation.torture.options import BUILD, built
from evaluation.torture.table import Row

FAULTS = {
    "memory: malloc": ("malloc",),
    "threads: pthread_create, its attributes, keys and values, names, handlers of fork, a host's own threads": (
        "pthread_create", "pthread_attr_init", "pthread_attr_setstacksize", "pthread_key_create", "pthread_setspecific",
        "pthread_setname_np", "pthread_atfork", "spawn",
    ),
    "/proc and other files: open, read, pread": ("open", "read", "pread"),
    "clocks of threads: pthread_getcpuclockid, clock_gettime": ("pthread_getcpuclockid", "clock_gettime"),
    "sleep: futex": ("futex",),
    "what limits there are: sched_getaffinity, getrlimit, sysconf": ("sched_getaffinity", "getrlimit", "sysconf"),
}  # fmt: skip
"""The functions that Tests/c/faults.h knows, by what they are for."""


def faults() -> list[Row]:
    """Each program tries every call once, which is as often as there are calls."""
    runs: Counter[str] = Counter()
    failed = 0
    for program in built("c/test_faults", "c/test_faults_controller"):
        said, status = call([str(program)], 600)
        runs.update({name: int(count) for name, count in re.findall(r"^faults: (\w+): (\d+) runs", said, re.MULTILINE)})
        failed += status != 0
    rows = [Row("faults", what, None, sum(runs.pop(name, 0) for name in names)) for what, names in FAULTS.items()]
    unknown = [Row("faults", name, None, count) for name, count in runs.items()]
    return [*rows, *unknown, *([Row("faults", "a program that ended otherwise: see its output", None, 0, failed=failed)] if failed else [])]


def fuzz(seconds: int, seed: int) -> list[Row]:
    built("fuzz/abi")
    said, status = call([str(BUILD.parent / ".ci" / "fuzz"), "--fresh", "--seed", str(seed), "--seconds", str(seconds)], seconds + 400)
    tried = re.search(r"^fuzz: (\d+) inputs, none failed", said, re.MULTILINE)
    what = "sequences of calls, some of whose system calls fail, under the address sanitizer"
    return [Row("fuzz", what, None, int(tried[1]) if tried else 0, failed=int(status != 0 or not tried))]


def embedding(times: int) -> list[Row]:
    (program,) = built("embed")
    said, status = call([str(program), str(times)], 120 + 10 * times)
    lives = re.search(r"^embed: (\d+) lives of an interpreter in one process, (\d+) tasks", said, re.MULTILINE)
    tried, tasks = (int(lives[1]), int(lives[2])) if lives else (0, 0)
    return [Row("embedding", "", "3.11", tried, tasks, failed=int(status != 0 or not lives))]


def call(command: list[str], limit: float) -> tuple[str, int]:
    """What it says, and its status; what went wrong goes to our own standard error."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False, cwd=BUILD.parent)
    except subprocess.TimeoutExpired:
        print(f"FAILED  {command[0]}: not over after {limit:g} s", file=sys.stderr, flush=True)
        return "", 1
    if done.returncode:
        print(f"FAILED  {command[0]} ended with {done.returncode}\n{(done.stdout + done.stderr)[-3000:]}", file=sys.stderr, flush=True)
    return done.stdout, done.returncode
