"""The paper's claims beside what was measured, a line each: the README's summary.

python -m evaluation.paper_digest [results.json]              as Markdown; without a file of the run that is kept in results/
python -m evaluation.paper_digest results.json --keep FILE    puts a run away, small enough for a repository
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable, NamedTuple

from evaluation import paper, paper_contests, paper_plan, paper_report
from evaluation.command import leave
from evaluation.paper_contest_sections import percent, ratio
from evaluation.paper_contest_verdicts import times_the_p99, times_the_p99s
from evaluation.paper_sections import PAPERS_PYTHON
from evaluation.paper_standings import Contested, Standings
from evaluation.paper_summary import Figures, Standing
from evaluation.report import Table, as_markdown
from evaluation.results import Cell, Outcome, PaperCell
from evaluation.statistics import ENOUGH_RUNS
from evaluation.strategies import WATCHED, Strategy
from evaluation.workloads import EDGE, TABLE_XI

KEPT = Path(__file__).with_name("results") / "quick.json"
LEFT_BEHIND = ("path", "bins", "moves")
"""Of a cell's values: nothing that a table shows."""
TAIL = 0.05
"""Of the latencies: those below count as one, which leaves the P99 of several runs what it is."""
FREE = "3.13t"


class Claim(NamedTuple):
    where: str
    """In the paper."""
    text: str
    theirs: str
    ours: str
    """'-' if it was not measured."""


def read(file: Path) -> paper_report.Found:
    record = json.loads(file.read_text())
    kinds = {"outcomes": PaperCell, "contests": Cell}
    made = {name: [Outcome(kind.read(each.pop("cell")), **each) for each in record[name]] for name, kind in kinds.items()}
    return paper_report.Found(record["runs"][-1], made["outcomes"], made["contests"])


def keep(found: paper_report.Found, file: Path) -> None:
    record = paper_report.raw(found)
    for outcome in [*record["outcomes"], *record["contests"]]:
        outcome["values"] = outcome["values"] and {
            name: tail(value) if name == "latencies" else short(value)
            for name, value in outcome["values"].items()
            if name not in LEFT_BEHIND and (name != "latencies" or outcome["cell"]["round"])
        }
    run = record["runs"][-1]
    run["interpreters"] = {name: {**each, "path": Path(each["path"]).name} for name, each in run["interpreters"].items()}
    run["settings"] = {name: {**each, "cache": None} for name, each in run["settings"].items()}
    lines = [
        f' "{name}": [\n  ' + ",\n  ".join(json.dumps(each) for each in record[name]) + "\n ]" for name in ("runs", "outcomes", "contests")
    ]
    file.parent.mkdir(exist_ok=True)
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def short(value: Any) -> Any:
    """More digits would be noise."""
    return float(f"{value:.6g}") if isinstance(value, float) else value


def tail(counts: dict[str, int]) -> dict[str, int]:
    """Of a histogram (statistics.py)."""
    wanted, seen, kept = TAIL * sum(counts.values()), 0, {}
    for bucket in sorted(map(int, counts), reverse=True):
        kept[str(bucket)] = counts[str(bucket)]
        seen += counts[str(bucket)]
        if seen >= wanted:
            kept[str(bucket)] += sum(counts.values()) - seen
            break
    return kept


def claims(found: paper_report.Found) -> list[Claim]:
    figures, standings, cores = Figures(found.sweeps), Standings(found.contests), found.run["cores"]
    python, free = figures.stand_in(PAPERS_PYTHON), figures.stand_in(FREE)
    one, all_cores = (paper_plan.narrow(cores) or [1])[-1], (paper_plan.wide(cores) or [1])[-1]
    micro = standings.of(python, "micro")
    made = [*of_cliffs(figures, python, free, one, all_cores), *of_costs(figures, python)]
    if micro:
        made += of_strategies(micro)
    return [*made, *of_kinds_of_task(standings, python)]


def of_cliffs(figures: Figures, python: str, free: str, one: int, all_cores: int) -> list[Claim]:
    last, rag_last = paper.TABLE_IV[1][-1].threads, paper.TABLE_I[FREE][-1].threads
    made = []
    for their_cores, where in ((1, one), (paper.CORES, all_cores)):
        found = figures.sweep(python, where, "micro")
        text = f"Python {python}: {last:,} threads beside the best count, micro mixed, {place(where, their_cores)}"
        made.append(Claim("IV, VI", text, signed(paper.TABLE_VI[their_cores].change), change(found, last)))
    for their_cores, where in ((1, one), (paper.CORES, all_cores)):
        text = f"Python {free}: {rag_last:,} threads beside the best of fewer, RAG mixed, {place(where, their_cores)}"
        found = {count: each for count, each in figures.sweep(free, where, "rag").items() if count <= rag_last}
        made.append(Claim("I" if their_cores == 1 else "II", text, signed(paper.CHANGES[FREE, their_cores]), change(found, rag_last)))
    best = [
        max((each.rate.mean for each in figures.sweep(name, all_cores, "rag").values() if each.rate), default=0.0)
        for name in (free, python)
    ]
    text = f"Python {free} beside {python}, RAG mixed, each at its best, {place(all_cores, paper.CORES)}"
    made.append(Claim("II", text, "4.0x", f"{best[0] / best[1]:.1f}x" if all(best) else "-"))
    return made


def of_costs(figures: Figures, python: str) -> list[Claim]:
    four, printed = figures.timings(python).get("four"), paper.TABLE_III["four"]
    made = [
        Claim("III", "the four clock calls around a task, median", f"{printed.median:.2f} us", f"{four.median:.2f} us" if four else "-")
    ]
    memory = figures.memory(python)
    eight, threads = memory.get(Strategy("processes", 8)), memory.get(Strategy("tpe", 32))
    theirs = paper.TABLE_IX["processes-8"].total / paper.TABLE_IX["tpe-32"].total
    ours = f"{eight.rss / threads.rss:.1f}x (PSS: {eight.pss / threads.pss:.1f}x)" if eight and threads else "-"
    return [*made, Claim("IX", "memory of 8 processes beside 32 threads, RSS", f"{theirs:.1f}x", ours)]


def of_strategies(here: Contested) -> list[Claim]:
    naive, optimal, adaptive = paper.TABLE_VII
    ours, many, watched = here.named("adaptive"), here.named(*paper_contests.NAIVE), here.named(WATCHED, 256)
    by_paper, by_io = (here.named(name, None, None, paper_contests.FAST) for name in ("paper", "paper-io"))
    times, asyncio = times_the_p99(ours, here.best), here.named("asyncio", 128)
    watched_betas = f"{ratio(watched.standing.beta)} (beta_io: {ratio(watched.beta_io)})" if watched else "-"
    vetoes = " (on beta_io: ".join(
        f"{each.vetoes:.0f}, {each.threads:.0f} threads" for each in (by_paper, by_io) if each and each.vetoes is not None
    )
    most = asyncio.rate / here.best.rate if asyncio and asyncio.rate and here.best and here.best.rate else None
    return [
        Claim("VII", "adaptive beside the best static count, micro mixed", percent(paper.EFFICIENCY), percent(ours and ours.share)),
        Claim("VII", "... its P99", f"{adaptive.p99 / optimal.p99:.2f}x", "-" if times is None else f"{times:.2f}x"),
        Claim("VII", "256 threads beside the best static count", percent(naive.rate / optimal.rate), percent(many and many.share)),
        Claim("VIII", "beta of 256 threads, micro mixed", f"{paper.TABLE_VIII['naive']:.2f}", watched_betas),
        Claim(
            "VIII",
            "vetoes of Algorithm 1, and where it ends",
            f"{paper.VETOES}, {paper.FINAL_THREADS} threads",
            vetoes + ")" * ("(" in vetoes),
        ),
        Claim(
            "X",
            "asyncio beside the best static count",
            f"{paper.TABLE_X[0].rate / optimal.rate:.2f}x",
            "-" if most is None else f"{most:.2f}x",
        ),
    ]


def of_kinds_of_task(standings: Standings, python: str) -> list[Claim]:
    kinds = [standings.of(python, name) for name in TABLE_XI]
    counts = " ".join(f"{each.best.strategy.threads}" if each and each.best else "-" for each in kinds)
    made = [
        Claim("XI", "best static counts, from the most I/O to the least", " ".join(f"{each.threads}" for each in paper.TABLE_XI), counts)
    ]
    swept = standings.of(python, "io-1ms")
    rates = [each.rate for each in swept.contenders.values() if each.strategy.name == "paper" and each.rate] if swept else []
    low, high = paper.TABLE_XII.rates
    text = "Algorithm 1 with thresholds from 0.2 to 0.7, I/O: the slowest beside the fastest"
    made.append(Claim("XII", text, signed(low / high - 1), signed(min(rates) / max(rates) - 1) if rates else "-"))
    edge = {name: here for name in EDGE if (here := standings.of(python, name))}
    shares = {name: each.share for name, here in edge.items() if (each := here.named("adaptive")) and each.share}
    times = times_the_p99s(edge)
    least = min(each.efficiency for each in paper.TABLE_XIII.values())
    ours = f"{statistics.fmean(shares.values()):.1%}, {min(shares.values()):.1%}" if len(shares) == len(EDGE) else "-"
    p99s = f"{statistics.median(times.values()):.2f}x, {max(times.values()):.2f}x" if len(times) == len(EDGE) else "-"
    return [
        *made,
        Claim("XIII", "adaptive on seven edge workloads: mean, worst", f"{paper.MEAN_EFFICIENCY:.1%}, {least:.1%}", ours),
        Claim("XIII", "... its P99 beside the best static counts': median, worst", "-", p99s),
    ]


def place(here: int, theirs: int) -> str:
    return f"{here} core(s)" + (f" ({theirs} in the paper)" if here != theirs else "")


def change(found: Mapping[int, Standing], last: int) -> str:
    """Of the last count, beside the best of all before it."""
    best = max((each.rate.mean for count, each in found.items() if each.rate and count < last), default=None)
    if best is None or last not in found:
        return "-"
    rate = found[last].rate
    return signed(rate.mean / best - 1) if rate else "did not finish"


signed: Callable[[float], str] = "{:+.1%}".format


def markdown(found: paper_report.Found) -> str:
    rows = [[claim.where, claim.text, claim.theirs, claim.ours] for claim in claims(found)]
    runs = [max((outcome.cell.round for outcome in outcomes), default=0) for outcomes in (found.sweeps, found.contests)]
    of = f"{runs[0]} run(s) of each static count, {runs[1]} of each strategy; the paper has {ENOUGH_RUNS}"
    return as_markdown([Table("The paper's claims", ["table", "", "paper", "here"], rows, [])], [*paper_report.conditions(found), of])


def main() -> int:
    summary, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m evaluation.paper_digest", description=summary, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", default=KEPT, help="a results.json of python -m betapool evaluate")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="writes the run there instead")
    options = parser.parse_args()
    try:
        found = read(options.file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"error: {options.file} is no results.json of python -m betapool evaluate ({error})")
    if options.keep:
        keep(found, options.keep)
    else:
        print(markdown(found))
    return 0


if __name__ == "__main__":
    leave(main)
