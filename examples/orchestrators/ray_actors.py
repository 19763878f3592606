#!/usr/bin/env python3
"""Ray: actors across processes, or hosts, and a BetaPool in each that sizes its threads by what this actor has to do.

An actor takes one call at a time, with a list of things to do, and has its pool do them. (`max_concurrency=` would be a constant instead.)
"""

import hashlib
import os
import secrets
import tempfile

# Ray reports its use, and keeps a token in the home folder, unless it is told otherwise.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

import ray
from betapool import AdaptiveThreadPoolExecutor
from upstream import get, upstream


def compute(number):
    """Some 20 ms in Python, with the GIL."""
    digest = b"%d" % number
    for _ in range(15_000):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


@ray.remote(num_cpus=0.5)
class Worker:
    def __init__(self):
        self.pool = AdaptiveThreadPoolExecutor(max_workers=64, thread_name_prefix="Ray-BetaPool")

    def work(self, task, items):
        return list(self.pool.map(task, items))

    def threads(self):
        stats = self.pool.stats()
        return stats.threads_started, stats.completed


def main():
    with upstream() as address, tempfile.TemporaryDirectory(prefix="ray") as folder:
        # Two cores in any case: each actor asks for half a one.
        quiet = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
        ray.init(num_cpus=2, object_store_memory=100 << 20, _temp_dir=folder, **quiet)
        try:
            waiting, computing, _idle = workers = [Worker.remote() for _ in range(3)]
            pages = waiting.work.remote(get, [f"{address}/{number}" for number in range(1000)])
            digests = computing.work.remote(compute, range(100))
            assert [page["path"] for page in ray.get(pages)] == [f"/{number}" for number in range(1000)]
            assert len(set(ray.get(digests))) == 100
            found = ray.get([worker.threads.remote() for worker in workers])
        finally:
            ray.shutdown()
    for work, (started, completed) in zip(("waits for a service", "computes", "has nothing to do"), found, strict=True):
        print(f"the actor that {work:<20} {completed:5} tasks  {started:3} threads")
    assert [completed for _, completed in found] == [1000, 100, 0] and found[2][0] == 0


if __name__ == "__main__":
    main()
