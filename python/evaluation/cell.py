"""One measurement: one strategy, one workload, one run, or one bench of the executor; in a process of its own.

    python -m evaluation.cell FUNCTION     reads its argument as one line of JSON, prints the outcome as one

Only the standard library and the pool that is measured are needed, so that any interpreter can be measured; a few workloads need a library
too. Every run begins cold, and one that hangs can be ended from outside, which threads cannot. A function's module is imported when it is
known which: what the others need would count in the memory of this one, and of all processes that it starts.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading

from evaluation import processes

MODULES = {
    "measure": "measurement",
    "setting": "measurement",
    "wait": "measurement",
    "model": "measurement",
    "bench": "benches",
    "instrumentation": "clocks",
    "profiling": "profiling",
    "memory": "memory",
}
"""Where each function is. It has that name there, or is the module's one measure()."""


def leave_with_parent() -> None:
    # os.read and not sys.stdin: a thread that waits inside a buffered file would hold its lock when the interpreter ends.
    while os.read(0, 1):
        pass
    processes.end_descendants()  # those of a process pool would stay
    os._exit(1)


def main() -> None:
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=leave_with_parent, daemon=True).start()
    if request.get("cores"):
        os.sched_setaffinity(0, request["cores"])
    try:
        module = importlib.import_module(f"evaluation.{MODULES[sys.argv[1]]}")
        function = getattr(module, sys.argv[1], None) or module.measure
        outcome = function(request)
    except Exception as error:
        outcome = {"failure": f"{type(error).__name__}: {error}"}
    print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
