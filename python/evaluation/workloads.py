"""What the pools are given to do. Each workload makes a function of no arguments: one task."""

from __future__ import annotations

import hashlib
import http.client
import importlib
import itertools
import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

from evaluation.micro import ITERATIONS, SLEEP, spin

AFTER = "/after/"
"""The service (services.py) answers a request for this and a number after so many microseconds."""
THREAD_COUNTS = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""The environment variables that say how many threads a library uses for one task."""

Task = Callable[[], None]


@dataclass(frozen=True)
class Setting:
    """What a task's size depends on: how fast this interpreter is, alone, and where the service listens."""

    iterations_per_second: float
    digest_bytes_per_second: float
    port: int | None = None
    waits: dict[str, int] = field(default_factory=dict)
    """Microseconds that the service takes for a task's request, of the workloads that have a beta."""
    library_threads: str = "one"
    """That a library may use for one task: 'one', or 'as-they-come' for as many as it thinks fit."""
    cache: str | None = None
    """The folder for what workloads make once."""

    def iterations(self, cpu_seconds: float) -> int:
        return round(self.iterations_per_second * cpu_seconds)


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    make: Callable[[Setting], Task]
    """Called once, in the process that is measured."""
    most_threads: int = 256
    """Static counts above this are not tried: they are far past the best."""
    service: str | None = None
    """The process that the tasks talk to (services.py)."""
    longest_task: float = 1.0
    """Seconds, with many threads in each other's way; what a run may take beyond its time."""
    library: str | None = None
    """From PyPI, which the process that is measured imports (edge/requirements.txt)."""
    module: str | None = None
    """Of edge/, which has its computation."""
    model_from: str | None = None
    """The package that has the model that it reads, or builds it: the harness sees to that before."""
    parts: tuple[int, float] | None = None
    """Iterations and seconds of sleep, if a task is nothing else: an event loop waits for the sleep in its own way."""
    beta: float | None = None
    """The share of its time that a task waits if it is alone: how long the service takes for its request follows from it."""


def loop_and_sleep(iterations: int, seconds: float) -> Callable[[Setting], Task]:
    def make(_: Setting) -> Task:
        def task() -> None:
            spin(iterations)
            if seconds:
                time.sleep(seconds)

        return task

    return make


def cpu_and_sleep(cpu_seconds: float, seconds: float) -> Callable[[Setting], Task]:
    """As loop_and_sleep, but so many iterations as take this interpreter that much CPU time."""

    def make(setting: Setting) -> Task:
        return loop_and_sleep(setting.iterations(cpu_seconds), seconds)(setting)

    return make


def digest(setting: Setting) -> Task:
    """CPU without the GIL: hashlib lets go of it."""
    data = bytes(round(0.002 * setting.digest_bytes_per_second))

    def task() -> None:
        hashlib.sha256(data).digest()

    return task


def two_sizes(setting: Setting) -> Task:
    small, large = cpu_and_sleep(0.001, 0.02)(setting), cpu_and_sleep(0.03, 0.2)(setting)
    seeds = itertools.count()

    class Chance(threading.local):
        """Each thread draws its own numbers, the same in every run."""

        def __init__(self) -> None:
            self.draw = random.Random(next(seeds)).random

    chance = Chance()

    def task() -> None:
        (large if chance.draw() < 0.05 else small)()

    return task


def own_lock(_: Setting) -> Task:
    lock = threading.Lock()

    def task() -> None:
        with lock:
            time.sleep(0.0005)
        time.sleep(0.005)

    return task


def http_get(setting: Setting, path: str = "/") -> Task:
    class Client(threading.local):
        """A connection for each thread, kept open."""

        def __init__(self) -> None:
            self.connection = http.client.HTTPConnection("127.0.0.1", setting.port, timeout=60)

    client = Client()

    def task() -> None:
        client.connection.request("GET", path)
        response = client.connection.getresponse()
        response.read()
        if response.status != 200:
            raise RuntimeError(f"the upstream answered {response.status}")

    return task


def compute_and_request(name: str, module: str) -> Callable[[Setting], Task]:
    """Computes with a library, and then waits for the service."""

    def make(setting: Setting) -> Task:
        if setting.library_threads == "one":
            os.environ.update(dict.fromkeys(THREAD_COUNTS, "1"))  # the libraries read it when they are loaded, which is now
        compute = importlib.import_module(f"evaluation.edge.{module}").build(setting)
        request = http_get(setting, f"{AFTER}{setting.waits.get(name, 0)}")

        def task() -> None:
            compute()
            request()

        return task

    return make


# The seven rows of the paper's Table XIII: module, title, library and beta.
_TABLE_XIII = {
    "vision": ("vision", "vision: 3x3 and 5x5 convolutions, NumPy", "numpy", 0.69),
    "voice": ("voice", "voice: cepstra, NumPy, and Silero's speech detector, ONNX Runtime", "onnxruntime", 0.51),
    "fusion": ("fusion", "sensor fusion: Kalman filter, NumPy", "numpy", 0.89),
    "rag-edge": ("rag", "RAG: JSON, SQLite FTS5 and vector search, NumPy", "numpy", 0.94),
    "slm": ("slm", "SLM: four blocks of a transformer, NumPy", "numpy", 0.21),
    "analytics": ("analytics", "analytics: resampling, windows and groups, pandas", "pandas", 0.80),
    "onnx": ("mobilenet", "MobileNetV2, ONNX Runtime", "onnxruntime", 0.85),
}
EDGE = tuple(_TABLE_XIII)
MODELS_FROM = {"voice": "silero-vad", "onnx": "onnx"}

# The six rows of the paper's Table XI: iterations of the loop and milliseconds of sleep. The third is the paper's "micro mixed".
_TABLE_XI = {
    "xi-100": (100, 1.0),
    "xi-500": (500, 0.5),
    "micro": (1000, 0.1),
    "xi-2000": (2000, 0.05),
    "xi-5000": (5000, 0.01),
    "xi-10000": (10_000, 0.001),
}
TABLE_XI = tuple(_TABLE_XI)

WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("micro", "micro mixed: 1000 iterations + 0.1 ms", loop_and_sleep(ITERATIONS, SLEEP), parts=(ITERATIONS, SLEEP)),
        Workload("rag", "RAG mixed: 10 ms CPU + 50 ms", cpu_and_sleep(0.010, 0.050), longest_task=10),
        Workload("io-1ms", "I/O: 100 iterations + 1 ms", loop_and_sleep(100, 0.001)),
        Workload("io-20ms", "I/O: 100 iterations + 20 ms", loop_and_sleep(100, 0.020)),
        Workload("cpu", "pure CPU: 20,000 iterations", loop_and_sleep(20_000, 0), most_threads=64, longest_task=5),
        Workload("digest", "CPU without the GIL: SHA-256, 2 ms", digest, most_threads=64, longest_task=5),
        Workload("bimodal", "95 % 1 ms CPU + 20 ms, 5 % 30 ms CPU + 200 ms", two_sizes, longest_task=10),
        Workload("long", "long: 1 ms CPU + 2 s", cpu_and_sleep(0.001, 2.0), longest_task=3),
        Workload("lock", "a lock of the tasks' own, 0.5 ms, + 5 ms", own_lock, most_threads=96),
        Workload("upstream", "HTTP upstream: 8 at a time, 20 ms each", http_get, most_threads=96, service="upstream", longest_task=10),
        *(
            Workload(name, f"Table XI: {iterations:,} iterations + {milliseconds:g} ms", loop_and_sleep(iterations, milliseconds / 1000))
            for name, (iterations, milliseconds) in _TABLE_XI.items()
            if name != "micro"
        ),
        *(
            Workload(
                name,
                title,
                compute_and_request(name, module),
                service="upstream",
                longest_task=15,
                library=library,
                module=module,
                model_from=MODELS_FROM.get(name),
                beta=beta,
            )
            for name, (module, title, library, beta) in _TABLE_XIII.items()
        ),
    )
}
