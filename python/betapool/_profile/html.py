"""A profile as one HTML file: the table, the verdict, and for each group what its threads did over time. It loads nothing."""

from __future__ import annotations

from html import escape

from betapool._profile import text
from betapool._profile.records import STATE_COLORS, STATE_TEXTS, Group, Profile

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 900, 130, 44, 20
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #1d2430; background: #fff }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } td, th { padding: .2em .7em; text-align: right }
td:first-child, th:first-child { text-align: left } tr { border-bottom: 1px solid #e3e6ea } h2 { margin: 1.4em 0 .2em; font-size: 1.05em }
.verdict { font-weight: 600; font-size: 1.15em } .key span { display: inline-block; margin-right: 1.1em; white-space: nowrap }
.key i { display: inline-block; width: .8em; height: .8em; margin-right: .35em } svg { width: 100%; height: auto } small { color: #667 }
"""


def as_html(profile: Profile) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in ("group", *text.COLUMNS))
    body = "".join(f"<tr><td>{escape(name)}</td>{_cells(values)}</tr>" for name, values in text.rows(profile))
    key = "".join(f'<span><i style="background:{color}"></i>{STATE_TEXTS[state]}</span>' for state, color in STATE_COLORS.items())
    charts = "".join(_chart(profile, group) for group in profile.groups)
    advice = "".join(f"<p>{escape(line)}</p>" for line in profile.advice)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(profile.command)}: what its threads wait for'
        "</title>"
        f"<style>{_STYLE}</style><h1>What the threads wait for</h1>"
        f"<p><code>{escape(profile.command)}</code><br>{escape(text.heading(profile))}"
        f'<p class="verdict">{escape(profile.verdict)}</p>{advice}<table><tr>{head}</tr>{body}</table>'
        f"<p>{escape(text.rates(profile))}"
        f"<p><small>{escape(text.LEGEND)}</small>"
        f'<p class="key">{key}</p>{charts}<p><small>{escape(text.footing(profile))}</small></html>\n'
    )


def _cells(values: list[str]) -> str:
    return "".join(f"<td>{escape(value)}</td>" for value in values)


def _chart(profile: Profile, group: Group) -> str:
    """Threads of a group by state over time, one area above the other."""
    times: list[float] = profile.timeline["times"]
    series: dict[str, list[float]] = profile.timeline["groups"].get(group.name, {})
    if not series:
        return ""
    below = [0.0] * len(times)
    layers = []
    for state in STATE_COLORS:
        values = series.get(state.name.lower())
        if values is not None:
            above = [low + value for low, value in zip(below, values)]
            layers.append((state, below, above))
            below = above
    top = max(max(below), 1e-9)
    step = (_WIDTH - _LEFT) / len(times)

    def points(values: list[float]) -> list[str]:
        """A staircase, for each value is a mean over its interval."""
        heights = [_HEIGHT * (1 - value / top) for value in values]
        return [f"{_LEFT + (index + side) * step:.1f},{height:.1f}" for index, height in enumerate(heights) for side in (0, 1)]

    areas = "".join(
        f'<polygon fill="{STATE_COLORS[state]}" points="{" ".join(points(high) + points(low)[::-1])}">'
        f"<title>{STATE_TEXTS[state]}</title></polygon>"
        for state, low, high in layers
    )
    marks = (
        (_LEFT - 6, 11, "end", f"{top:.3g}"),
        (_LEFT - 6, _HEIGHT, "end", "0"),
        (_LEFT, _HEIGHT + 15, "start", "0 s"),
        (_WIDTH, _HEIGHT + 15, "end", f"{profile.seconds:.1f} s"),
    )
    axis = "".join(f'<text x="{x}" y="{y}" text-anchor="{anchor}">{mark}</text>' for x, y, anchor, mark in marks)
    return (
        f'<h2>{escape(group.name)}</h2><svg viewBox="0 0 {_WIDTH} {_HEIGHT + _BOTTOM}" font-size="11" fill="#445" role="img"'
        f' aria-label="threads over time">{areas}{axis}</svg>'
    )
