"""The paper's Figures 3 and 6 to 8 from what was measured; Figure 2 is in paper_figures.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from evaluation import paper, paper_contests
from evaluation.paper_figures import ANOTHER_COLOUR, COLOURS, by_threads, cliff, crosses, legend_below
from evaluation.paper_plan import FIGURE_COUNTS
from evaluation.paper_standings import Contender, Contested, Standings
from evaluation.paper_summary import Figures
from evaluation.strategies import WATCHED, Strategy
from evaluation.workloads import EDGE, TABLE_XI, WORKLOADS

GREY, GREEN = "#8a8f98", "#2e7d32"
THRESHOLD = 0.3
"""Of beta, in Algorithm 1."""


def draw(figures: Figures, standings: Standings, cores: list[int], parts: Sequence[str]) -> dict[str, Figure]:
    """Those of `parts`, by name."""
    makers = {
        "figure-2": lambda: cliff(figures, cores),
        "figure-3": lambda: latencies(figures, cores),
        "figure-6": lambda: betas(standings),
        "figure-7": lambda: baselines(standings),
        "figure-8": lambda: heatmap(figures, standings),
    }
    return {name: make() for name, make in makers.items() if name in parts}


def latencies(figures: Figures, cores: list[int]) -> Figure:
    """Figure 3: micro mixed."""
    drawing = Figure(figsize=(8, 5))
    axes = drawing.subplots()
    for python in figures.pythons:
        for where in cores:
            sweep = figures.sweep(python, where, "micro")
            known = {count: each.p99 for count, each in sweep.items() if each.p99}
            label, colour = f"{python}, {where} core(s)", COLOURS.get(python, ANOTHER_COLOUR)
            if known:
                style = {"color": colour, "linestyle": "-" if where == 1 else "--", "marker": "."}
                axes.plot(list(known), [1000 * p99 for p99 in known.values()], label=label, **style)
            crosses(axes, sweep, 0.98, label, colour)  # at the top: its slowest tasks never ended
    for their_cores, points in paper.TABLE_IV.items():
        known_points = [point for point in points if point.p99]
        style = {"color": COLOURS["3.11"], "linestyle": "none", "marker": "o" if their_cores == 1 else "s", "fillstyle": "none"}
        label = f"paper: 3.11, {their_cores} core(s)"
        axes.plot([point.threads for point in known_points], [point.p99 for point in known_points], label=label, **style)
    axes.set_yscale("log")
    axes.set_ylabel("P99 of a task, ms")
    by_threads(axes, FIGURE_COUNTS)
    legend_below(drawing, [axes], 3)
    drawing.subplots_adjust(left=0.11, right=0.98, top=0.97, bottom=0.22)
    return drawing


def betas(standings: Standings) -> Figure:
    """Figure 6: what Algorithm 1 sees at each count, and where that first lets it stop (Theorem 3's N*)."""
    drawing = Figure(figsize=(8, 5))
    axes = drawing.subplots()
    for python in standings.pythons:
        here, colour = standings.of(python, "micro"), COLOURS.get(python, ANOTHER_COLOUR)
        seen = [each for count in paper_contests.LOOKED_AT if here and (each := here.named(WATCHED, count)) and each.standing.rate]
        if not here or not seen:
            continue
        counts = [each.strategy.threads or 0 for each in seen]
        axes.plot(counts, [each.standing.beta for each in seen], "-", marker=".", color=colour, label=f"{python}: beta = 1 - CPU/wall")
        known = [(count, each.beta_io) for count, each in zip(counts, seen) if each.beta_io is not None]
        axes.plot([count for count, _ in known], [beta for _, beta in known], "--", marker=".", color=colour, label=f"{python}: beta_io")
        stop = next((count for count, beta in known if beta <= THRESHOLD), None)
        if stop:
            axes.axvline(stop, color=colour, linestyle=":", label=f"{python}: N* on beta_io, {stop} at most")
        if here.best:
            axes.axvline(here.best.strategy.threads, color=colour, alpha=0.35, linewidth=4, label=f"{python}: the best static count")
    theirs = {256: paper.TABLE_VIII["naive"], 32: paper.TABLE_VIII["optimal"]}
    axes.plot(list(theirs), list(theirs.values()), "s", color=GREY, fillstyle="none", label="paper: beta (Table VIII)")
    axes.axhline(THRESHOLD, color=GREY, linewidth=1)
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("blocking ratio")
    by_threads(axes, paper_contests.LOOKED_AT)
    legend_below(drawing, [axes], 3)
    drawing.subplots_adjust(left=0.09, right=0.98, top=0.97, bottom=0.24)
    return drawing


def baselines(standings: Standings) -> Figure:
    """Figure 7: tasks/s and P99 side by side."""
    shown = [(python, each) for python in standings.pythons if (here := standings.of(python, "micro")) for each in contenders(here)]
    drawing = Figure(figsize=(12, 1.4 + 0.3 * max(len(shown), 1)), layout="constrained")
    rates, tails = drawing.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    several = len({python for python, _ in shown}) > 1
    names = [(f"{python}: " if several else "") + each.strategy.label for python, each in shown]
    colours = [colour_of(each.strategy) for _, each in shown]
    margins = [each.standing.rate.margin or 0.0 if each.standing.rate else 0.0 for _, each in shown]
    rates.barh(names, [each.rate or 0.0 for _, each in shown], xerr=margins, color=colours)
    tails.barh(names, [1000 * (each.standing.p99 or 0.0) for _, each in shown], color=colours)
    for place, (_, each) in enumerate(shown):
        if each.rate is None:
            rates.text(0, place, " did not finish", va="center", fontsize=8)
    printed = {"queue-depth": paper.TABLE_X[2], "asyncio-128": paper.TABLE_X[0], "asyncio-256": paper.TABLE_X[1]}
    printed |= {"tpe-256": paper.TABLE_VII[0], "adaptive": paper.TABLE_VII[2]}
    for place, (_, each) in enumerate(shown):
        theirs = printed.get(str(each.strategy))
        if theirs:
            rates.plot(theirs.rate, place, "d", color="#222", fillstyle="none")
            tails.plot(theirs.p99, place, "d", color="#222", fillstyle="none")
    if shown:
        rates.invert_yaxis()
        most = max([each.rate or 0.0 for _, each in shown] + [theirs.rate for theirs in printed.values()])
        rates.set_xlim(0, 1.15 * most)  # the interval from two runs alone may be wider than all rates
    rates.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    rates.set_xlabel("tasks/s (diamonds: the paper's)")
    tails.set_xlabel("P99 of a task, ms")
    tails.set_xscale("symlog", linthresh=1)
    for axes in (rates, tails):
        axes.grid(axis="x", alpha=0.3)
        axes.tick_params(labelsize=8)
    return drawing


def contenders(here: Contested) -> list[Contender]:
    """The best static count first; not those that are only looked at."""
    first = [here.best] if here.best else []
    others = [each for each in here.contenders.values() if each.strategy.name != WATCHED and not each.strategy.is_static]
    naive = here.named(*paper_contests.NAIVE)
    return [*first, *([naive] if naive and naive not in first else []), *others]


def colour_of(strategy: Strategy) -> str:
    return GREEN if strategy.name in ("adaptive", "to-thread-betapool") else COLOURS["3.11"] if strategy.is_static else GREY


def heatmap(figures: Figures, standings: Standings) -> Figure:
    """Figure 8: of each workload's best rate, what each static count reaches. A ring is where adaptive settles."""
    rows = [row for python in standings.pythons for row in heat_rows(figures, standings, python)]
    counts = sorted({count for _, sweep, _ in rows for count in sweep})
    drawing = Figure(figsize=(12, 1.5 + 0.34 * max(len(rows), 1)), layout="constrained")
    axes = drawing.subplots()
    if rows:
        shares = [[sweep.get(count, float("nan")) / max(sweep.values()) for count in counts] for _, sweep, _ in rows]
        image = axes.imshow(shares, aspect="auto", cmap="viridis", vmin=0, vmax=1)
        drawing.colorbar(image, ax=axes, label="of the best rate", fraction=0.03, pad=0.01)
        for row, line in enumerate(shares):
            for column, share in enumerate(line):
                if share == share:  # else it was not measured
                    colour = "black" if share > 0.6 else "white"
                    axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=7, color=colour)
        for row, (_, _, threads) in enumerate(rows):
            if threads is not None:
                nearest = min(range(len(counts)), key=lambda place: max(counts[place] / threads, threads / counts[place]))
                axes.plot(nearest, row, "o", markersize=17, fillstyle="none", color="#d81b60")
        axes.set_xticks(range(len(counts)), [f"{count:,}" for count in counts])
        axes.set_yticks(range(len(rows)), [title for title, _, _ in rows], fontsize=8)
    axes.set_xlabel("static threads; ring: the count nearest to what adaptive settles at")
    return drawing


def heat_rows(figures: Figures, standings: Standings, python: str) -> list[tuple[str, dict[int, float], float | None]]:
    """Title, tasks/s by count, and the threads of adaptive; RAG mixed and pure I/O are from the sweeps."""
    made = []
    cores = max((outcome.cell.cores for outcome in figures.outcomes), default=None)
    for name in ("rag", "io-1ms"):
        sweep = figures.sweep(python, cores, name) if cores else {}
        rates = {count: each.rate.mean for count, each in sweep.items() if each.rate}
        made += [(f"{python}: {WORKLOADS[name].title}", rates, None)] if rates else []
    for name in (*TABLE_XI, *EDGE):
        here: Any = standings.of(python, name)
        if here and here.sweep:
            adaptive = here.named("adaptive")
            made.append((f"{python}: {WORKLOADS[name].title}", here.sweep, adaptive and adaptive.threads))
    return made
