"""python -m betapool info: what a bug report needs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
import threading
import time
from pathlib import Path
from typing import Any

import betapool
from betapool import _core
from betapool._profile.arguments import Parser
from betapool._profile.records import State, ThreadRecord


def _quota() -> float | None:
    """The CPU quota of this process's control group and those above it, in cores."""
    found = []
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
        inner = next((line.split(":", 2)[2] for line in lines if line.startswith("0::")), "/")
        folder = Path("/sys/fs/cgroup") / inner.lstrip("/")
        for place in (folder, *folder.parents):
            if place == Path("/sys/fs"):
                break
            if (place / "cpu.max").exists():
                limit, period = (place / "cpu.max").read_text(encoding="ascii").split()
                found += [] if limit == "max" else [int(limit) / int(period)]
        v1 = Path("/sys/fs/cgroup/cpu")
        if (v1 / "cpu.cfs_quota_us").exists():
            quota = int((v1 / "cpu.cfs_quota_us").read_text(encoding="ascii"))
            found += [] if quota < 0 else [quota / int((v1 / "cpu.cfs_period_us").read_text(encoding="ascii"))]
    except (OSError, ValueError):
        return None
    return min(found, default=None)


def _seen() -> dict[str, Any]:
    """Tries what the profiler does: a thread that sleeps and one that waits in a lock must be seen as that."""
    memory = _core.own_memory()
    found: dict[str, Any] = {"wait_states": False, "core_queue": False, "gil_address": memory["is_gil_known"], "memory": False}
    try:
        survey = _core.Survey(os.getpid(), (memory["runtime"], memory["gil"], memory["layout"]), rate=500.0, visits=1000)
    except OSError:
        return found
    lock, ends = threading.Lock(), threading.Event()

    def sleep() -> None:
        while not ends.is_set():
            time.sleep(0.01)

    sleeper = threading.Thread(target=sleep, name="sleeper")
    waiter = threading.Thread(target=lock.acquire, name="waiter")
    lock.acquire()
    sleeper.start()
    waiter.start()
    survey.start()
    deadline = time.monotonic() + 2.0  # a loaded machine takes its time; others some hundredths
    while not found["wait_states"] and time.monotonic() < deadline:
        time.sleep(0.02)
        threads = {record.number: record for record in (ThreadRecord(*fields) for fields in survey.threads())}
        slept, waited = threads.get(sleeper.native_id or 0), threads.get(waiter.native_id or 0)
        found["wait_states"] = bool(slept and waited and slept.seconds[State.SLEEP] > 0 and waited.seconds[State.LOCK] > 0)
    survey.stop()
    ends.set()
    lock.release()
    sleeper.join()
    waiter.join()
    threads = {record.number: record for record in (ThreadRecord(*fields) for fields in survey.threads())}
    found["core_queue"] = any(record.span > 0 for record in threads.values())
    found["memory"] = survey.totals()["gil_seen"] > 0 or not memory["gil"]
    return found


def _clash() -> str | None:
    """The version of the other distribution with this import name, if it is installed too: then the files of both are mixed."""
    try:
        return importlib.metadata.version("betapool")
    except importlib.metadata.PackageNotFoundError:
        return None


def _verdict(info: dict[str, Any]) -> str:
    seen = info["sees"]
    if info["clash"]:
        return (
            f"clash: the distribution betapool {info['clash']}, another project, has the same import name: "
            "pip uninstall betapool betapool-native, then install one of them"
        )
    if not seen["wait_states"]:
        return "limited: what threads wait for cannot be seen here (/proc/self/task/*/syscall); 'adaptive' goes by CPU use and completions"
    if not seen["gil_address"]:
        return "limited: this interpreter's GIL is not where its headers say, so waits for it look like waits for a lock"
    needs = {"core_queue": "queues for cores (schedstat)", "memory": "the interpreter's memory (process_vm_readv)"}
    missing = [text for key, text in needs.items() if not seen[key]]
    if missing:
        return f"good, but the profiler cannot read {' and '.join(missing)}"
    return "good: everything that betapool looks at can be seen"


def collect() -> dict[str, Any]:
    """What is unknown is None."""
    limits = _core.limits()
    info: dict[str, Any] = {
        "version": betapool.__version__,
        "library": betapool.get_library(),
        "extension": _core.__file__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        "switch_interval": sys.getswitchinterval(),
        "policies": _core.policies(),
        "policy": "adaptive",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": limits["cores"],
        "cores_of_machine": os.cpu_count(),
        "cores_of_affinity": len(os.sched_getaffinity(0)),
        "cores_of_quota": _quota(),
        "memory": limits["memory"] or None,
        "threads": limits["threads"] or None,
        "sees": _seen(),
        "clash": _clash(),
    }
    info["verdict"] = _verdict(info)
    return info


def as_text(info: dict[str, Any]) -> str:
    memory = "unknown" if info["memory"] is None else f"{info['memory'] / 2**20:,.0f} MiB"
    quota = "no CPU quota" if info["cores_of_quota"] is None else f"{info['cores_of_quota']:g} by CPU quota"
    words = {"wait_states": "wait states", "core_queue": "queues for cores", "gil_address": "the GIL", "memory": "the interpreter's memory"}
    sees = ", ".join(f"{text}: {'yes' if info['sees'][key] else 'no'}" for key, text in words.items())
    gil = f"with the GIL, switch interval {1000 * info['switch_interval']:g} ms" if info["gil"] else "free-threaded"
    rows = {
        "betapool": info["version"],
        "library": info["library"],
        "extension": info["extension"],
        "python": f"{info['python']}, {gil}",
        "": info["executable"],
        "policies": ", ".join(name + (" (default)" if name == info["policy"] else "") for name in info["policies"]),
        "system": info["system"],
        "cores": f"{info['cores']:g}: {info['cores_of_machine']} there, {info['cores_of_affinity']} by affinity, {quota}",
        "memory": f"{memory} at most",
        "threads": "unknown" if info["threads"] is None else f"{info['threads']:,} at most",
        "sees": sees,
        "verdict": info["verdict"],
    }
    return "\n".join(f"{name:<11}{value}" for name, value in rows.items())


def main(arguments: list[str]) -> None:
    parser = Parser(
        "info",
        description="Versions, paths, limits, and what can be seen of threads on this machine.",
        epilog="example:\n  python -m betapool info --json | jq .verdict",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object; what is unknown is null")
    options = parser.parse_args(arguments)
    info = collect()
    print(json.dumps(info, indent=2) if options.json else as_text(info))
