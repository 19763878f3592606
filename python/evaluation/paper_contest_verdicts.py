"""Whether the strategies do here as they do in the paper, in words (Tables VII, VIII and X to XIII)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from evaluation import paper, paper_contests
from evaluation.paper_standings import Contender, Contested
from evaluation.paper_verdicts import AGREES, DIFFERS, IN_PART, OURS, SAME_CHANGE, SAME_FACTOR, UNKNOWN, Verdict, changed
from evaluation.strategies import WATCHED, Strategy

SLACK = 0.01
"""Efficiencies that are lower by no more are taken for as good."""
FLAT = 0.10
"""Rates that differ by no more, of the highest, are taken for the same."""


def of_strategies(python: str, here: Contested) -> list[Verdict]:
    """Table VII."""
    naive, optimal, _ = paper.TABLE_VII
    best, adaptive, many = here.best, here.named("adaptive"), here.named(*paper_contests.NAIVE)
    verdicts = [of_efficiency(python, best, adaptive)]
    if best and best.rate and many and many.rate:
        change, printed = many.rate / best.rate - 1, naive.rate / optimal.rate - 1
        word = AGREES if abs(change - printed) <= SAME_CHANGE else IN_PART if change < 0 else DIFFERS
        text = f"Python {python}: 256 threads do {changed(printed)} than the best count (32) in the paper; here {changed(change)} than "
        verdicts.append(Verdict(word, f"{text}{best.strategy.threads}."))
    times = times_the_p99(adaptive, best)
    if adaptive and times is not None:
        theirs = paper.TABLE_VII[2].p99 / optimal.p99
        word = AGREES if times <= theirs * SAME_FACTOR else DIFFERS
        verdicts.append(Verdict(word, f"Python {python}: adaptive's P99 is {times:.2f} times the best's; {theirs:.2f} in the paper."))
    return verdicts


def of_efficiency(python: str, best: Contender | None, adaptive: Contender | None) -> Verdict:
    if not (best and best.rate and adaptive and adaptive.share is not None):
        return Verdict(UNKNOWN, f"Python {python}: adaptive and the best static count were not both measured.")
    word = AGREES if adaptive.share >= paper.EFFICIENCY - SLACK else IN_PART if adaptive.share >= 0.9 else DIFFERS
    found = f"Python {python}: adaptive does {adaptive.share:.1%} of the best static count ({best.strategy.threads} threads) with "
    return Verdict(word, f"{found}{adaptive.threads:.0f}; {paper.EFFICIENCY:.1%} in the paper.")


def of_betas(python: str, here: Contested) -> list[Verdict]:
    """Table VIII."""
    verdicts = []
    many, few = here.named(WATCHED, paper_contests.NAIVE.threads), here.named(WATCHED, 1)
    if many and many.standing.beta is not None:
        beta, printed = many.standing.beta, paper.TABLE_VIII["naive"]
        agrees = abs(beta - printed) <= 0.1
        why = " A thread that waits for the GIL or for a core uses no CPU, so contention looks like I/O."
        alone = f" (alone: {few.standing.beta:.2f})" if few and few.standing.beta is not None else ""
        of_io = f" beta_io, which tells the two apart, is {many.beta_io:.2f}." if many.beta_io is not None else ""
        text = f"Python {python}: beta of 256 threads is {printed:.2f} in the paper, {beta:.2f} here{alone}."
        verdicts.append(Verdict(AGREES if agrees else DIFFERS, text + ("" if agrees else why + of_io)))
    by_paper, by_io = (here.named(name, None, None, paper_contests.FAST) for name in ("paper", "paper-io"))
    if by_paper and by_paper.vetoes is not None and by_paper.threads is not None:
        agrees = by_paper.vetoes > 0 and by_paper.threads < paper_contests.PAPERS_MOST
        printed = f"{paper.VETOES} times in the paper and ends at {paper.FINAL_THREADS} threads"
        text = f"Python {python}: Algorithm 1 refuses growth {printed}; here on beta {by_paper.vetoes:.0f} times, at {by_paper.threads:.0f}"
        if by_io and by_io.vetoes is not None and by_io.threads is not None:
            text += f"; on beta_io {by_io.vetoes:.0f} times, at {by_io.threads:.0f}"
        verdicts.append(Verdict(AGREES if agrees else DIFFERS, text + "."))
    return verdicts or [Verdict(UNKNOWN, f"Python {python}: beta was not measured.")]


def of_baselines(python: str, here: Contested) -> list[Verdict]:
    """Table X: shares of the best static count are compared, for machines are not equally fast."""
    verdicts, optimal = [], paper.TABLE_VII[1].rate
    printed = dict(zip((Strategy("asyncio", 128), Strategy("asyncio", 256), Strategy("queue-depth")), paper.TABLE_X))
    for strategy, theirs in printed.items():
        found = here.named(*strategy)
        if found and found.rate and here.best and here.best.rate:
            times, printed_times = found.rate / here.best.rate, theirs.rate / optimal
            word = AGREES if 1 / SAME_FACTOR <= times / printed_times <= SAME_FACTOR else DIFFERS
            text = f"Python {python}: {strategy.label} does {times:.2f} times the best static count; {printed_times:.2f} in the paper."
            verdicts.append(Verdict(word, text))
    own, ours = here.named("to-thread", 128), here.named("to-thread-betapool", 128)
    if own and own.rate and ours and ours.rate:
        text = f"Python {python}: asyncio.to_thread() does {ours.rate / own.rate:.2f} times as much with this project's executor as with "
        verdicts.append(Verdict(OURS, f"{text}asyncio's own ({ours.threads:.0f} and {own.threads:.0f} threads)."))
    return verdicts or [Verdict(UNKNOWN, f"Python {python}: not measured.")]


def of_best_counts(python: str, found: Mapping[str, Contested]) -> list[Verdict]:
    """Table XI."""
    best = [here.best.strategy.threads or 0 if here.best else None for here in found.values()]
    verdicts = []
    if len(best) == len(paper.TABLE_XI) and all(best):
        counts = [each for each in best if each is not None]
        agrees = min(counts[:2]) > max(counts[2:])
        in_part = statistics.fmean(counts[:2]) > statistics.fmean(counts[2:])
        printed = " ".join(f"{each.threads}" for each in paper.TABLE_XI)
        text = f"Python {python}: the best counts are {printed} in the paper, from the most I/O to the least; here "
        verdicts.append(Verdict(AGREES if agrees else IN_PART if in_part else DIFFERS, text + " ".join(map(str, counts)) + "."))
    shares = [adaptive.share for here in found.values() if (adaptive := here.named("adaptive")) and adaptive.share is not None]
    if shares:
        found_here = f"{statistics.fmean(shares):.1%} of the best static counts on average, at least {min(shares):.1%}"
        text = f"Python {python}: one setting of adaptive does {found_here} ({len(shares)} of {len(paper.TABLE_XI)} kinds of task)."
        verdicts.append(Verdict(OURS, text))
    return verdicts or [Verdict(UNKNOWN, f"Python {python}: not measured.")]


def of_thresholds(python: str, here: Contested) -> list[Verdict]:
    """Table XII."""
    verdicts = []
    low, high = paper.TABLE_XII.rates
    for name in ("paper", "paper-io"):
        found = [each for each in here.contenders.values() if each.strategy.name == name and each.rate]
        if len(found) < 2:
            continue
        rates, threads = [each.rate or 0.0 for each in found], [each.threads or 0.0 for each in found]
        spread = 1 - min(rates) / max(rates)
        is_papers = name == "paper"
        claim = f"; {1 - low / high:.1%} in the paper" if is_papers else ""
        first, last = found[0].strategy.beta_threshold, found[-1].strategy.beta_threshold
        ends = f"ends at {min(threads):.0f} to {max(threads):.0f} threads"
        text = f"Python {python}: {name} with thresholds from {first:g} to {last:g} differs by {spread:.1%}, and {ends}"
        word = (AGREES if spread <= FLAT else DIFFERS) if is_papers else OURS
        verdicts.append(Verdict(word, f"{text}{claim}."))
    return verdicts or [Verdict(UNKNOWN, f"Python {python}: not measured.")]


def of_edge(python: str, found: Mapping[str, Contested], library_threads: str) -> list[Verdict]:
    """Table XIII."""
    shares = {name: each.share for name, here in found.items() if (each := here.named("adaptive")) and each.share is not None}
    if not shares:
        own = " with as many threads in the library as it takes by itself" * (library_threads != "one")
        return [Verdict(UNKNOWN, f"Python {python}: adaptive did not finish, or was not measured{own}.")]
    mean, worst = statistics.fmean(shares.values()), min(shares, key=lambda name: shares[name])
    if library_threads != "one":
        each = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        text = f"Python {python}: with as many threads in the library as it takes by itself: {each} of the best static count."
        return [Verdict(OURS, text)]
    least = min(edge.efficiency for edge in paper.TABLE_XIII.values())
    is_whole = len(shares) == len(paper.TABLE_XIII)
    word = AGREES if mean >= paper.MEAN_EFFICIENCY - SLACK and is_whole else IN_PART
    text = f"Python {python}: adaptive does {mean:.1%} of the best static counts on average, at least {shares[worst]:.1%} ({worst}), over "
    printed = f"in the paper {paper.MEAN_EFFICIENCY:.1%}, at least {least:.1%}"
    verdicts = [Verdict(word, f"{text}{len(shares)} workloads; {printed}.")]
    times = times_the_p99s(found)
    if times:
        slowest = max(times, key=lambda name: times[name])
        middle = f"{statistics.median(times.values()):.2f} times the best static counts' in the middle"
        verdicts.append(Verdict(OURS, f"Python {python}: adaptive's P99 is {middle}, at most {times[slowest]:.2f} ({slowest})."))
    vetoes = [each.vetoes for here in found.values() if (each := here.named("adaptive")) and each.vetoes is not None]
    if vetoes:
        text = f"Python {python}: {statistics.fmean(vetoes):.0f} vetoes a workload; about 9 in the paper, whose runs were longer."
        verdicts.append(Verdict(OURS, text))
    return verdicts


def times_the_p99s(found: Mapping[str, Contested]) -> dict[str, float]:
    """adaptive's, of the best static count's, by workload."""
    times = {name: times_the_p99(here.named("adaptive"), here.best) for name, here in found.items()}
    return {name: each for name, each in times.items() if each is not None}


def times_the_p99(one: Contender | None, other: Contender | None) -> float | None:
    if not (one and other and one.standing.p99 and other.standing.p99):
        return None
    return one.standing.p99 / other.standing.p99
