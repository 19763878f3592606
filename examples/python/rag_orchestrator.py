#!/usr/bin/env python3
"""A retrieval orchestrator (RAG) on the text of this machine, run on three executors: which one finds the threads it needs?

Each query searches an SQLite full-text index, asks a model service over HTTP, re-ranks what was found and answers in JSON: a few
milliseconds of CPU around a wait. Too few threads leave the CPU idle, too many stand in each other's way. The same queries run on the
standard library's executor as it comes, on one with 256 threads, and on BetaPool, which sizes itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

from rag_options import parse

try:
    from betapool import AdaptiveThreadPoolExecutor
    from rag_corpus import require_fts5
    from rag_pipeline import Pipeline
    from rag_rounds import Run
except ImportError as error:
    sys.exit(f"error: {error}: start this example with `make run`, which builds BetaPool first (or install it for {sys.executable})")

EXECUTORS = ("default", "256", "betapool")


def make_executor(name: str, policy: str) -> Executor:
    if name == "default":
        return ThreadPoolExecutor()
    if name == "256":
        return ThreadPoolExecutor(256)
    return AdaptiveThreadPoolExecutor(policy=policy)  # <- the line to copy: nothing else changes


def label(name: str, policy: str) -> str:
    """make_executor's line, for the table."""
    ours = "AdaptiveThreadPoolExecutor(" + (f"policy={policy!r}" if policy != "adaptive" else "") + ")"
    return {"default": "ThreadPoolExecutor()", "256": "ThreadPoolExecutor(256)"}.get(name, ours)


def trial(task: dict[str, Any], progress: Callable[[int], None]) -> dict[str, Any]:
    """All queries on one executor, from its creation to the last answer. Runs in a process of its own (rag_child)."""
    with Pipeline(Path(task["database"]), task["port"]) as pipeline:
        began = time.monotonic()

        def timed_answer(query: str) -> tuple[str, float, float, float]:
            start, cpu = time.monotonic(), time.thread_time()
            answer = pipeline.answer(query)
            cpu = time.thread_time() - cpu
            return answer, start - began, time.monotonic() - began, cpu

        with make_executor(task["executor"], task["policy"]) as executor:
            futures = [executor.submit(timed_answer, query) for query in task["queries"]]
            results = []
            for future in futures:
                results.append(future.result())
                progress(len(results))
            seconds = time.monotonic() - began
            control = what_was_decided(executor, began) if isinstance(executor, AdaptiveThreadPoolExecutor) else None

    answers = [result[0] for result in results]
    return {
        "seconds": seconds,
        "spans": [result[1:] for result in results],  # start, end, CPU time of each query
        "passages": [json.loads(answer)["passage"] for answer in answers],
        "digest": hashlib.sha256("\n".join(answers).encode()).hexdigest(),
        "control": control,
    }


def what_was_decided(executor: AdaptiveThreadPoolExecutor, began: float) -> dict[str, Any]:
    stats = executor.stats()
    decisions = [
        {"time": decision.time - began, "action": decision.action, "threads": decision.threads, "reason": decision.reason}
        for decision in executor.decisions()
    ]
    return {"scale_ups": stats.scale_ups, "scale_downs": stats.scale_downs, "vetoes": stats.vetoes, "decisions": decisions}


class Stopped(BaseException):
    """A signal asked for the end."""


def stop(number: int, _: object) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not cut the tidying up short
    raise Stopped(number)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    options = parse(__doc__, EXECUTORS)
    require_fts5()
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup and background jobs ignore some
            signal.signal(number, stop)
    run = Run(options, {name: label(name, options.policy) for name in EXECUTORS}, "rag_orchestrator:trial")
    try:
        run.execute()
    except Stopped as stopped:
        run.say("\nStopped; measured until then:" if run.trials() else "\nStopped before a trial was through.")
        run.report(interrupted=True)
        return 128 + stopped.args[0]
    run.report(interrupted=False)
    return 0 if run.answers_agree() and not run.failed("betapool") else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
