"""The whole run: the index, the model service, the rounds of trials, the report."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import betapool
from rag_child import DidNotFinish, call
from rag_corpus import Query, build_index, make_queries
from rag_options import MOST_ROUNDS
from rag_report import LEGEND, Progress, Strategy, last_decisions, table, verdict
from rag_service import ModelService


class Run:
    def __init__(self, options: argparse.Namespace, executors: dict[str, str], trial: str) -> None:
        self.began = time.monotonic()
        self.options = options
        self.trial = trial
        self.strategies = [Strategy(name, label) for name, label in executors.items() if name in (options.only or executors)]
        self.width = max(len(strategy.label) for strategy in self.strategies)
        self.queries: list[Query] = []
        self.facts: dict[str, Any] = {
            "betapool": betapool.__version__,
            "python": platform.python_version(),
            "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
            "cores": len(os.sched_getaffinity(0)),
        }
        self.progress = Progress()

    def execute(self) -> None:
        options, facts = self.options, self.facts
        gil = "with" if facts["gil"] else "without"
        self.say(f"BetaPool {facts['betapool']}, Python {facts['python']} {gil} GIL, {facts['cores']} cores")
        with tempfile.TemporaryDirectory(prefix="betapool-rag-") as directory:
            database = Path(directory, "passages.db")
            corpus = build_index(database, options.passages)
            if not corpus.passages:
                sys.exit("error: no text in the Python library or under /usr/share/doc: install a -doc package")
            self.queries = make_queries(database, options.queries, options.seed)
            facts["corpus"] = corpus._asdict()
            size = f"{corpus.passages:,} passages of {corpus.documents:,} documents on this machine ({corpus.characters / 1e6:.1f} MB)"
            self.say(f"{size}, indexed after {self.elapsed():.1f} s")
            with ModelService(database, options.delay_ms / 1000) as service:
                self.say(f"{len(self.queries):,} queries a round, a model service that answers after about {options.delay_ms:g} ms\n")
                self.rounds(database, service)

    def rounds(self, database: Path, service: ModelService) -> None:
        """The executors take turns, each round beginning with another one, so that a noisy machine disturbs all alike."""
        longest = 0.0
        for number in range(self.options.rounds or MOST_ROUNDS):
            began = self.elapsed()
            if number and not self.options.rounds and began + longest > self.options.seconds:
                break
            first = number % len(self.strategies)
            for strategy in self.strategies[first:] + self.strategies[:first]:
                if not strategy.failure:
                    self.one_trial(f"round {number + 1}  {strategy.label:{self.width}}", strategy, database, service)
            longest = max(longest, self.elapsed() - began)

    def one_trial(self, title: str, strategy: Strategy, database: Path, service: ModelService) -> None:
        queries = [query.text for query in self.queries]
        task = {"executor": strategy.name, "policy": self.options.policy, "queries": queries}
        task.update(database=str(database), port=service.port)
        began, cpu = self.elapsed(), service.usage()["cpu_seconds"]
        try:
            result = call(self.trial, task, self.options.limit, lambda done: self.progress.show(title, done, len(queries)))
        except DidNotFinish as error:
            strategy.failure = str(error)
            outcome = f"did not finish: {error}; left out from here on"
        else:
            result["service_cores"] = (service.usage()["cpu_seconds"] - cpu) / (self.elapsed() - began)
            strategy.trials.append(result)
            outcome = f"{strategy.rates[-1]:7.1f} queries/s  {result['seconds']:6.2f} s"
        finally:
            self.progress.clear()
        self.say(f"{title}  {outcome}")

    def report(self, interrupted: bool) -> None:
        if self.options.json:
            chosen = {key: getattr(self.options, key) for key in ("queries", "delay_ms", "seed", "policy")}
            outcome = {"answers_agree": self.answers_agree(), "right_passage": self.right_passage(), "interrupted": interrupted}
            strategies = [strategy.summary() for strategy in self.strategies]
            print(json.dumps({**self.facts, **chosen, **outcome, "seconds": self.elapsed(), "executors": strategies}))
        elif self.trials():
            agreement = "Every trial gave the same answers" if self.answers_agree() else "DEFECT: the answers differ between trials"
            busiest = max(trial["service_cores"] for trial in self.trials())
            self.say(f"\n{table(self.strategies)}\n\n{LEGEND}\n")
            self.say(f"{agreement}; {self.right_passage():.1%} of them name the passage that the query's words were taken from.")
            self.say(f"The model service used {busiest:.0%} of a core at most{': it was the bottleneck' if busiest > 0.9 else ''}.")
            for text in (verdict(self.strategies, "betapool"), *map(last_decisions, self.strategies)):
                if text:
                    self.say(text)

    def trials(self) -> list[dict[str, Any]]:
        return [trial for strategy in self.strategies for trial in strategy.trials]

    def answers_agree(self) -> bool:
        return len({trial["digest"] for trial in self.trials()}) <= 1

    def right_passage(self) -> float | None:
        """The share of answers from the passage that the query's words were taken from."""
        right = [passage == query.passage for trial in self.trials() for passage, query in zip(trial["passages"], self.queries)]
        return sum(right) / len(right) if right else None

    def failed(self, name: str) -> bool:
        return any(strategy.failure for strategy in self.strategies if strategy.name == name)

    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        if not self.options.json:
            print(text, flush=True)
