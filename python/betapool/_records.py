"""What a controller decides and what a pool counts, as immutable records. The extension makes them."""

from typing import NamedTuple, Optional


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
    """Whether the last decision knew what the threads were doing; if not, it went by their use of the CPU."""
