"""python -m betapool profile: programs of which it is known what their threads do.

Machines that run tests are loaded, so limits are wide where others' load can change a share.
"""

import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import FREE_THREADED, PACKAGE_PARENT
from neighbours import FEW, Neighbours

from betapool._profile.advice import verdict_of
from betapool._profile.estimate import make_group
from betapool._profile.records import State

KNOWN = """
import os, queue, select, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
ends = threading.Event()
reading, writing = os.pipe()
held = threading.Lock()
held.acquire()
jobs = queue.Queue()

def compute():
    while not ends.is_set():
        for number in range(2000):
            number * number

def start(name, count, function, *arguments):
    for index in range(count):
        threading.Thread(target=function, args=arguments, name=f"{name}-{index}", daemon=True).start()

start("compute", 4, compute)
start("sleep", 3, time.sleep, 30)
start("poll", 3, select.select, [reading], [], [])
start("read", 3, os.read, reading, 1)
start("lock", 3, held.acquire)
start("queue", 3, jobs.get)
with ThreadPoolExecutor(3, "pool") as pool:
    list(pool.map(time.sleep, [0.05] * 3))
    time.sleep(float(sys.argv[1]))
    ends.set()
print("the program's own output")
"""


def profile(*arguments, timeout=50, **options):
    return subprocess.run(
        [sys.executable, "-m", "betapool", "profile", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
        **options,
    )


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """One run of the program above, the files that came of it, and how many cores others used meanwhile."""
    folder = tmp_path_factory.mktemp("known")
    (folder / "known.py").write_text(KNOWN)
    neighbours = Neighbours()
    process = profile(
        *("--json", "known.json", "--html", "known.html", "--trace", "known.trace", "--rate", "100", "known.py", "3", "--html"), cwd=folder
    )
    assert process.returncode == 0, process.stderr
    return process, folder, neighbours.cores()


def groups_of(folder):
    return {group["name"]: group for group in json.loads((folder / "known.json").read_text())["groups"]}


def most(group):
    return max(group["states"], key=lambda state: group["states"][state])


def test_the_program_has_its_own_output_to_itself(known):
    process = known[0]
    assert process.stdout == "the program's own output\n"
    assert "GIL" in process.stderr and "compute" in process.stderr


@pytest.mark.parametrize("name, state", [("sleep", "sleep"), ("poll", "poll"), ("read", "read"), ("lock", "lock")])
def test_each_wait_is_told_by_its_name(known, name, state):
    group = groups_of(known[1])[name]
    assert group["threads"] == 3
    assert most(group) == state and group["states"][state] > 0.9 * group["mean_threads"]
    assert group["beta"] > 0.9 and group["beta_io"] > 0.9


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the structs of 3.9 and 3.10 do not say which thread is whose")
@pytest.mark.parametrize("name", ["pool", "queue"])
def test_idle_workers_are_told_from_those_in_a_lock(known, name):
    group = groups_of(known[1])[name]
    assert most(group) == "idle" and group["states"]["lock"] < 0.1 * group["mean_threads"]


def test_threads_that_compute_wait_for_the_gil_or_for_a_core_and_not_for_io(known):
    group = groups_of(known[1])["compute"]
    states = group["states"]
    assert states["cpu"] + states["queued"] + states["gil"] > 0.9 * group["mean_threads"]
    assert group["beta_io"] < 0.1
    if FREE_THREADED:
        assert states["gil"] == 0
    else:
        assert states["gil"] > 0.35 * group["mean_threads"]  # three of four, or fewer where others queue for the cores
        assert group["beta"] > 0.6


TAKING_TURNS = """
import sys, threading, time
ends = time.monotonic() + 3

def compute():
    while time.monotonic() < ends:
        for number in range(2000):
            number * number

threads = [threading.Thread(target=compute, name=f"compute-{index}") for index in range(int(sys.argv[1]))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


BRIEF = """
import hashlib, os, threading, time
data = bytes(1 << 20)
ends = time.monotonic() + 2

def digest():
    until = time.thread_time() + 0.01
    while time.thread_time() < until:
        hashlib.sha256(data)

while time.monotonic() < ends:
    threads = [threading.Thread(target=digest, name="brief") for _ in range(4 * len(os.sched_getaffinity(0)))]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_brief_threads_are_not_on_more_cores_than_there_are(tmp_path):
    """The kernel tells who was on a core and who queued for one; a thread that is gone before it is asked twice counts too."""
    (tmp_path / "program.py").write_text(BRIEF)
    found = json.loads(profile("--json", "-", "--quiet", "program.py", cwd=tmp_path).stdout)
    assert 0 < found["total"]["states"]["cpu"] < 1.25 * len(os.sched_getaffinity(0)), found["total"]


@pytest.mark.skipif(FREE_THREADED or sys.version_info < (3, 11), reason="there is no GIL, or it cannot be seen who has it")
@pytest.mark.parametrize("count", [2, 4, 8])
def test_who_waits_for_the_gil_is_known_within_three_points(tmp_path, count):
    """One of the threads has it or is about to, all others wait for it: who else computes on the cores changes nothing in that."""
    (tmp_path / "program.py").write_text(TAKING_TURNS)
    tries = []
    for _ in range(5):
        neighbours = Neighbours()
        found = json.loads(profile("--json", "-", "--quiet", "program.py", str(count), cwd=tmp_path).stdout)
        (group,) = [group for group in found["groups"] if group["name"] == "compute"]
        error, others = group["gil_share"] - (1 - 1 / count), neighbours.cores()
        tries.append((error, others))
        if abs(error) <= 0.03 or others < FEW:  # 150 looks are a small sample where the threads queue for a core most of the time
            break
    assert abs(error) <= 0.03, tries


def test_the_gil_is_seen_to_be_held(known):
    found = json.loads((known[1] / "known.json").read_text())
    if FREE_THREADED:
        assert found["gil_held"] is None and found["gil"] is False
    else:
        # Nobody has it while the next one waits for a core, and where others use the cores that takes as long as its turn.
        assert found["gil_held"] > (0.7 if known[2] < FEW else 0.3) and found["bottleneck"] == "gil"
        (advice,) = [line for line in found["advice"] if line.startswith("compute ")]
        assert re.search(r"\S+ threads; \S+ wait for the GIL.*: \d would give the same throughput \(\S+ - ", advice)


@pytest.mark.parametrize("waiting, said", [(0.0, "97 % of the time, though no thread waits for it"), (3.0, "and 3 threads wait for it.")])
def test_a_gil_that_nobody_waits_for_is_not_said_to_be_waited_for(waiting, said):
    group = make_group("MainThread", 1, {**dict.fromkeys(State, 0.0), State.CPU: 0.97, State.GIL: waiting})
    assert said in verdict_of("gil", group, 0.97, 2)


def test_the_timeline_adds_up_to_the_threads(known):
    found = json.loads((known[1] / "known.json").read_text())
    timeline = found["timeline"]
    for group in found["groups"]:
        series = timeline["groups"].get(group["name"], {})
        mean = sum(map(sum, series.values())) / len(timeline["times"])
        assert mean == pytest.approx(group["mean_threads"], rel=0.01, abs=0.05)


def test_the_page_stands_alone_and_names_every_group(known):
    page = (known[1] / "known.html").read_text()

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.append(tag)
            assert not {"src", "href"} & {name for name, _ in attributes}

    tags = []
    Reader().feed(page)
    assert tags.count("polygon") >= 6 and "script" not in tags
    for name in groups_of(known[1]):
        assert name in page


def test_the_trace_has_each_thread_under_its_name(known):
    events = json.loads((known[1] / "known.trace").read_text())["traceEvents"]
    names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    sleeping = [event for event in events if event["ph"] == "X" and names[event["tid"]] == "sleep-1"]
    assert {event["cat"] for event in sleeping} >= {"sleep"} and sum(event["dur"] for event in sleeping) > 1e6
    assert all(event["ts"] >= 0 and event["dur"] > 0 for event in events if event["ph"] == "X")


# Ends


COUNTED = """
import time
from concurrent.futures import ThreadPoolExecutor
from betapool import AdaptiveThreadPoolExecutor

def task(number):
    time.sleep(0.001)

def run():
    with ThreadPoolExecutor(4, "theirs") as theirs, AdaptiveThreadPoolExecutor(4, "ours", policy="fixed") as ours:
        list(theirs.map(task, range(300)))
        list(ours.map(task, range(700)))
    for _ in range(100):
        with AdaptiveThreadPoolExecutor(1, "brief") as pool:
            pool.submit(task, 1)
    AdaptiveThreadPoolExecutor(2, "dropped").submit(time.sleep, 0.3)

run()
"""


def test_tasks_of_pools_are_counted_those_that_are_gone_too(tmp_path):
    (tmp_path / "counted.py").write_text(COUNTED)
    process = profile("--json", "-", "--rate", "1000", "counted.py", cwd=tmp_path)
    found = json.loads(process.stdout)
    tasks = {group["name"]: group["tasks_per_second"] for group in found["groups"]}
    assert [round(tasks[name] * found["seconds"]) for name in ("theirs", "ours", "dropped")] == [300, 700, 1]
    assert tasks["MainThread"] is None
    if "brief" in tasks:  # a thread that was met at all
        assert round(tasks["brief"] * found["seconds"]) == 100
    assert re.search(r"^tasks/s: .*ours \d", process.stderr, re.MULTILINE)


@pytest.mark.parametrize(
    "code, expected",
    [("raise ValueError('no')", 1), ("import sys; sys.exit(7)", 7), ("import sys; sys.exit('word')", 1), ("raise KeyboardInterrupt", -2)],
)
def test_the_program_ends_as_it_would_and_is_reported(tmp_path, code, expected):
    (tmp_path / "program.py").write_text(f"import time; time.sleep(0.2)\n{code}\n")
    process = profile("--json", "-", "--rate", "1000", "program.py", cwd=tmp_path)
    assert process.returncode == expected
    assert json.loads(process.stdout)["looks"] > 0
    assert "looks; sampling took" in process.stderr


@pytest.mark.parametrize("number, expected", [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_nothing_is_lost_when_it_is_interrupted(tmp_path, number, expected):
    (tmp_path / "program.py").write_text("import threading; print('runs', flush=True); threading.Event().wait(40)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "betapool", "profile", "--rate", "1000", "program.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE_PARENT)},
    )
    try:
        assert process.stdout.readline() == "runs\n"
        time.sleep(0.2)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == expected
    assert "MainThread" in errors and "looks; sampling took" in errors


def test_threads_that_outlive_the_main_one_are_in_it(tmp_path):
    (tmp_path / "program.py").write_text("import threading, time\nthreading.Thread(target=time.sleep, args=(2,), name='late').start()\n")
    found = json.loads(profile("--json", "-", "--quiet", "program.py", cwd=tmp_path).stdout)
    assert found["seconds"] > 1
    assert [group["states"]["sleep"] > 0 for group in found["groups"] if group["name"] == "late"] == [True]


def test_a_child_of_a_fork_reports_nothing(tmp_path):
    (tmp_path / "program.py").write_text("import os, sys, time\nchild = os.fork()\nif child: os.waitpid(child, 0)\ntime.sleep(0.1)\n")
    process = profile("program.py", cwd=tmp_path)
    assert (process.returncode, process.stderr.count("looks; sampling took")) == (0, 1), process.stderr


def test_a_module_is_run_as_python_does(tmp_path):
    (tmp_path / "program.py").write_text("import sys; print(sys.argv[1:], __name__, sys.path[0])\n")
    process = profile("-m", "program", "--json", "x", cwd=tmp_path)
    assert process.stdout == f"['--json', 'x'] __main__ {os.path.realpath(tmp_path)}\n", process.stderr


def test_a_package_is_run_by_its_main_and_imported_under_the_profiler(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("import time; time.sleep(0.2)\n")
    (tmp_path / "package" / "__main__.py").write_text("print(__name__, __package__)\n")
    process = profile("--rate", "1000", "-m", "package", cwd=tmp_path)
    assert process.stdout == "__main__ package\n", process.stderr
    assert "most of it in sleep" in process.stderr


def test_a_script_finds_the_modules_beside_it(tmp_path):
    (tmp_path / "beside.py").write_text("word = 'found'\n")
    (tmp_path / "program.py").write_text("import beside, sys; print(beside.word, sys.argv)\n")
    process = profile("--quiet", f"{tmp_path}/program.py", "-m", "x", cwd="/")
    assert (process.stdout, process.stderr) == (f"found ['{tmp_path}/program.py', '-m', 'x']\n", "")


@pytest.mark.parametrize(
    "arguments, remedy",
    [
        ([], "name a script"),
        (["nowhere.py"], "there is no file nowhere.py"),
        (["."], ". is a folder without a __main__.py"),
        (["-m", "no.such"], "there is no module no.such"),
        (["-m", "package"], "package is a package without a __main__"),
        (["-m", "sys"], "sys is not written in Python"),
        (["-m", "_ctypes"], "_ctypes is not written in Python"),
        (["--rate", "0", "x.py"], "give 0.1 to 10000"),
        (["--html", "no/folder/x.html", "x.py"], "a folder that exists"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, arguments, remedy):
    (tmp_path / "x.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("raise SystemExit('it ran')\n")
    process = profile(*arguments, cwd=tmp_path)
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert remedy in line


def test_help_has_examples():
    process = profile("--help")
    assert process.returncode == 0 and "examples:" in process.stdout
