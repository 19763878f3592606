"""The figures of the paper (arXiv 2601.10582), Tables I to XIII, as it prints them. Nothing is derived from them here."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """A static thread count in a sweep."""

    threads: int
    rate: float
    """Tasks per second."""
    beta: float | None = None
    """The blocking ratio, 1 - CPU/wall."""
    p99: float | None = None
    """Milliseconds."""


CORES = 4
"""Where the paper does not measure on one core (a Pi Zero), it does on so many (a Pi 4)."""

# ---- Tables I and II: RAG mixed, 10 ms of CPU + 50 ms of I/O, by the version of Python -----------------------------------------------

TABLE_I = {
    "3.11": (Point(1, 15.9, 0.75), Point(32, 61.1, 0.87), Point(256, 60.6, 0.88), Point(1024, 60.1, 0.89)),
    "3.13t": (Point(1, 15.8, 0.83), Point(32, 16.4, 0.82), Point(256, 14.2, 0.78), Point(1024, 12.8, 0.74)),
}
"""1 core."""
TABLE_II = {
    "3.11": (Point(1, 15.9, 0.75), Point(32, 63.0, 0.88), Point(256, 63.2, 0.89), Point(1024, 63.2, 0.89)),
    "3.13t": (Point(1, 15.9, 0.83), Point(32, 63.1, 0.83), Point(256, 248.7, 0.95), Point(1024, 252.7, 0.96)),
}
"""4 cores."""
CHANGES = {("3.11", 1): -0.015, ("3.13t", 1): -0.218, ("3.11", 4): 0.0, ("3.13t", 4): 0.016}
"""By version and cores: what the last count has more than the best before it."""

# ---- Table III: instrumentation ------------------------------------------------------------------------------------------------------


class Timing(NamedTuple):
    """Microseconds."""

    mean: float
    median: float
    p99: float


TABLE_III = {
    "time": Timing(0.08, 0.10, 0.20),
    "thread_time": Timing(0.17, 0.20, 0.30),
    "four": Timing(0.35, 0.30, 0.40),
    "nothing": Timing(0.08, 0.10, 0.10),
}
"""time.time(), time.thread_time(), both before and both after, and a function that does nothing."""
MOST_OVERHEAD = 0.003
"""Of a task of TASK_MICROSECONDS: what the paper says that the four calls stay below."""
TASK_MICROSECONDS = 100.0

# ---- Tables IV and VI: micro mixed, a loop of 1000 iterations + 0.1 ms, on Python 3.11, by the number of cores -----------------------

TABLE_IV = {
    1: (Point(1, 4940), Point(32, 39_738, p99=8.6), Point(64, 36_890), Point(256, 35_751), Point(2048, 23_771, p99=17.2)),
    4: (Point(1, 5012), Point(32, 19_833, p99=4.1), Point(64, 18_681), Point(256, 19_116), Point(2048, 12_877, p99=20.0)),
}


class Cliff(NamedTuple):
    peak: Point
    last: Point
    change: float


TABLE_VI = {
    1: Cliff(Point(32, 39_738, p99=8.6), Point(2048, 23_771, p99=17.2), -0.402),
    4: Cliff(Point(32, 19_833, p99=4.1), Point(2048, 12_877, p99=20.0), -0.351),
}
LEAST_LOSS = 0.20
"""What the paper says is lost from LOSS_FROM threads on."""
LOSS_FROM = 512

# ---- Table V: pure I/O of about 1 ms, on Python 3.11, by the number of cores ---------------------------------------------------------

TABLE_V = {
    1: (Point(1, 843), Point(4, 3587), Point(16, 13_134), Point(64, 39_610), Point(256, 63_654)),
    4: (Point(1, 849), Point(4, 3650), Point(16, 13_447), Point(64, 41_220), Point(256, 53_773)),
}

# ---- Tables VII, VIII and X: strategies, micro mixed on 4 cores ----------------------------------------------------------------------


class Strategy(NamedTuple):
    name: str
    rate: float
    p99: float
    """Milliseconds."""


TABLE_VII = (
    Strategy("naive, 256 threads", 18_279, 14.3),
    Strategy("optimal, 32 threads", 19_792, 4.1),
    Strategy("adaptive, 4 to 64 threads", 19_100, 5.2),
)
EFFICIENCY = 0.965
"""Of adaptive, held against optimal."""
TABLE_VIII = {"naive": 0.21, "optimal": 0.78, "adaptive": 0.74}
"""Mean beta."""
FINAL_THREADS, VETOES = 48, 23
"""Of adaptive, in Table VIII."""
TABLE_X = (
    Strategy("asyncio, 128 at a time", 42_370, 17.3),
    Strategy("asyncio, 256 at a time", 43_302, 19.1),
    Strategy("queue-depth scaler", 17_119, 12.0),
)

# ---- Table IX: memory, micro mixed ---------------------------------------------------------------------------------------------------


class Memory(NamedTuple):
    total: float
    """MB."""
    overhead: float
    """MB beyond the process without a pool."""
    rate: float


TABLE_IX = {
    "tpe-4": Memory(21.2, 0.2, 5563),
    "tpe-32": Memory(22.1, 0.3, 14_243),
    "tpe-64": Memory(22.8, 0.4, 14_307),
    "processes-4": Memory(86.2, 65.0, 6258),
    "processes-8": Memory(166.1, 144.9, 6512),
    "processes-16": Memory(325.8, 304.6, 5891),
}
PROCESS_MB = 20.0
"""What a process adds."""
TIMES_THE_MEMORY = 8.0
"""Of 8 processes, held against 32 threads."""

# ---- Table XI: the best thread count by kind of task ---------------------------------------------------------------------------------


class Best(NamedTuple):
    iterations: int
    sleep: float
    """Milliseconds."""
    threads: int
    rate: float


TABLE_XI = (
    Best(100, 1.0, 128, 67_132),
    Best(500, 0.5, 128, 56_010),
    Best(1000, 0.1, 16, 35_620),
    Best(2000, 0.05, 16, 22_342),
    Best(5000, 0.01, 16, 10_291),
    Best(10_000, 0.001, 32, 5525),
)

# ---- Table XII: a sweep of the threshold of beta, on I/O -----------------------------------------------------------------------------


class Sensitivity(NamedTuple):
    thresholds: tuple[float, float]
    """From, to."""
    rates: tuple[float, float]
    """Least, most."""
    beta: float


TABLE_XII = Sensitivity((0.2, 0.7), (56_800, 57_800), 0.999)

# ---- Table XIII: edge workloads ------------------------------------------------------------------------------------------------------


class Edge(NamedTuple):
    beta: float
    best_threads: int
    threads: int
    """That adaptive came to."""
    efficiency: float


TABLE_XIII = {
    "vision": Edge(0.69, 64, 58, 0.967),
    "voice": Edge(0.51, 96, 72, 0.892),
    "sensor fusion": Edge(0.89, 64, 60, 0.968),
    "RAG": Edge(0.94, 128, 124, 0.933),
    "SLM": Edge(0.21, 64, 24, 0.875),
    "analytics": Edge(0.80, 128, 96, 0.976),
    "ONNX MobileNetV2": Edge(0.85, 32, 30, 0.961),
}
MEAN_EFFICIENCY = 0.939
