"""The HTTP upstream, for real."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from evaluation.children import PACKAGE_PARENT
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


FROM_ELSEWHERE = """
import sys
sys.path.append(sys.argv[1])
from evaluation.services import upstream
with upstream({int(sys.argv[2])}) as service:
    print(service.port)
"""


def test_it_starts_where_only_the_harness_itself_knows_its_folder(tmp_path):
    """As `python -m betapool evaluate` does it where it is installed."""
    command = [sys.executable, "-c", FROM_ELSEWHERE, str(PACKAGE_PARENT), str(min(os.sched_getaffinity(0)))]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False, cwd=tmp_path, env=kept)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
