"""Whether what was measured agrees with the paper, in words. What is compared is shapes: machines are not equally fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evaluation import paper
from evaluation.paper_summary import Resident, Standing, Timing
from evaluation.strategies import Strategy

AGREES, IN_PART, DIFFERS, UNKNOWN, OURS = "agrees", "agrees in part", "differs", "not measured", "beyond the paper"
SAME_CHANGE = 0.10
"""Changes of throughput that differ by no more, of the whole, are taken for the same."""
A_CHANGE = 0.05
"""Less is none."""
SAME_FACTOR = 1.5
"""Ratios that differ by no greater factor are taken for the same."""


class Verdict(NamedTuple):
    word: str
    text: str


def beyond_the_best(where: str, here: Mapping[int, Standing], theirs: Sequence[paper.Point], printed: float) -> Verdict:
    """What the largest count does, held against the best before it."""
    last = theirs[-1].threads
    rates = {count: standing.rate.mean for count, standing in here.items() if standing.rate}
    best = max((rate for count, rate in rates.items() if count < last), default=None)
    if last not in here or best is None:
        return Verdict(UNKNOWN, f"{where}: not measured.")
    paper_says = f"in the paper {last:,} threads do {changed(printed)} than the best of fewer"
    if last not in rates:
        return Verdict(DIFFERS, f"{where}: {paper_says}; here they did not finish ({here[last].failure}).")
    change = rates[last] / best - 1
    return Verdict(_of_changes(change, printed), f"{where}: {paper_says}; here {changed(change)}.")


def _of_changes(here: float, theirs: float) -> str:
    if abs(here - theirs) <= SAME_CHANGE:
        return AGREES
    return IN_PART if min(abs(here), abs(theirs)) > A_CHANGE and (here < 0) == (theirs < 0) else DIFFERS


def changed(change: float) -> str:
    return f"{abs(change):.1%} {'less' if change < 0 else 'more'}"


def of_beta(where: str, here: Mapping[int, Standing], theirs: Sequence[paper.Point]) -> Verdict:
    first, last = theirs[0], theirs[-1]
    found = {count: standing.beta for count, standing in here.items() if standing.beta is not None and count <= last.threads}
    assert first.beta is not None and last.beta is not None
    if len(found) < 2:
        return Verdict(UNKNOWN, f"{where}: beta was not measured.")
    least, most = min(found), max(found)
    rises = found[most] > found[least]
    agrees = rises == (last.beta > first.beta)
    why = "" if agrees or not rises else " A thread that waits for the GIL or for a core uses no CPU, so contention looks like I/O."
    text = (
        f"{where}: beta goes from {first.beta:.2f} to {last.beta:.2f} in the paper, from {found[least]:.2f} ({least}) to {found[most]:.2f} "
        f"({most:,} threads) here.{why}"
    )
    return Verdict(AGREES if agrees else DIFFERS, text)


def of_free_threading(gil: Mapping[int, Standing], free: Mapping[int, Standing], cores: int) -> Verdict:
    """Table II: the free-threaded build does about as many times more as there are cores."""
    best = [max((each.rate.mean for each in sweep.values() if each.rate), default=0.0) for sweep in (gil, free)]
    if not all(best):
        return Verdict(UNKNOWN, "3.13t beside 3.11: not both were measured.")
    times = best[1] / best[0]
    word = AGREES if 1 / SAME_FACTOR <= times / cores <= SAME_FACTOR else DIFFERS
    return Verdict(
        word, f"3.13t at its best does {times:.1f} times what 3.11 does, on {cores} cores; in the paper 4.0 times, on {paper.CORES}."
    )


def of_the_cliff(where: str, here: Mapping[int, Standing]) -> Verdict:
    """The paper's claim: a fifth is lost from 512 threads on."""
    rates = {count: standing.rate.mean for count, standing in here.items() if standing.rate}
    far = [count for count in here if count >= paper.LOSS_FROM]
    if not far or not rates:
        return Verdict(UNKNOWN, f"{where}: no count from {paper.LOSS_FROM} threads on was measured.")
    best = max(rates, key=lambda count: rates[count])
    losses = {count: 1 - rates[count] / rates[best] for count in far if count in rates}
    lost = [f"{losses[count]:.0%} at {count:,}" if count in losses else f"{count:,} did not finish" for count in far]
    enough = [loss >= paper.LEAST_LOSS for loss in losses.values()] + [True] * (len(far) - len(losses))
    word = AGREES if all(enough) else IN_PART if any(enough) else DIFFERS
    claim = f"the paper says that at least {paper.LEAST_LOSS:.0%} are lost from {paper.LOSS_FROM} threads on"
    return Verdict(word, f"{where}: {claim}; here, of the best ({best}), {', '.join(lost)}.")


def of_latency(where: str, here: Mapping[int, Standing], theirs: paper.Cliff) -> Verdict:
    """Table VI: how much longer the tail is at the last count than at the peak."""
    peak = max(here, key=lambda count: standing.rate.mean if (standing := here[count]).rate else 0.0, default=0)
    first, last = here.get(peak), here.get(theirs.last.threads)
    if not (first and last and first.p99 and last.p99 and theirs.peak.p99 and theirs.last.p99):
        return Verdict(UNKNOWN, f"{where}: not both P99 were measured.")
    times, printed = last.p99 / first.p99, theirs.last.p99 / theirs.peak.p99
    word = AGREES if 1 / SAME_FACTOR <= times / printed <= SAME_FACTOR else IN_PART if times > 1 else DIFFERS
    found = f"P99 at {last.threads:,} threads is {times:.1f} times that at the peak ({peak})"
    return Verdict(word, f"{where}: {found}; in the paper {printed:.1f} times.")


def of_scaling(where: str, here: Mapping[int, Standing], theirs: Sequence[paper.Point]) -> Verdict:
    """Table V: pure I/O grows with the threads."""
    first, point = theirs[0], theirs[3]  # beyond its 64 threads the paper's own rates are no longer those of I/O alone
    low, high = (here[each.threads].rate if each.threads in here else None for each in (first, point))
    if low is None or high is None:
        return Verdict(UNKNOWN, f"{where}: not measured.")
    times, printed = high.mean / low.mean, point.rate / first.rate
    ratio = times / printed
    word = AGREES if 1 / SAME_FACTOR <= ratio <= SAME_FACTOR else IN_PART if times > point.threads / 4 else DIFFERS
    return Verdict(word, f"{where}: {point.threads} threads do {times:.0f} times what one does; in the paper {printed:.0f} times.")


def of_instrumentation(python: str, timings: Mapping[str, Timing]) -> list[Verdict]:
    if not timings:
        return [Verdict(UNKNOWN, f"Python {python}: not measured.")]
    four, task, printed = timings["four"].median, timings["task"].median, paper.TABLE_III["four"].median
    share = four / paper.TASK_MICROSECONDS
    adds = round(timings["measuring"].median, 2) + 0.0  # not -0.00
    claim = (
        f"Python {python}: the four calls take {four:.2f} us here, {share:.2%} of a task of {paper.TASK_MICROSECONDS / 1000:g} ms; "
        f"{printed:.2f} us in the paper, which says not more than {paper.MOST_OVERHEAD:.1%} (medians)."
    )
    ours = (
        f"Python {python}: `with controller.task()`, which reads the same clocks and reports them, takes {task:.2f} us, {task / four:.1f} "
        f"times the four calls. A task in the pool takes {adds:+.2f} us more with the policy adaptive, which "
        "measures, than with fixed (medians)."
    )
    if "timing" in timings:  # runs that were kept from before have none
        ours += f" The histograms of timing=True add {1000 * timings['timing'].median:.0f} ns."
    return [Verdict(AGREES if share <= paper.MOST_OVERHEAD else DIFFERS, claim), Verdict(OURS, ours)]


def of_memory(here: Mapping[Strategy, Resident | None]) -> list[Verdict]:
    eight, threads = here.get(Strategy("processes", 8)), here.get(Strategy("tpe", 32))
    if eight is None or threads is None:
        return [Verdict(UNKNOWN, "Threads and processes were not both measured.")]
    each, each_shared = eight.rss_overhead / 8, eight.pss_overhead / 8
    times, printed = eight.rss / threads.rss, paper.TABLE_IX["processes-8"].total / paper.TABLE_IX["tpe-32"].total
    adds = f"A process adds {each:.0f} MB of RSS, {each_shared:.0f} of PSS; about {paper.PROCESS_MB:.0f} in the paper."
    by_pss = eight.pss / threads.pss
    holds = f"8 processes take {times:.1f} times the RSS of 32 threads ({by_pss:.1f} times the PSS); {printed:.1f} in the paper."

    def word(ratio: float) -> str:
        return AGREES if 1 / SAME_FACTOR <= ratio <= SAME_FACTOR else DIFFERS

    made = [Verdict(word(each / paper.PROCESS_MB), adds), Verdict(word(times / printed), holds)]
    adaptive = here.get(Strategy("adaptive"))
    if adaptive:
        text = f"adaptive takes {adaptive.rss:.1f} MB of RSS, of which {adaptive.rss_overhead:.1f} are its own; 8 processes take "
        made.append(Verdict(OURS, f"{text}{eight.rss / adaptive.rss:.1f} times as much ({eight.pss / adaptive.pss:.1f} times the PSS)."))
    return made
