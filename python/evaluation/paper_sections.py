"""The paper's tables with its figures beside those measured, and the verdicts below each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from evaluation import memory_strategies, paper, paper_plan, paper_verdicts
from evaluation.paper_summary import Figures, Resident, Standing, Timing
from evaluation.paper_verdicts import Verdict
from evaluation.report import Table
from evaluation.statistics import ENOUGH_RUNS, Estimate

PAPERS_PYTHON = "3.11"
"""Of the tables that name none."""
SWEEP_HEAD = ["", "threads", "tasks/s", "paper", "runs", "P99 of all runs, ms", "paper", "P99 of a run: median (quartiles), ms"]
BETA_HEAD = [*SWEEP_HEAD, "beta", "paper"]


class Section(NamedTuple):
    name: str
    table: Table
    verdicts: list[Verdict]


def sections(figures: Figures, parts: Iterable[str], cores: list[int]) -> list[Section]:
    """Those of `parts`, in the paper's order."""
    makers = {
        "table-i": lambda: rag("table-i", "Table I", figures, paper.TABLE_I, 1, paper_plan.narrow(cores)),
        "table-ii": lambda: rag("table-ii", "Table II", figures, paper.TABLE_II, paper.CORES, paper_plan.wide(cores)),
        "table-iii": lambda: instrumentation(figures),
        "table-iv": lambda: micro(figures, cores),
        "table-v": lambda: pure_io(figures, cores),
        "table-vi": lambda: cliff(figures, cores),
        "table-ix": lambda: memory(figures),
        "figure-2": lambda: cliffs(figures, cores),
    }
    return [make() for part, make in makers.items() if part in parts]


def rag(
    name: str, title: str, figures: Figures, theirs: Mapping[str, Sequence[paper.Point]], their_cores: int, cores: list[int]
) -> Section:
    """Tables I and II."""
    rows: list[list[str]] = []
    lines, verdicts = [], []
    for python, points in theirs.items():
        stand_in = figures.stand_in(python)
        label = f"Python {stand_in}" + (f", {python} in the paper" if stand_in != python else "")
        for where in cores:
            here = figures.sweep(stand_in, where, "rag")
            rows += sweep_rows(label, here, points, with_beta=True)
            lines.append(len(rows) - 1)
            verdicts.append(marked(paper_verdicts.beyond_the_best(label, here, points, paper.CHANGES[python, their_cores]), here))
            verdicts.append(marked(paper_verdicts.of_beta(label, here, points), here))
    for where in cores if their_cores > 1 else ():
        gil, free = (figures.sweep(figures.stand_in(python), where, "rag") for python in theirs)
        verdicts.append(marked(paper_verdicts.of_free_threading(gil, free, where), gil, free))
    place = f"{'/'.join(map(str, cores)) or 'not measured on more'} core(s), {their_cores} in the paper"
    return Section(name, Table(f"{title}: RAG mixed (10 ms CPU + 50 ms), {place}", BETA_HEAD, rows, lines), verdicts)


def micro(figures: Figures, cores: list[int]) -> Section:
    rows, verdicts, python = [], [], figures.stand_in(PAPERS_PYTHON)
    for their_cores, where in places(cores):
        points, here = paper.TABLE_IV[their_cores], figures.sweep(python, where, "micro")
        rows += sweep_rows(f"{where} core(s), {their_cores} in the paper", here, points)
        change = paper.TABLE_VI[their_cores].change
        verdicts.append(marked(paper_verdicts.beyond_the_best(f"{where} core(s)", here, points, change), here))
    return Section("table-iv", Table(f"Table IV: micro mixed (1000 iterations + 0.1 ms), Python {python}", SWEEP_HEAD, rows, []), verdicts)


def pure_io(figures: Figures, cores: list[int]) -> Section:
    rows, verdicts, python = [], [], figures.stand_in(PAPERS_PYTHON)
    for their_cores, where in places(cores):
        points, here = paper.TABLE_V[their_cores], figures.sweep(python, where, "io-1ms")
        rows += sweep_rows(f"{where} core(s), {their_cores} in the paper", here, points)
        verdicts.append(marked(paper_verdicts.of_scaling(f"{where} core(s)", here, points), here))
    return Section(
        "table-v", Table(f"Table V: pure I/O (1 ms; here after 100 iterations), Python {python}", SWEEP_HEAD, rows, []), verdicts
    )


def cliff(figures: Figures, cores: list[int]) -> Section:
    head = ["", "best count", "tasks/s", f"at {paper.TABLE_VI[1].last.threads:,}", "change", "P99 at the best, ms", "P99 at the last, ms"]
    rows, verdicts, python = [], [], figures.stand_in(PAPERS_PYTHON)
    for their_cores, where in places(cores):
        theirs, here = paper.TABLE_VI[their_cores], figures.sweep(python, where, "micro")
        rates = {count: standing.rate.mean for count, standing in here.items() if standing.rate}
        if rates:
            best, last = max(rates, key=lambda count: rates[count]), theirs.last.threads
            change = signed(rates[last] / rates[best] - 1) if last in rates else "-"
            p99s = [milliseconds(standing and standing.p99) for standing in (here[best], here.get(last))]
            rows.append([f"{where} core(s), here", f"{best}", rate_of(here[best]), rate_of(here.get(last)), change, *p99s])
        printed = [f"{theirs.peak.threads}", number(theirs.peak.rate), number(theirs.last.rate), signed(theirs.change)]
        rows.append([f"{their_cores} core(s), paper", *printed, f"{theirs.peak.p99}", f"{theirs.last.p99}"])
        verdicts.append(marked(paper_verdicts.of_latency(f"{where} core(s)", here, theirs), here))
    return Section("table-vi", Table(f"Table VI: the cliff of micro mixed, Python {python}", head, rows, []), verdicts)


def cliffs(figures: Figures, cores: list[int]) -> Section:
    """Beside the figure: where the best count is, and what is lost beyond."""
    rows, verdicts = [], []
    for python in figures.pythons:
        for where in cores:
            for workload in ("micro", "rag", "io-1ms"):
                sweep = figures.sweep(python, where, workload)
                rates = {count: standing.rate.mean for count, standing in sweep.items() if standing.rate}
                if rates:
                    best, last = max(rates, key=lambda count: rates[count]), max(rates)
                    lost = ", ".join(f"{count:,}" for count in sweep if count not in rates) or "-"
                    found = [f"{best}", rate_of(sweep[best]), f"{last:,}", rate_of(sweep[last]), signed(rates[last] / rates[best] - 1)]
                    rows.append([f"Python {python}, {where} core(s)", workload, *found, lost])
            if python == figures.stand_in(PAPERS_PYTHON):
                here = figures.sweep(python, where, "micro")
                verdicts.append(marked(paper_verdicts.of_the_cliff(f"{where} core(s)", here), here))
    head = ["", "workload", "best count", "tasks/s", "largest that finished", "tasks/s", "change", "did not finish"]
    return Section("figure-2", Table("Figure 2: throughput against threads", head, rows, []), verdicts)


def instrumentation(figures: Figures) -> Section:
    head, rows, lines, verdicts = ["", "mean, us", "paper", "median, us", "paper", "P99, us", "paper"], [], [], []
    for python in figures.pythons:
        timings = figures.timings(python)
        for name, timing in timings.items():
            theirs = paper.TABLE_III.get(name)
            values = [each for pair in zip(timing[:3], theirs or [None] * 3) for each in pair]
            label = f"Python {python}: {paper_plan.CALLS[name]}{' *' * timing.disturbed}"
            rows.append([label, *("-" if value is None else f"{value:.2f}" for value in values)])
        if timings:
            lines.append(len(rows) - 1)
            verdicts += [marked(verdict, timings) for verdict in paper_verdicts.of_instrumentation(python, timings)]
    return Section("table-iii", Table("Table III: what it costs to measure a task", head, rows, lines), verdicts)


def memory(figures: Figures) -> Section:
    head = ["", "RSS, MB", "paper", "of which beyond the process before", "paper", "PSS, MB", "processes", "tasks/s", "paper"]
    python = figures.pythons[0] if figures.pythons else PAPERS_PYTHON
    here, rows = figures.memory(python), []
    for strategy in memory_strategies.STRATEGIES:
        if strategy not in here:
            continue
        found, theirs = here[strategy], paper.TABLE_IX.get(str(strategy))
        printed = ["-"] * 3 if theirs is None else [f"{theirs.total:.1f}", f"{theirs.overhead:.1f}", number(theirs.rate)]
        if found is None:
            rows.append([memory_strategies.label(strategy), "did not finish", printed[0], "-", printed[1], "-", "-", "-", printed[2]])
            continue
        sizes = [f"{found.rss:.1f}", printed[0], f"{found.rss_overhead:.1f}", printed[1], f"{found.pss:.1f}"]
        label = memory_strategies.label(strategy) + " *" * found.disturbed
        rows.append([label, *sizes, f"{found.processes}", number(found.rate), printed[2]])
    title = f"Table IX: memory after {paper_plan.MEMORY_SECONDS:g} s of micro mixed, Python {python}"
    return Section("table-ix", Table(title, head, rows, []), [marked(verdict, here) for verdict in paper_verdicts.of_memory(here)])


# ---- Parts of them -----------------------------------------------------------------------------------------------------------------


def places(cores: list[int]) -> list[tuple[int, int]]:
    """The paper's number of cores, and what stands for it here."""
    return [(1, where) for where in paper_plan.narrow(cores)] + [(paper.CORES, where) for where in paper_plan.wide(cores)]


def marked(verdict: Verdict, *found: Mapping[Any, Standing | Timing | Resident | None]) -> Verdict:
    """As a row is, if others used the machine while any of it was measured."""
    disturbed = any(each.disturbed for figures in found for each in figures.values() if each)
    return verdict._replace(text=verdict.text + " *" * disturbed)


def sweep_rows(label: str, here: dict[int, Standing], theirs: Sequence[paper.Point], *, with_beta: bool = False) -> list[list[str]]:
    """The counts of the paper's table, and no others: the figure shows all."""
    rows = []
    for point in theirs:
        standing = here.get(point.threads)
        mark = " *" if standing and standing.disturbed else ""
        row = [label + mark, f"{point.threads:,}", rate_of(standing), number(point.rate), runs_of(standing)]
        row += [milliseconds(standing and standing.p99), "-" if point.p99 is None else f"{point.p99}", spread_of(standing)]
        if with_beta:
            row += ["-" if beta is None else f"{beta:.2f}" for beta in (standing and standing.beta, point.beta)]
        rows.append(row)
    return rows


def rate_of(standing: Standing | None) -> str:
    if standing is None:
        return "-"
    return "did not finish" if standing.rate is None else with_margin(standing.rate)


def with_margin(value: Estimate) -> str:
    return number(value.mean) + ("" if value.margin is None else f" ± {number(value.margin)}")


def runs_of(standing: Standing | None) -> str:
    if standing is None or standing.rate is None:
        return "-"
    return f"{standing.rate.runs}{' †' * standing.rate.is_of_too_few}"


def spread_of(standing: Standing | None) -> str:
    if standing is None or standing.p99s is None:
        return "-"
    lower, median, upper = (milliseconds(value) for value in standing.p99s)
    return median if lower == upper else f"{median} ({lower}-{upper})"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def signed(change: float) -> str:
    return f"{change:+.1%}"


def milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{number(1000 * seconds)}"


NOTES = (
    "tasks/s: in the second half of a run, from when all threads had started (the first half is the warm-up); "
    "mean of the runs ± the 95 % confidence interval of Student's t",
    f"†: from fewer than the paper's {ENOUGH_RUNS} runs; one run has no confidence interval",
    "static counts are ThreadPoolExecutor(N), as in the paper",
    "every task is timed by the paper's four clock calls; beta in Tables I and II follows from them: 1 - sum(CPU)/sum(wall)",
    "*: others used the machine meanwhile, or the hypervisor took it away",
    "P99 of all runs: of their latencies put together; the quartiles are of each run's own P99",
    "agrees: shapes are compared, for machines are not equally fast: changes within 10 points, ratios within a factor of 1.5",
)
"""Below the tables."""
