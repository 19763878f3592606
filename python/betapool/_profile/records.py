"""What a profile says, as plain records. Numbers of threads are means over time: 0.5 threads on a core is one thread half the time."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, NamedTuple


class State(enum.IntEnum):
    """What a thread is doing. The order is that of survey_state in the extension."""

    CPU = 0
    QUEUED = 1
    GIL = 2
    LOCK = 3
    IDLE = 4
    SLEEP = 5
    POLL = 6
    READ = 7
    WRITE = 8
    OTHER = 9


STATE_TEXTS = {
    State.CPU: "on a core",
    State.QUEUED: "queued for a core",
    State.GIL: "waits for the GIL",
    State.LOCK: "waits for another lock",
    State.IDLE: "idle in a pool",
    State.SLEEP: "sleeps",
    State.POLL: "waits in poll, select, epoll",
    State.READ: "waits in read, recv, accept",
    State.WRITE: "waits in write, send, connect",
    State.OTHER: "waits in another system call",
}
STATE_COLORS = {
    State.CPU: "#2e9e5b",
    State.QUEUED: "#e0b02f",
    State.GIL: "#d1483e",
    State.LOCK: "#9a5fc0",
    State.SLEEP: "#8fb8de",
    State.POLL: "#4a90d2",
    State.READ: "#2f6fb5",
    State.WRITE: "#1f4f86",
    State.OTHER: "#6f8aa5",
    State.IDLE: "#d9d9d9",
}
"""In the order in which pictures stack them."""
IO_STATES = (State.SLEEP, State.POLL, State.READ, State.WRITE, State.OTHER)
WAITING_STATES = (State.LOCK, *IO_STATES)
"""What beta_io calls waiting: for neither the GIL nor a core."""


class ThreadRecord(NamedTuple):
    """A thread as Survey.threads() has it. Times are seconds."""

    number: int
    """The kernel's."""
    name: str
    """The kernel's."""
    root: str
    """What it was started to do, file:function, if that was asked for and could be seen."""
    is_alive: bool
    visits: int
    first: float
    last: float
    """When it was visited first and last, on the clock of time.monotonic()."""
    seconds: tuple[float, ...]
    """By state; in all about as long as it lived."""
    span: float
    cpu: float
    queued: float
    """On a core, and queued for one, in that span, as the kernel counts it."""
    awake_for_gil: float
    """What of the seconds of State.GIL the kernel counts as queued: one that waits for the GIL wakes every 5 ms to ask for it."""
    without_gil: float
    """Not asleep, while the GIL that it was last seen to wait for was another's: awake to ask for it, or in code that needs none."""


@dataclasses.dataclass
class Group:
    """Threads whose names begin alike."""

    name: str
    threads: int
    """Seen in all."""
    mean_threads: float
    states: dict[str, float]
    """Mean number of threads in each state."""
    beta: float | None
    """1 - CPU time/wall time, as the paper has it; idle time is left out. None if nothing but that was seen."""
    beta_io: float | None
    """Share of the time, idle time left out, that they waited for neither the GIL nor a core."""
    gil_share: float | None
    """Share of the time, idle time left out, that they waited for the GIL."""
    tasks_per_second: float | None = None
    """That they finished, if they are a pool's: this project's, or concurrent.futures'."""

    @property
    def busy(self) -> float:
        return self.mean_threads - self.states["idle"]

    @property
    def waiting(self) -> float:
        return sum(self.states[state.name.lower()] for state in WAITING_STATES)


@dataclasses.dataclass
class Profile:
    command: str
    python: str
    seconds: float
    cores: float
    """That the process may use."""
    gil: bool | None
    """Whether it has a GIL; None: not known."""
    gil_held: float | None
    """Share of the time that somebody had it."""
    groups: list[Group]
    """Those with most thread time first."""
    total: Group
    bottleneck: str
    """'gil', 'cores', 'io', 'lock', 'idle' or 'none'."""
    verdict: str
    advice: list[str]
    timeline: dict[str, Any]
    """'times', the middle of each interval in seconds; 'groups', by name and state the mean number of threads in each interval."""
    looks: int
    cost: float
    """Seconds of CPU that sampling took."""

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
