"""The paper's Figure 2 from what was measured: throughput against threads."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from evaluation import paper
from evaluation.paper_plan import FIGURE_COUNTS
from evaluation.paper_summary import Figures, Standing

PANELS = {"micro": "micro mixed: 1000 iterations + 0.1 ms", "rag": "RAG mixed: 10 ms CPU + 50 ms", "io-1ms": "I/O: 100 iterations + 1 ms"}
COLOURS = {"3.11": "#1f5fa8", "3.13t": "#c4561b"}
ANOTHER_COLOUR = "#4b7f52"
MOST_MARKS = 8
"""Of thread counts below a panel."""
PRINTED: dict[str, list[tuple[str, int, Sequence[paper.Point]]]] = {
    "micro": [("3.11", cores, points) for cores, points in paper.TABLE_IV.items()],
    "rag": [(python, cores, table[python]) for cores, table in ((1, paper.TABLE_I), (paper.CORES, paper.TABLE_II)) for python in table],
    "io-1ms": [("3.11", cores, points) for cores, points in paper.TABLE_V.items()],
}
"""The paper's points, by panel: version, cores, counts."""


def cliff(figures: Figures, cores: list[int]) -> Figure:
    drawing = Figure(figsize=(14, 5.2))
    panels = drawing.subplots(1, len(PANELS))
    for axes, (workload, title) in zip(panels, PANELS.items()):
        for python in figures.pythons:
            for where in cores:
                sweep = figures.sweep(python, where, workload)
                line(axes, sweep, f"{python}, {where} core(s)", COLOURS.get(python, ANOTHER_COLOUR), "-" if where == 1 else "--")
        for python, where, points in PRINTED[workload]:
            style = {"color": COLOURS[python], "linestyle": "none", "marker": "o" if where == 1 else "s", "fillstyle": "none", "alpha": 0.6}
            counts, rates = [point.threads for point in points], [point.rate for point in points]
            axes.plot(counts, rates, label=f"paper: {python}, {where} core(s)", **style)
        axes.set_title(title, fontsize=10)
        axes.set_ylim(bottom=0)
        by_threads(axes, FIGURE_COUNTS)
    panels[0].set_ylabel("tasks/s")
    legend_below(drawing, panels)
    drawing.subplots_adjust(left=0.06, right=0.99, top=0.93, bottom=0.24, wspace=0.22)
    return drawing


def by_threads(axes: Any, counts: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xlim(counts[0] / 1.3, counts[-1] * 1.3)
    marked = counts[::2] if len(counts) > MOST_MARKS else counts
    axes.set_xticks(marked, [f"{count:,}" for count in marked])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 10 else f"{value:g}"))
    axes.set_xlabel("threads")
    axes.grid(alpha=0.3)


def legend_below(drawing: Figure, panels: Sequence[Any], columns: int = 5) -> None:
    """One for all panels."""
    handles = {label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels())}
    drawing.legend(handles.values(), handles.keys(), loc="lower center", ncols=columns, fontsize=8, frameon=False)


def line(axes: Any, sweep: dict[int, Standing], label: str, colour: str, style: str) -> None:
    if not sweep:
        return
    known = [(count, standing.rate) for count, standing in sweep.items() if standing.rate]
    margins = [rate.margin or 0.0 for _, rate in known]
    axes.errorbar(
        [count for count, _ in known], [rate.mean for _, rate in known], yerr=margins, label=label, color=colour, linestyle=style, capsize=2
    )
    crosses(axes, sweep, 0.02, label, colour)


def crosses(axes: Any, sweep: dict[int, Standing], height: float, label: str, colour: str) -> None:
    """What did not finish: at that share of the panel's height, whatever its scale, for there is nothing measured to draw."""
    unfinished = [count for count, standing in sweep.items() if not standing.rate]
    style = {"color": colour, "linestyle": "none", "marker": "x"}
    axes.plot(unfinished, [height] * len(unfinished), markersize=9, transform=axes.get_xaxis_transform(), clip_on=False, **style)
    if unfinished:
        axes.plot([], [], label=f"{label}: did not finish", **style)


def as_svg(drawing: Figure, name: str) -> str:
    """To stand inside a page: without what comes before the element itself, and with ids of its own, the same at every drawing."""
    text = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        drawing.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def write(drawing: Figure, folder: Path, name: str) -> None:
    drawing.savefig(folder / f"{name}.svg")
    drawing.savefig(folder / f"{name}.png", dpi=150)
