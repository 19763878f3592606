"""The HTTP upstream, for real."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from evaluation.services import SERVICE_SECONDS, WORKERS, upstream
from evaluation.workloads import Setting, http_get


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
