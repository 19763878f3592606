"""One measurement: one strategy, one workload, one run, or one bench of the executor; in a process of its own.

    python -m evaluation.cell FUNCTION     reads its argument as one line of JSON, prints the outcome as one

Only the standard library and the pool that is measured are needed, so that any interpreter can be measured; a few workloads need a library
too. Every run begins cold, and one that hangs can be ended from outside, which threads cannot.
"""

from __future__ import annotations

import dataclasses
import gc
import importlib
import json
import os
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import Any

from evaluation import coroutines, processes, timeline
from evaluation.blocking import BlockingRatio
from evaluation.calibration import calibrate, wait_for
from evaluation.load import ClosedLoop, hold_workers
from evaluation.statistics import histogram
from evaluation.strategies import CONCURRENT_LABELS, Strategy
from evaluation.watch import Watch, cpu_share, native_ids
from evaluation.workloads import WORKLOADS, Setting


def measure(request: dict[str, Any]) -> dict[str, Any]:
    from evaluation import pools  # imports betapool, which the other functions can do without

    strategy, seconds = Strategy(*request["strategy"]), request["seconds"]
    workload, setting = WORKLOADS[request["workload"]], Setting(**request["setting"])
    if strategy.name in CONCURRENT_LABELS:
        seen = coroutines.measure(strategy, workload, setting, seconds, request["max_workers"])
        require_no_gil()
        return seen
    task = workload.make(setting)
    require_no_gil()  # only now: the workload may import a library
    as_the_paper = request.get("as_the_paper", False)
    blocking = BlockingRatio(task)
    bystanders = native_ids()
    gc.collect()
    began = time.monotonic()
    pool = pools.make(strategy, request["max_workers"])
    with pool.executor:
        if strategy.is_given_threads:
            # A static count is what it says from the first moment: many threads that begin while others compute may take longer than a run.
            let_go = hold_workers(pool.executor, strategy.threads)
            began = time.monotonic()
        loop = ClosedLoop(blocking.task if as_the_paper else task, request["outstanding"], began, seconds)
        half = began + seconds / 2
        watch = Watch(loop, pool, bystanders)
        loop.start(pool.executor)
        if strategy.is_given_threads:
            let_go()
        loaded = time.monotonic() - began
        watch.until(half)
        control_before = watch.control_cpu()
        watch.until(loop.ends)
        facts = {**pool.facts(began), "controller_cpu": cpu_share(control_before, watch.control_cpu())}
    if loop.failures:
        raise loop.failures[0]
    done = timeline.build(loop.spans(), began, seconds)
    if as_the_paper:
        facts |= {"beta": blocking.mean(), "latencies": histogram(done.latencies)}
    return {
        **done.figures(),
        "seconds": seconds,
        "loaded": loaded,  # all tasks were submitted by then
        "threads": watch.mean_threads(half),
        "most_threads": max(count for _, count in watch.seen),
        "working_threads": done.working,
        "path": [[round(moment - began, 2), count] for moment, count in watch.seen],
        **facts,
    }


def bench(request: dict[str, Any]) -> dict[str, Any]:
    from evaluation import benches

    outcome = benches.measure(request)
    require_no_gil()  # only now: the benches import what they measure
    return outcome


def instrumentation(request: dict[str, Any]) -> dict[str, Any]:
    from evaluation.clocks import measure

    require_no_gil()
    return measure(request)


def memory(request: dict[str, Any]) -> dict[str, Any]:
    from evaluation.memory import measure

    require_no_gil()
    return measure(request)


def setting(_: dict[str, Any]) -> dict[str, Any]:
    return dataclasses.asdict(calibrate())


def wait(request: dict[str, Any]) -> dict[str, Any]:
    """How long the request of a workload's tasks has to take."""
    workload = WORKLOADS[request["workload"]]
    assert workload.beta is not None
    task = workload.make(Setting(**request["setting"]))
    require_no_gil()
    return {"wait": wait_for(task, workload.beta)}


def model(request: dict[str, Any]) -> dict[str, Any]:
    """Puts the model of a workload where it is looked for, if it is not there."""
    module = importlib.import_module(f"evaluation.edge.{WORKLOADS[request['workload']].module}")
    return {"file": str(module.model(Path(request["cache"])))}


def require_no_gil() -> None:
    if sysconfig.get_config_var("Py_GIL_DISABLED") and sys._is_gil_enabled():  # type: ignore[attr-defined]
        raise RuntimeError("an extension module has turned the GIL on in this free-threaded interpreter: it must declare Py_mod_gil")


def leave_with_parent() -> None:
    # os.read and not sys.stdin: a thread that waits inside a buffered file would hold its lock when the interpreter ends.
    while os.read(0, 1):
        pass
    processes.end_descendants()  # those of a process pool would stay
    os._exit(1)


def main() -> None:
    functions = {
        "measure": measure,
        "bench": bench,
        "instrumentation": instrumentation,
        "memory": memory,
        "setting": setting,
        "wait": wait,
        "model": model,
    }
    function = functions[sys.argv[1]]
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=leave_with_parent, daemon=True).start()
    if request.get("cores"):
        os.sched_setaffinity(0, request["cores"])
    try:
        outcome = function(request)
    except Exception as error:
        outcome = {"failure": f"{type(error).__name__}: {error}"}
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
