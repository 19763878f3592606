"""report.html: one file that needs no network. What agrees first, then each table, ours beside the paper's, and the figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from evaluation.paper_sections import Section
from evaluation.paper_verdicts import AGREES, DIFFERS, IN_PART, Verdict
from evaluation.report import Table

COLOURS = {AGREES: "#2e7d32", IN_PART: "#b26a00", DIFFERS: "#b3261e"}
NEUTRAL = "#5f6368"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 84em; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: .5em 0 1em; display: block; overflow-x: auto; }
th, td { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
th { vertical-align: bottom; background: #f4f4f4; }
tr.last td { border-bottom: 2px solid #999; }
.paper { color: #666; background: #fafafa; }
.word { color: #fff; border-radius: .3em; padding: 0 .4em; font-size: 85%; white-space: nowrap; }
ul.verdicts { list-style: none; padding: 0; }
footer, .remark { color: #555; font-size: 90%; }
svg { max-width: 100%; height: auto; }
"""


def page(sections: Iterable[Section], drawings: Mapping[str, str], conditions: Iterable[str], notes: Iterable[str]) -> str:
    """drawings: inline SVG by the name of the section it belongs to."""
    sections = list(sections)
    body = [
        "<h1>The paper's evaluation, run again</h1>",
        '<p class="remark">arXiv 2601.10582, "Mitigating GIL Bottlenecks in Edge AI Systems", beside what was measured here</p>',
        *(f'<p class="remark">{escape(text)}</p>' for text in conditions),
        "<h2>In short</h2>",
        short(sections),
        *(section_html(section, drawings.get(section.name, "")) for section in sections),
        "<footer><h2>How to read it</h2>",
        *(f"<p>{escape(text)}</p>" for text in notes),
        "</footer>",
    ]
    head = f'<meta charset="utf-8"><title>The paper\'s evaluation, run again</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def short(sections: Iterable[Section]) -> str:
    """A line for each section: how often it says what."""
    rows = []
    for section in (each for each in sections if each.verdicts):
        words = [verdict.word for verdict in section.verdicts]
        counts = " ".join(f"{label(word)} {words.count(word)}" for word in dict.fromkeys(words))
        rows.append(f'<tr><td><a href="#{section.name}">{escape(section.table.title)}</a></td><td>{counts}</td></tr>')
    return f"<table>{''.join(rows)}</table>"


def section_html(section: Section, drawing: str) -> str:
    verdicts = "".join(f"<li>{verdict_html(verdict)}</li>" for verdict in section.verdicts)
    return (
        f'<h2 id="{section.name}">{escape(section.table.title)}</h2>\n{drawing}\n{table_html(section.table)}\n'
        f'<ul class="verdicts">{verdicts}</ul>'
    )


def table_html(table: Table) -> str:
    if not table.head:
        return ""  # a figure alone
    is_papers = [name.startswith("paper") for name in table.head]

    def line(cells: list[str], tag: str, kind: str = "") -> str:
        made = (f"<{tag}{' class=paper' * papers}>{escape(text)}</{tag}>" for text, papers in zip(cells, is_papers))
        return f"<tr{kind}>{''.join(made)}</tr>"

    rows = [line(row, "td", ' class="last"' if number in table.sections else "") for number, row in enumerate(table.rows)]
    return f"<table>{line(table.head, 'th')}{''.join(rows)}</table>" if rows else '<p class="remark">Nothing was measured.</p>'


def verdict_html(verdict: Verdict) -> str:
    return f"{label(verdict.word)} {escape(verdict.text)}"


def label(word: str) -> str:
    return f'<span class="word" style="background: {COLOURS.get(word, NEUTRAL)}">{escape(word)}</span>'
