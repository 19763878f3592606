#!/usr/bin/env python3
"""An orchestrator that keeps its own threads and asks betapool.Controller how many there should be.

For programs that cannot hand their threads to an executor. Three calls do it:
    with controller.task():     around each piece of work, by the worker that does it
    controller.tick(waiting)    every interval, by whoever is in charge: what was decided, and why
    controller.threads          how many threads there should be now
The work is the retrieval pipeline of rag_orchestrator.py.
"""

from __future__ import annotations

import queue
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Callable

from betapool import Controller
from rag_corpus import Query, build_index, make_queries, require_fts5
from rag_pipeline import Pipeline
from rag_service import ModelService

INTERVAL = 0.05  # seconds; ten times the paper's pace, because this run lasts seconds and not hours


class Crew:
    """Numbered worker threads that share a queue. Those numbered below controller.threads work, the others go home."""

    def __init__(self, controller: Controller, work: Callable[[str], object]) -> None:
        self.controller = controller
        self.work = work
        self.waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.threads: dict[int, threading.Thread] = {}

    def fill(self) -> None:
        """Starts a thread for each number that should work and does not."""
        for number in range(self.controller.threads):
            if number not in self.threads or not self.threads[number].is_alive():
                self.threads[number] = threading.Thread(target=self.serve, args=(number,))
                self.threads[number].start()

    def serve(self, number: int) -> None:
        while number < self.controller.threads:
            try:
                item = self.waiting.get_nowait()
            except queue.Empty:
                return
            with self.controller.task():
                self.work(item)

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error:  # Ctrl-C: what is under way ends, nothing is begun
            self.waiting = queue.SimpleQueue()
        for thread in self.threads.values():
            thread.join()


def answer_all(controller: Controller, pipeline: Pipeline, queries: list[Query]) -> None:
    answers: list[str] = []
    began = time.monotonic()
    with Crew(controller, lambda query: answers.append(pipeline.answer(query))) as crew:
        for query in queries:
            crew.waiting.put(query.text)
        while crew.waiting.qsize():
            crew.fill()
            time.sleep(INTERVAL)
            decision = controller.tick(crew.waiting.qsize())
            if decision.action != "hold":
                seconds = time.monotonic() - began
                print(f"{seconds:5.2f} s  {len(answers):4} answers  {decision.threads:2} threads  {decision.reason}", flush=True)
    print(f"{len(answers)} answers in {time.monotonic() - began:.1f} s, beta {controller.beta:.2f}")


def main() -> None:
    require_fts5()
    controller = Controller(min_threads=4, max_threads=64, interval=INTERVAL)
    with tempfile.TemporaryDirectory(prefix="betapool-own-") as directory:
        database = Path(directory, "passages.db")
        build_index(database, 2000)
        with ModelService(database, 0.05) as service, Pipeline(database, service.port) as pipeline:
            answer_all(controller, pipeline, make_queries(database, 600, seed=1))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
