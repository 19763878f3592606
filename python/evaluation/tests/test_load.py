"""The closed loop."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

from evaluation.load import ClosedLoop


def test_tasks_follow_each_other_until_the_overtime_is_over():
    with ThreadPoolExecutor(2) as executor:
        began = time.monotonic()
        loop = ClosedLoop(lambda: time.sleep(0.001), 8, began, 2.0)
        loop.start(executor)
        loop.wait()
    starts = [start - began for spans in loop.spans() for start in spans[::2]]
    assert max(starts) > 2.0, "else those that are under way at the end of the measured time would have the machine to themselves"
    assert max(starts) < 2.5
    assert not loop.failures


def test_it_ends_when_it_is_told_to():
    with ThreadPoolExecutor(2) as executor:
        loop = ClosedLoop(lambda: time.sleep(0.001), 8, time.monotonic(), math.inf)
        loop.start(executor)
        time.sleep(0.1)
        loop.end()
        ended = time.monotonic()
    starts = [start for spans in loop.spans() for start in spans[::2]]
    assert starts and max(starts) <= ended
    assert not loop.failures


def test_it_can_be_told_for_how_long_it_goes_on():
    with ThreadPoolExecutor(1) as executor:
        began = time.monotonic()
        loop = ClosedLoop(lambda: time.sleep(0.001), 2, began, 0.1, 0.4)
        loop.start(executor)
        loop.wait()
    assert max(start - began for spans in loop.spans() for start in spans[::2]) > 0.4
