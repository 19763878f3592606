"""One measurement in its process, and the ways it can go wrong."""

import json
import subprocess
import sys
import time

import psutil
import pytest

from evaluation import children
from evaluation.children import PACKAGE_PARENT, DidNotFinish, call
from evaluation.workloads import WORKLOADS

SETTING = {"iterations_per_second": 4e7, "digest_bytes_per_second": 1e9, "port": None}


def request(strategy, **more):
    standard = {"strategy": strategy, "workload": "micro", "seconds": 1.0, "setting": SETTING}
    return {**standard, "cores": None, "max_workers": 16, "outstanding": 96, **more}


def measure(strategy, limit=40.0, **more):
    return call(sys.executable, "measure", request(strategy, **more), limit, PACKAGE_PARENT)


@pytest.mark.parametrize(
    "strategy", [("adaptive", None), ("fixed", 3), ("tpe", 3), ("queue-depth", None)], ids=lambda strategy: strategy[0]
)
def test_a_second_of_micro_mixed(strategy):
    seen = measure(strategy)
    assert seen["rate"] > 100
    assert 0 < seen["p50"] <= seen["p99"] < 1
    assert seen["most_threads"] <= 16
    if strategy[1]:
        assert seen["threads"] == seen["working_threads"] == strategy[1]
        assert seen["path"][0][1] == strategy[1], "all were there from the beginning"
    assert sum(seen["bins"]) == pytest.approx(seen["whole_rate"] * 1.0, rel=0.01)


@pytest.mark.parametrize(("name", "most"), [("asyncio", 1), ("to-thread", 64), ("to-thread-betapool", 16)])
def test_an_event_loop(name, most):
    seen = measure((name, 20))
    assert seen["rate"] > 100
    assert 0 < seen["p50"] <= seen["p99"] < 1
    assert 1 <= seen["threads"] <= most
    assert sum(seen["latencies"].values()) > 10


def test_a_static_count_that_is_looked_at():
    seen = measure(("watched", 6))
    assert seen["threads"] == seen["working_threads"] == 6
    assert 0 <= seen["beta_io"] <= 1


def test_algorithm_1_with_another_threshold_and_interval():
    refused = measure(("paper", None, 1.0, 0.01), workload="io-1ms")
    assert (refused["target"], refused["vetoes"] > 0) == (4, True), "beta is never above 1"
    grown = measure(("paper", None, 0.0, 0.01), workload="io-1ms")
    assert (grown["target"] > 4, grown["vetoes"]) == (True, 0)


def test_the_controller_is_seen_at_work():
    seen = measure(("adaptive", None))
    assert 0 < seen["controller_cpu"] < 0.5
    assert seen["moves"], "it began with one thread"
    assert all(threads <= 16 and reason for _, threads, reason in seen["moves"])


def test_every_workload_that_needs_no_service():
    for workload in WORKLOADS.values():
        if workload.service is None:
            assert measure(("fixed", 2), workload=workload.name, seconds=0.2, outstanding=8)["whole_rate"] > 0, workload.name


def test_calibration():
    setting = call(sys.executable, "setting", {"cores": None}, 40.0, PACKAGE_PARENT)
    assert setting["iterations_per_second"] > 1e5
    assert setting["digest_bytes_per_second"] > 1e6


def test_what_hangs_is_ended_at_its_limit():
    start = time.monotonic()
    with pytest.raises(DidNotFinish, match=r"not within 0\.5 s"):
        measure(("fixed", 1), limit=0.5, seconds=30.0)
    assert time.monotonic() - start < 15
    assert not psutil.Process().children()


def test_a_task_that_fails_is_no_measurement():
    with pytest.raises(DidNotFinish, match="ConnectionRefusedError"):
        measure(("fixed", 1), workload="upstream", setting={**SETTING, "port": 1})


def test_a_process_that_does_not_start_says_why(tmp_path):
    (tmp_path / "betapool.py").write_text("raise ImportError('not this one')")
    with pytest.raises(DidNotFinish, match="not this one"):
        call(sys.executable, "measure", request(("adaptive", None)), 40.0, tmp_path)


def test_the_reference_is_not_mistaken_for_this_project():
    with pytest.raises(DidNotFinish, match="the reference is betapool"):
        measure(("reference", None))


def test_leaves_when_its_starter_is_gone():
    child = subprocess.Popen(
        [sys.executable, "-m", "evaluation.cell", "measure"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=children.environment(PACKAGE_PARENT),
    )
    child.stdin.write(json.dumps(request(("fixed", 1), seconds=60.0)).encode() + b"\n")
    child.stdin.close()
    try:
        assert child.wait(20) == 1
    finally:
        child.kill()


def test_leftovers_are_found_and_ended():
    assert children.end_leftovers() == []
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    [left] = children.end_leftovers()
    assert left.startswith(str(child.pid))
    assert not psutil.pid_exists(child.pid)
    child.wait(10)


NEEDED = """
import importlib, sys
from evaluation.cell import MODULES
importlib.import_module(f"evaluation.{MODULES[sys.argv[1]]}")
print(*sys.modules)
"""


@pytest.mark.parametrize("function", ["measure", "bench", "instrumentation", "memory"])
def test_what_a_measured_interpreter_has_to_have(function):
    """Nothing from a package index; and where memory is measured nothing large that the pools do not need."""
    command = [sys.executable, "-S", "-c", NEEDED, function]
    done = subprocess.run(command, env=children.environment(PACKAGE_PARENT), stdout=subprocess.PIPE, text=True, check=True, timeout=30)
    large = {"asyncio", "http.client", "ssl", "hashlib", "email"}
    assert function != "memory" or not large & set(done.stdout.split())
