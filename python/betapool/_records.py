"""What a controller decides and what a pool counts, as immutable records. The extension makes them."""

import math
from typing import Callable, NamedTuple, Optional


class Decision(NamedTuple):
    """One tick of a controller: what it saw, what it did, why."""

    threads: int
    """Thread count from now on."""
    action: str
    """'hold', 'scale_up', 'scale_down' or 'veto': growth was asked for by the queue and refused."""
    reason: str
    """Why, in one sentence."""
    beta: Optional[float]
    """Blocking ratio of the interval, 1 - sum(cpu)/sum(wall) (paper, eq. 3); None if nothing was measured."""
    beta_ewma: float
    """Its exponentially weighted mean (paper, Algorithm 1)."""
    beta_io: Optional[float]
    """Blocking ratio that contention does not inflate: the share of busy threads that wait for I/O and not for each other.

    This and the four numbers of threads at the end are means over the interval; None where wait states cannot be read.
    """
    queue_length: int
    """Tasks that waited for a thread."""
    time: float
    """Seconds, on the clock of time.monotonic()."""
    number: int
    """1 for the controller's first decision; a gap means that older ones were overwritten."""
    threads_before: int
    """Thread count until now."""
    running_threads: Optional[float]
    """On a core, or queued for one."""
    contending_threads: Optional[float]
    """Asleep on the GIL, or on the pool's own lock."""
    waiting_threads: Optional[float]
    """Asleep in anything else."""
    surplus_threads: Optional[float]
    """Could leave and nothing would slow down: those that contend, and those queued for a core."""


class Times(NamedTuple):
    """How long the tasks of a pool took, in seconds, as a histogram: every bucket is an eighth of a power of two wide."""

    tasks: int
    total: float
    max: float
    buckets: tuple[tuple[float, int], ...]
    """Where a bucket ends, and how many tasks are in it; those without tasks are left out. The last one has what took 8,192 s or more."""

    @property
    def mean(self) -> Optional[float]:
        """The mean; None before the first task."""
        return self.total / self.tasks if self.tasks else None

    @property
    def p50(self) -> Optional[float]:
        """The median: percentile(50)."""
        return self.percentile(50)

    @property
    def p99(self) -> Optional[float]:
        """percentile(99)."""
        return self.percentile(99)

    def percentile(self, percent: float) -> Optional[float]:
        """What this part of the tasks stayed below, to about 6 %; None before the first task. ValueError unless it is 0 to 100."""
        if not 0 <= percent <= 100:
            raise ValueError(f"percent must be 0 to 100, not {percent!r}")
        left = percent / 100 * self.tasks
        for end, tasks in self.buckets:
            if left <= tasks:
                fraction, exponent = math.frexp(end)
                width = math.ldexp(1 / 16, exponent if fraction > 0.5 else exponent - 1)
                return min(end - width * (1 - left / tasks), self.max)
            left -= tasks
        return self.max if self.tasks else None


class TaskTimes(NamedTuple):
    """One call, as `on_task` is told of it. Times are seconds."""

    function: Callable[..., object]
    queue_time: float
    """From submit() until it began."""
    wall_time: float
    cpu_time: float
    """Of its thread, while it ran."""

    @property
    def beta(self) -> float:
        """Its blocking ratio, 1 - cpu/wall (paper, eq. 2)."""
        return 1 - self.cpu_time / self.wall_time if self.wall_time > 0 else 0.0


class PoolStats(NamedTuple):
    """A pool at one moment. Totals count from its creation."""

    policy: str
    """'fixed', 'paper', 'paper-io' or 'adaptive'."""
    min_threads: int
    max_threads: int
    """The limits in force."""
    target_threads: int
    """How many workers the controller allows."""
    threads: int
    """How many there are, those that are just starting among them."""
    idle_threads: int
    """How many of them have nothing to do."""
    queue_length: int
    """Tasks waiting."""
    running: int
    """Tasks running."""
    submitted: int
    """Tasks accepted."""
    completed: int
    """Tasks run to their end."""
    cancelled: int
    """Tasks given up before they ran: at shutdown, in the child of a fork, or taken back."""
    threads_started: int
    threads_retired: int
    spawn_failures: int
    """Times a thread was wanted and could not be had."""
    decisions: int
    """Ticks of the controller."""
    scale_ups: int
    scale_downs: int
    vetoes: int
    cpu_time: float
    """Seconds of CPU used by workers, up to the last tick."""
    busy_time: float
    """Seconds that workers were not idle, summed over workers, up to the last tick."""
    beta: Optional[float]
    """Blocking ratio of the last interval (paper, eq. 3); None if nothing was measured."""
    beta_ewma: float
    """Its exponentially weighted mean (paper, Algorithm 1)."""
    beta_io: Optional[float]
    """As in Decision, of the last interval; so are the next four."""
    running_threads: Optional[float]
    contending_threads: Optional[float]
    waiting_threads: Optional[float]
    surplus_threads: Optional[float]
    wait_states: bool
    """Whether the last look at busy threads showed what they were doing; if not, decisions go by their use of the CPU. False before the
    first look, which an idle pool does not need."""
    queue_time: Optional[Times] = None
    """How long calls waited from submit() until they began; None without `timing`, which costs some 40 ns a task."""
    run_time: Optional[Times] = None
    """How long they ran."""
