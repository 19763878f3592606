"""The logger "betapool": what it hears of decisions, and that it hears nothing when its level is not enabled."""

import logging
import time

import pytest
from conftest import eventually

from betapool import AdaptiveThreadPoolExecutor

PACE = {"min_workers": 1, "policy": "paper", "interval": 0.005, "hysteresis": 1}
"""Grows and shrinks within a moment."""


class Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.taken = []

    def emit(self, record):
        self.taken.append(record)

    def of(self, level):
        return [record for record in list(self.taken) if record.levelno == level]


@pytest.fixture
def logger():
    return logging.getLogger("betapool")


@pytest.fixture
def records(logger):
    handler, level = Records(), logger.level
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def grow_and_shrink(executor):
    for future in [executor.submit(time.sleep, 0.01) for _ in range(100)]:
        future.result(20)
    eventually(lambda: executor.stats().scale_downs > 0 and executor.stats().target_threads == 1)


def test_each_change_is_logged_with_pool_and_reason(logger, records):
    logger.setLevel(logging.INFO)
    told = []
    with AdaptiveThreadPoolExecutor(8, "logged", **PACE, on_decision=told.append) as executor:
        grow_and_shrink(executor)
    changes = [decision for decision in told if decision.action != "veto"]
    assert {decision.action for decision in changes} == {"scale_up", "scale_down"}
    assert [record.getMessage() for record in records.taken] == [
        f"logged goes from {decision.threads_before} to {decision.threads} threads: {decision.reason}" for decision in changes
    ]
    assert {(record.levelno, record.name, record.threadName) for record in records.taken} == {
        (logging.INFO, "betapool", "logged_courier")
    }


def test_refused_growth_is_logged_at_debug(logger, records):
    logger.setLevel(logging.DEBUG)
    # Growth needs a blocking ratio that there cannot be.
    with AdaptiveThreadPoolExecutor(8, "refused", **PACE, beta_threshold=1) as executor:
        for future in [executor.submit(time.sleep, 0.01) for _ in range(30)]:
            future.result(20)
        eventually(lambda: records.of(logging.DEBUG))
        reasons = [decision.reason for decision in executor.decisions() if decision.action == "veto"]
    first = records.of(logging.DEBUG)[0].getMessage()
    assert first.startswith("refused stays at 1 threads: ")
    assert first.rpartition("threads: ")[2] in reasons


def test_the_level_may_change_while_a_pool_works(logger, records):
    with AdaptiveThreadPoolExecutor(8, "changing", **PACE) as executor:
        logger.setLevel(logging.WARNING)
        grow_and_shrink(executor)
        assert records.taken == []
        logger.setLevel(logging.INFO)
        grow_and_shrink(executor)
        eventually(lambda: records.of(logging.INFO))


def test_a_dropped_executor_still_logs(logger, records):
    logger.setLevel(logging.INFO)
    executor = AdaptiveThreadPoolExecutor(8, "dropped", **PACE)
    futures = [executor.submit(time.sleep, 0.01) for _ in range(200)]
    del executor
    futures[-1].result(20)
    eventually(lambda: any(record.getMessage().startswith("dropped goes from") for record in list(records.taken)))


def test_a_handler_that_fails_does_not_keep_the_listener_from_hearing(logger, records, monkeypatch):
    reports, told = [], []
    monkeypatch.setattr("sys.unraisablehook", lambda report: reports.append(report.exc_type))
    monkeypatch.setattr(records, "emit", lambda record: 1 / 0)
    logger.setLevel(logging.INFO)
    with AdaptiveThreadPoolExecutor(8, **PACE, on_decision=told.append) as executor:
        grow_and_shrink(executor)
    changes = [decision for decision in told if decision.action != "veto"]
    assert changes and reports == [ZeroDivisionError] * len(changes)
