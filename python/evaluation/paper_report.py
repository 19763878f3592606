"""Writes what was measured: results.json, report.html, the figures; and says in short what agrees."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from evaluation import paper_contest_sections, paper_contests, paper_drawings, paper_figures, paper_page, paper_plan, paper_sections, report
from evaluation.paper_sections import Section
from evaluation.paper_standings import Standings
from evaluation.paper_summary import Figures
from evaluation.report import Table
from evaluation.results import Outcome

TABLES = tuple(f"table-{number}" for number in ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii"))
FIGURES = {
    "figure-2": "Figure 2: throughput against threads",
    "figure-3": "Figure 3: P99 against threads",
    "figure-6": "Figure 6: beta against threads, and where Algorithm 1 stops",
    "figure-7": "Figure 7: strategies and baselines on micro mixed",
    "figure-8": "Figure 8: workloads and static thread counts, and where adaptive stands",
}
PARTS = (*TABLES, *FIGURES)
"""In the order of the report."""
assert set(PARTS) == {*paper_plan.PARTS, *paper_contests.PARTS}


class Found(NamedTuple):
    run: dict[str, Any]
    """The record of the last run: machine, interpreters, what was left out."""
    sweeps: list[Outcome]
    """Their cells are PaperCells: static counts, clocks, memory."""
    contests: list[Outcome]
    """Cells of the contests."""


def sections(found: Found, parts: Iterable[str]) -> list[Section]:
    parts, figures, standings = list(parts), Figures(found.sweeps), Standings(found.contests)
    made = [*paper_sections.sections(figures, parts, found.run["cores"]), *paper_contest_sections.sections(standings, figures, parts)]
    made += [Section(name, Table(FIGURES[name], [], [], []), []) for name in FIGURES if name in parts and name != "figure-2"]
    return sorted(made, key=lambda section: PARTS.index(section.name))


def write(found: Found, parts: Iterable[str], folder: Path, console: Console) -> None:
    parts = list(parts)
    (folder / "results.json").write_text(json.dumps(raw(found), indent=1) + "\n")
    drawings = paper_drawings.draw(Figures(found.sweeps), Standings(found.contests), found.run["cores"], parts)
    for name, drawing in drawings.items():
        paper_figures.write(drawing, folder, name)
    inline = {name: paper_figures.as_svg(drawing, name) for name, drawing in drawings.items()}
    made = sections(found, parts)
    notes = [*paper_sections.NOTES, *paper_contest_sections.NOTES]
    (folder / "report.html").write_text(paper_page.page(made, inline, conditions(found), notes))
    console.print()
    for section in made:
        console.print(f"{section.table.title}", style="bold", highlight=False, soft_wrap=True)
        for verdict in section.verdicts:
            console.print(f"  {verdict.word + ':':18}{verdict.text}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\nthe tables are in {folder / 'report.html'}", highlight=False, soft_wrap=True)


def conditions(found: Found) -> list[str]:
    outcomes = [*found.sweeps, *found.contests]
    return [*report.place_of(found.run), *found.run.get("left_out", []), *report.disturbances(outcomes), *report.failures(outcomes)]


def raw(found: Found) -> dict[str, Any]:
    def plain(outcomes: list[Outcome]) -> list[dict[str, Any]]:
        return [{**outcome._asdict(), "cell": outcome.cell._asdict()} for outcome in outcomes]

    return {"runs": [found.run], "outcomes": plain(found.sweeps), "contests": plain(found.contests)}
