"""A run of a strategy under a workload, and what is asked of workloads before: functions of cell.py."""

from __future__ import annotations

import dataclasses
import gc
import importlib
import time
from pathlib import Path
from typing import Any

from evaluation import coroutines, timeline
from evaluation.blocking import BlockingRatio
from evaluation.calibration import calibrate, wait_for
from evaluation.gil import require_no_gil
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
        loop = ClosedLoop(blocking.task if as_the_paper else task, request["outstanding"], began, seconds, request.get("overtime"))
        half, ends = began + seconds / 2, began + seconds
        watch = Watch(loop, pool, bystanders)
        loop.start(pool.executor)
        if strategy.is_given_threads:
            let_go()
        loaded = time.monotonic() - began
        watch.until(half)
        control_before = watch.control_cpu()
        watch.until(ends)
        facts = {**pool.facts(began), "controller_cpu": cpu_share(control_before, watch.control_cpu())}
        loop.wait()
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
