#!/usr/bin/env python3
"""Dask distributed: the cluster schedules across processes, or hosts, and a BetaPool in each sizes its threads by what that one has to do.

A worker plug-in puts the pool in the place of the worker's executor. Dask's own count of threads then says only how many tasks a worker may
have in hand at once.
"""

import hashlib

from betapool import AdaptiveThreadPoolExecutor
from distributed import Client, LocalCluster, WorkerPlugin
from upstream import get, upstream

IN_HAND = 64


class BetaPool(WorkerPlugin):
    name = "betapool"

    def setup(self, worker):
        worker.executors["default"].shutdown()  # it has started no thread yet
        worker.executors["default"] = AdaptiveThreadPoolExecutor(IN_HAND, thread_name_prefix="Dask-BetaPool")


def compute(number):
    """Some 20 ms in Python, with the GIL."""
    digest = b"%d" % number
    for _ in range(15_000):
        digest = hashlib.sha256(digest).digest()
    return digest.hex()


def threads(dask_worker):
    stats = dask_worker.executors["default"].stats()
    return stats.threads_started, stats.completed


def main():
    with (
        upstream() as address,
        LocalCluster(n_workers=3, threads_per_worker=IN_HAND, processes=True, dashboard_address=None, memory_limit=0) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(BetaPool())
        waiting, computing, idle = sorted(client.scheduler_info()["workers"])
        # So that one host waits and another computes. Without workers= Dask chooses.
        pages = client.map(get, [f"{address}/{number}" for number in range(1000)], workers=[waiting], pure=False)
        digests = client.map(compute, range(100), workers=[computing], pure=False)
        assert [page["path"] for page in client.gather(pages)] == [f"/{number}" for number in range(1000)]
        assert len(set(client.gather(digests))) == 100
        found = client.run(threads)
    for worker, work in ((waiting, "waits for a service"), (computing, "computes"), (idle, "has nothing to do")):
        started, completed = found[worker]
        print(f"the worker that {work:<20} {completed:5} tasks  {started:3} threads")
    assert found[idle] == (0, 0) and found[computing][1] == 100 and found[waiting][1] == 1000


if __name__ == "__main__":
    main()
