"""The HTTP upstream, for real."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from evaluation.services import SERVICE_SECONDS, WORKERS, upstream
from evaluation.workloads import AFTER, Setting, http_get


def test_serves_so_many_at_a_time():
    with upstream(os.sched_getaffinity(0)) as service:
        get = http_get(Setting(1.0, 1.0, service.port))
        clients = 3 * WORKERS
        with ThreadPoolExecutor(clients) as pool:
            start = time.monotonic()
            for call in [pool.submit(get) for _ in range(2 * clients)]:
                call.result(30)
            seconds = time.monotonic() - start
        assert seconds >= 2 * clients / WORKERS * SERVICE_SECONDS
        assert service.cpu_seconds() > 0
    assert not psutil.Process().children()


def test_serves_them_side_by_side():
    with upstream(os.sched_getaffinity(0)) as service:
        get = http_get(Setting(1.0, 1.0, service.port))

        def seconds_of_eight():
            with ThreadPoolExecutor(WORKERS) as pool:
                start = time.monotonic()
                list(pool.map(lambda _: get(), range(WORKERS)))
                return time.monotonic() - start

        assert min(seconds_of_eight() for _ in range(10)) < WORKERS * SERVICE_SECONDS / 2


def test_answers_after_the_time_that_it_is_asked_for():
    with upstream(os.sched_getaffinity(0)) as service:
        setting = Setting(1.0, 1.0, service.port)
        for microseconds in (0, 500, 30_000):
            get = http_get(setting, f"{AFTER}{microseconds}")
            start = time.monotonic()
            get()
            assert time.monotonic() - start >= microseconds / 1e6


def test_such_answers_do_not_wait_for_each_other():
    with upstream(os.sched_getaffinity(0)) as service:
        get, clients = http_get(Setting(1.0, 1.0, service.port), f"{AFTER}200000"), 4 * WORKERS
        with ThreadPoolExecutor(clients) as pool:
            start = time.monotonic()
            list(pool.map(lambda _: get(), range(clients)))
            assert time.monotonic() - start < clients * 0.2 / WORKERS, "that is what the queue of the other requests would take"
