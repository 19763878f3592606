#!/usr/bin/env python3
"""Dask distributed over several hosts: each has a worker whose pool sizes its threads by what that host has to do.

The hosts are network namespaces, joined by a bridge to one more, where scheduler and service run. Only root can make them; nobody else sees
them, and they are gone when their processes are.
"""

import os
import subprocess
import sys

from dask_cluster import IN_HAND, BetaPool, compute, threads
from distributed import Client, LocalCluster
from upstream import get, upstream

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER, HOSTS = "10.77.0.1", ["10.77.0.2", "10.77.0.3", "10.77.0.4"]
WORKER = f"{sys.executable} -m dask worker --no-nanny --no-dashboard --death-timeout 60 --nthreads {IN_HAND} --memory-limit 0"
# A host tells that it is there, and waits for its end of the cable.
HOST = f'echo here; read cable; ip addr add "$1/24" dev eth0; ip link set lo up; ip link set eth0 up; exec {WORKER} --host "$1" "$2"'


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def start_host(address, scheduler):
    command = ["unshare", "--net", "sh", "-euc", HOST, "host", address, scheduler]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])}
    host = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    host.stdout.readline()
    cable = f"cable{host.pid}"
    ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
    ip("link", "set", cable, "master", "bridge", "up")
    host.stdin.write(b"\n")
    host.stdin.flush()
    return host


def main():
    ip("link", "set", "lo", "up")
    ip("link", "add", "bridge", "type", "bridge")
    ip("addr", "add", f"{SERVER}/24", "dev", "bridge")
    ip("link", "set", "bridge", "up")
    hosts = []
    try:
        with (
            upstream(SERVER) as service,
            LocalCluster(n_workers=0, host=SERVER, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            hosts += [start_host(address, cluster.scheduler_address) for address in HOSTS]
            client.wait_for_workers(len(HOSTS), timeout=60)
            client.register_plugin(BetaPool())
            waiting, computing, idle = sorted(client.scheduler_info()["workers"])
            pages = client.map(get, [f"{service}/{number}" for number in range(1000)], workers=[waiting], pure=False)
            digests = client.map(compute, range(100), workers=[computing], pure=False)
            assert [page["path"] for page in client.gather(pages)] == [f"/{number}" for number in range(1000)]
            assert len(set(client.gather(digests))) == 100
            found = client.run(threads)
    finally:
        for host in hosts:
            host.kill()  # its worker ends with the scheduler, and a SIGTERM meanwhile would make it wait for itself, for ever
            host.wait()
    for worker, work in ((waiting, "waits for a service"), (computing, "computes"), (idle, "has nothing to do")):
        started, completed = found[worker]
        print(f"{worker.split('/')[2].split(':')[0]}, which {work:<20} {completed:5} tasks  {started:3} threads")
    assert found[idle] == (0, 0) and found[computing][1] == 100 and found[waiting][1] == 1000


if __name__ == "__main__":
    if "--here" not in sys.argv:
        if os.geteuid() != 0:
            sys.exit("error: only root can make network namespaces: sudo")
        os.execvp("unshare", ["unshare", "--net", sys.executable, __file__, "--here"])
    main()
