"""The paper's Tables VII, VIII and X to XIII with its figures beside those measured, and the verdicts below each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Callable

from evaluation import memory_strategies, paper, paper_contest_verdicts, paper_contests
from evaluation.paper_sections import Section, milliseconds, number, rate_of, runs_of
from evaluation.paper_standings import Contender, Contested, Standings
from evaluation.paper_summary import Figures
from evaluation.paper_verdicts import Verdict
from evaluation.plan import LIBRARY_MOST
from evaluation.report import Table
from evaluation.strategies import WATCHED, Strategy
from evaluation.workloads import EDGE, TABLE_XI, WORKLOADS

Row = list[str]
PRINTED = dict(zip(EDGE, paper.TABLE_XIII.values()))
"""Table XIII by the names of our workloads."""


def sections(standings: Standings, figures: Figures, parts: Iterable[str]) -> list[Section]:
    """Those of `parts`, in the paper's order. figures: of the sweeps and the memory, some of which is shown beside."""
    makers: dict[str, Callable[[], Section]] = {
        "table-vii": lambda: strategies(standings),
        "table-viii": lambda: betas(standings),
        "table-x": lambda: baselines(standings, figures),
        "table-xi": lambda: best_counts(standings),
        "table-xii": lambda: thresholds(standings),
        "table-xiii": lambda: edge(standings),
    }
    return [makers[part]() for part in makers if part in parts]


def strategies(standings: Standings) -> Section:
    naive, optimal, adaptive = paper.TABLE_VII
    head = ["", "tasks/s", "paper", "runs", "of the best static count", "paper", "P99, ms", "paper", "threads"]
    rows, lines, verdicts = [], [], []
    for python, here in measured(standings, "micro"):
        shown = [(here.best, optimal, 1.0), (here.named(*paper_contests.NAIVE), naive, naive.rate / optimal.rate)]
        shown += [(here.named("adaptive"), adaptive, paper.EFFICIENCY)]
        others = [*paper_contests.ALGORITHM_1, *paper_contests.OTHERS]
        for contender, theirs, share in [*shown, *((here.named(*each), None, None) for each in others)]:
            if contender:
                printed = [number(theirs.rate), percent(share), f"{theirs.p99}"] if theirs else ["-"] * 3
                rows.append(strategy_row(python, contender, printed))
        lines.append(len(rows) - 1)
        verdicts += marked(here, paper_contest_verdicts.of_strategies(python, here))
    return Section("table-vii", Table(f"Table VII: strategies on micro mixed, {standings.place}", head, rows, lines), verdicts)


def strategy_row(python: str, contender: Contender, printed: Sequence[str]) -> Row:
    rate, share, p99 = printed
    found = contender.standing
    figures = [rate_of(found), rate, runs_of(found), percent(contender.share), share, milliseconds(found.p99), p99]
    return [label(python, contender), *figures, whole(contender.threads)]


def betas(standings: Standings) -> Section:
    head = ["", "beta", "paper", "beta_io", "threads in the end", "paper", "vetoes", "paper", "tasks/s"]
    rows, lines, verdicts = [], [], []
    for python, here in measured(standings, "micro"):
        best = here.best.strategy.threads if here.best else None
        static = [(paper_contests.NAIVE.threads, "naive")] + ([(paper_contests.looked_at(best), "optimal")] if best else [])
        shown = [(here.named(WATCHED, count), paper.TABLE_VIII[name], None, None) for count, name in static]
        shown += [(here.named("adaptive"), paper.TABLE_VIII["adaptive"], paper.FINAL_THREADS, paper.VETOES)]
        for contender, beta, threads, vetoes in [*shown, *((here.named(*each), None, None, None) for each in paper_contests.ALGORITHM_1)]:
            if contender:
                found = contender.standing
                counts = [whole(contender.threads), whole(threads), whole(contender.vetoes), whole(vetoes)]
                rows.append([label(python, contender), ratio(found.beta), ratio(beta), ratio(contender.beta_io), *counts, rate_of(found)])
        lines.append(len(rows) - 1)
        verdicts += marked(here, paper_contest_verdicts.of_betas(python, here))
    return Section("table-viii", Table(f"Table VIII: beta on micro mixed, {standings.place}", head, rows, lines), verdicts)


def baselines(standings: Standings, figures: Figures) -> Section:
    head = ["", "tasks/s", "paper", "runs", "of the best static count", "paper", "P99, ms", "paper", "threads"]
    printed = {("asyncio", 128): paper.TABLE_X[0], ("asyncio", 256): paper.TABLE_X[1], ("queue-depth", None): paper.TABLE_X[2]}
    optimal, rows, lines, verdicts = paper.TABLE_VII[1].rate, [], [], []
    for python, here in measured(standings, "micro"):
        for strategy in paper_contests.TABLE_X:
            contender, theirs = here.named(*strategy), printed.get(strategy[:2])
            if contender:
                beside = [number(theirs.rate), percent(theirs.rate / optimal), f"{theirs.p99}"] if theirs else ["-"] * 3
                rows.append(strategy_row(python, contender, beside))
        for strategy, found in figures.memory(python).items():
            if memory_strategies.is_apart(strategy) and found:
                share = found.rate / here.best.rate if here.best and here.best.rate else None
                name = f"Python {python}: {memory_strategies.label(strategy)}{' *' * found.disturbed}"
                rows.append([name, number(found.rate), "-", f"{found.runs} †", percent(share), "-", "-", "-", "-"])
        lines.append(len(rows) - 1)
        verdicts += marked(here, paper_contest_verdicts.of_baselines(python, here))
    title = f"Table X: other ways to do micro mixed, {standings.place}; processes are those of Table IX"
    return Section("table-x", Table(title, head, rows, lines), verdicts)


def best_counts(standings: Standings) -> Section:
    head = ["", "best count", "paper", "tasks/s", "paper", "runs", "adaptive: threads", "of the best static count", "P99, of the best's"]
    rows, lines, verdicts = [], [], []
    for python in standings.pythons:
        found = {name: here for name in TABLE_XI if (here := standings.of(python, name))}
        for name, theirs in zip(TABLE_XI, paper.TABLE_XI):
            if name in found:
                here = found[name]
                title = f"{theirs.iterations:,} iterations + {theirs.sleep:g} ms"
                first = [f"Python {python}: {title}{' *' * here.disturbed}", *best_of(here), f"{theirs.threads}"]
                best = here.best and here.best.standing
                rows.append([*first, rate_of(best), number(theirs.rate), runs_of(best), *adaptive_of(here), p99_of(here)])
        if found:
            lines.append(len(rows) - 1)
            verdicts += marked_by(found.values(), paper_contest_verdicts.of_best_counts(python, found))
    return Section("table-xi", Table(f"Table XI: the best static count by kind of task, {standings.place}", head, rows, lines), verdicts)


def thresholds(standings: Standings) -> Section:
    low, high = (number(rate) for rate in paper.TABLE_XII.rates)
    head = ["", "threshold", "tasks/s", "paper", "beta", "paper", "beta_io", "threads in the end", "vetoes"]
    rows, lines, verdicts = [], [], []
    for python, here in measured(standings, "io-1ms"):
        for strategy in paper_contests.FULL.table_xii:
            contender = here.named(*strategy)
            if contender:
                found, theirs = contender.standing, strategy.name == "paper"
                beta = [ratio(found.beta), f"{paper.TABLE_XII.beta}" if theirs else "-", ratio(contender.beta_io)]
                name = label(python, contender._replace(strategy=Strategy(strategy.name)))
                rates = [rate_of(found), f"{low}-{high}" if theirs else "-"]
                rows.append([name, f"{strategy.beta_threshold:g}", *rates, *beta, whole(contender.threads), whole(contender.vetoes)])
        lines.append(len(rows) - 1)
        verdicts += marked(here, paper_contest_verdicts.of_thresholds(python, here))
    every = f"a decision every {1000 * paper_contests.FAST:g} ms instead of 500, so that it arrives within a run"
    title = f"Table XII: the threshold of Algorithm 1 on I/O (100 iterations + 1 ms), {standings.place}; {every}"
    return Section("table-xii", Table(title, head, rows, lines), verdicts)


def edge(standings: Standings) -> Section:
    head = ["", "beta alone", "paper", "best count", "paper", "adaptive: threads", "of the best", "paper: threads", "paper: of the best"]
    head += ["P99, of the best's", "vetoes", "runs"]
    rows, lines, verdicts = [], [], []
    for python in standings.pythons:
        for library_threads in ("one", "as-they-come"):
            found = {name: here for name in EDGE if (here := standings.of(python, name, library_threads))}
            for name, here in found.items():
                theirs, adaptive = PRINTED[name], here.named("adaptive")
                title = WORKLOADS[name].title + ("; as many threads as the library takes" if library_threads != "one" else "")
                counts = [f"{WORKLOADS[name].beta:.2f}", f"{theirs.beta:.2f}", *best_of(here), f"{theirs.best_threads}"]
                ours = [*adaptive_of(here), f"{theirs.threads}", percent(theirs.efficiency), p99_of(here)]
                last = [whole(adaptive and adaptive.vetoes), runs_of(adaptive and adaptive.standing)]
                rows.append([f"Python {python}: {title}{' *' * here.disturbed}", *counts, *ours, *last])
            if found:
                lines.append(len(rows) - 1)
                made = paper_contest_verdicts.of_edge(python, found, library_threads)
                verdicts += marked_by(found.values(), made)
    title = f"Table XIII: edge workloads, {standings.place}; beta is set as in the paper, by the wait for a service"
    return Section("table-xiii", Table(title, head, rows, lines), verdicts)


# ---- Parts of them -----------------------------------------------------------------------------------------------------------------


def measured(standings: Standings, workload: str) -> list[tuple[str, Contested]]:
    return [(python, here) for python in standings.pythons if (here := standings.of(python, workload))]


def marked(here: Contested, verdicts: Iterable[Verdict]) -> list[Verdict]:
    return marked_by([here], verdicts)


def marked_by(found: Iterable[Contested], verdicts: Iterable[Verdict]) -> list[Verdict]:
    """As a row is, if others used the machine while any of it was measured."""
    disturbed = any(here.disturbed for here in found)
    return [verdict._replace(text=verdict.text + " *" * disturbed) for verdict in verdicts]


def label(python: str, contender: Contender) -> str:
    return f"Python {python}: {contender.strategy.label}{' *' * contender.standing.disturbed}"


def best_of(here: Contested) -> list[str]:
    if here.best is None or here.comparison is None:
        return ["-"]
    knee, best = here.comparison.knee, here.best.strategy.threads
    return [f"{best}" + (f" (from {knee})" if knee != best else "")]


def adaptive_of(here: Contested) -> list[str]:
    adaptive = here.named("adaptive")
    if adaptive is None:
        return ["-", "-"]
    return [whole(adaptive.threads), percent(adaptive.share) if adaptive.rate else "did not finish"]


def p99_of(here: Contested) -> str:
    adaptive = here.named("adaptive")
    times = paper_contest_verdicts.times_the_p99(adaptive, here.best)
    if times is None or adaptive is None or here.best is None:
        return "-"
    return f"{times:.2f} ({milliseconds(adaptive.standing.p99)} of {milliseconds(here.best.standing.p99)} ms)"


def whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


NOTES = (
    "Tables VII, VIII and X to XIII: the strategies take turns, each in a process of its own and from a cold start; tasks/s are of the "
    "second half of a run. The best static count is found by a sweep of short runs and then measured beside the others; shares are of what "
    "it did in the same run. A static count's run is longer where its threads would not have time for two tasks each",
    "'every 10 ms': Algorithm 1 with its interval shortened from 500 ms; otherwise it is the paper's",
    "'looked at': static threads whose controller decides nothing and tells beta and beta_io",
    f"'as many threads as the library takes': it is called by {LIBRARY_MOST} threads at most, for NumPy's OpenBLAS crashes if more than "
    "128 call it at once, in ThreadPoolExecutor as in any other pool",
    "beta_io: the share of busy threads that wait for something other than each other, by what the kernel says of each thread",
    "MobileNetV2 is the published architecture of 224x224 with weights drawn from a seed: how long it takes does not depend on them. "
    "Silero's voice activity detector is its authors' own, weights and all",
)
"""Below the tables."""
