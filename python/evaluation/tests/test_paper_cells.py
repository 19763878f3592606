"""What the paper's tables need of a cell: clocks, memory, beta and latencies."""

import sys
import threading
import time

import pytest
from test_cell import measure

from evaluation.blocking import BlockingRatio
from evaluation.children import PACKAGE_PARENT, call
from evaluation.micro import spin
from evaluation.paper_plan import CALLS
from evaluation.statistics import pooled


def test_what_is_timed():
    timings = call(sys.executable, "instrumentation", {"calls": 5000}, 40.0, PACKAGE_PARENT)
    assert timings.keys() == CALLS.keys()
    assert all(timing["median"] <= timing["p99"] for timing in timings.values())
    differences = {"measuring", "timing"}  # which may be of either sign
    assert all(timing["median"] > 0 for name, timing in timings.items() if name not in differences)
    assert timings["time"]["median"] < timings["four"]["median"]
    assert timings["nothing"]["median"] < timings["task"]["median"]


@pytest.mark.parametrize(
    ("strategy", "count"), [(("tpe", 4), 1), (("adaptive", None), 1), (("processes", 2), 3)], ids=lambda each: str(each)
)
def test_the_memory_of_a_pool(strategy, count):
    seen = call(sys.executable, "memory", {"strategy": strategy, "seconds": 1.0, "max_workers": 16}, 40.0, PACKAGE_PARENT)
    assert seen["processes"] == count
    assert seen["rate"] > 100
    assert seen["rss"] > seen["pss"] > 1
    assert seen["rss"] > seen["rss_before"] > 1
    if count > 1:
        assert seen["rss"] - seen["pss"] > seen["rss_before"] / 2, "what is shared counts once"


def test_a_cell_as_the_paper_measures_it():
    seen = measure(("tpe", 2), workload="io-1ms", outstanding=8, as_the_paper=True)
    assert 0.3 < seen["beta"] < 1
    assert pooled([seen["latencies"]], 0.99) == pytest.approx(seen["p99"], rel=0.006)
    assert "latencies" not in measure(("tpe", 2), seconds=0.5)


def test_beta_is_that_of_all_threads_weighted_by_time():
    blocking = BlockingRatio(lambda: time.sleep(0.02))
    assert blocking.mean() is None
    threads = [threading.Thread(target=blocking.task) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert blocking.mean() > 0.9
    computing = BlockingRatio(lambda: spin(200_000))
    computing.task()
    assert computing.mean() < blocking.mean()
