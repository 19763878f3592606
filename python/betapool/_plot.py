"""betapool.plot: what a pool decided, or what a program's threads did, as a picture for a notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from betapool._controller import Controller
from betapool._executor import AdaptiveThreadPoolExecutor
from betapool._records import Decision, PoolStats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MARKS = {"scale_up": ("^", "tab:green"), "scale_down": ("v", "tab:red"), "veto": ("x", "tab:gray")}


def plot(
    source: (
        AdaptiveThreadPoolExecutor
        | Controller
        | Sequence[Decision]
        | Sequence[tuple[float, PoolStats]]
        | dict[str, Any]
        | PathLike[str]
        | str
    ),
) -> Figure:
    """Draws threads, blocking ratios and throughput over time, with decisions marked; needs matplotlib (betapool-native[plot]).

    source   a pool, a controller, or what its decisions() gave: threads, beta and beta_io, and where growth was decided or refused
             [(seconds, pool.stats()), ...], taken now and then: the same and tasks/s
             a profile, from `python -m betapool profile --json FILE` (the file, or what was read from it): threads by what they did

    Returns a matplotlib Figure, which a notebook shows and savefig() writes; it is no part of pyplot's state, so any thread may draw.
    ValueError if there is nothing to draw yet, ImportError without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f"matplotlib cannot be imported ({error}): pip install betapool-native[plot]") from None
    if isinstance(source, (str, PathLike)):
        source = json.loads(Path(source).read_text(encoding="utf-8"))
    if isinstance(source, (AdaptiveThreadPoolExecutor, Controller)):
        source = source.decisions()
    figure = Figure(figsize=(8, 5), layout="constrained")
    if isinstance(source, dict):
        _draw_profile(figure, source)
        return figure
    rows = list(cast("Sequence[Any]", source))
    if not rows:
        raise ValueError("there is nothing to draw yet: no decision was made, or no statistics were given")
    if isinstance(rows[0], Decision):
        _draw_decisions(figure, rows)
    else:
        _draw_stats(figure, rows)
    return figure


def _draw_ratios(axes: Any, times: list[float], rows: Sequence[Decision] | Sequence[PoolStats]) -> None:
    for name in ("beta", "beta_io"):
        values = [getattr(row, name) for row in rows]
        axes.plot(times, [float("nan") if value is None else value for value in values], label=name)
    axes.set(ylabel="blocking ratio", ylim=(-0.05, 1.05))
    axes.legend(loc="best")


def _draw_decisions(figure: Figure, decisions: list[Decision]) -> None:
    above, below = figure.subplots(2, 1, sharex=True)
    times = [decision.time - decisions[0].time for decision in decisions]
    above.step(times, [decision.threads for decision in decisions], where="post", label="threads")
    above.plot(times, [decision.queue_length for decision in decisions], color="tab:gray", alpha=0.5, label="tasks that wait")
    for action, (marker, color) in _MARKS.items():
        chosen = [(time, decision.threads) for time, decision in zip(times, decisions) if decision.action == action]
        if chosen:
            above.scatter(*zip(*chosen), marker=marker, color=color, label=action.replace("_", " "), zorder=3)
    above.set(ylabel="threads", ylim=(0, None))
    above.legend(loc="best")
    _draw_ratios(below, times, decisions)
    below.set(xlabel="seconds")


def _draw_stats(figure: Figure, samples: list[tuple[float, PoolStats]]) -> None:
    if len(samples) < 2:
        raise ValueError("statistics of one moment show no course: give at least two")
    threads, ratios, rates = figure.subplots(3, 1, sharex=True)
    times = [seconds - samples[0][0] for seconds, _ in samples]
    rows = [stats for _, stats in samples]
    threads.step(times, [stats.threads for stats in rows], where="post", label="threads")
    threads.step(times, [stats.target_threads for stats in rows], where="post", linestyle=":", label="allowed")
    for before, after, time in zip(rows, rows[1:], times[1:]):
        for action, (marker, color) in (("scale_ups", _MARKS["scale_up"]), ("scale_downs", _MARKS["scale_down"])):
            if getattr(after, action) > getattr(before, action):
                threads.scatter([time], [after.threads], marker=marker, color=color, zorder=3)
    threads.set(ylabel="threads", ylim=(0, None))
    threads.legend(loc="best")
    _draw_ratios(ratios, times, rows)
    steps = zip(rows, rows[1:], times, times[1:])
    rates.step(times[1:], [(after.completed - before.completed) / (until - since) for before, after, since, until in steps], where="pre")
    rates.set(ylabel="tasks/s", xlabel="seconds", ylim=(0, None))


def _draw_profile(figure: Figure, profile: dict[str, Any]) -> None:
    from betapool._profile.records import STATE_COLORS, STATE_TEXTS

    times, groups = profile["timeline"]["times"], profile["timeline"]["groups"]
    if not times or not groups:
        raise ValueError("the profile has no timeline: the program ended before the first look")
    shown = [group["name"] for group in profile["groups"] if group["name"] in groups][:4]
    for axes, name in zip(figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0], shown):
        present = [state for state in STATE_COLORS if state.name.lower() in groups[name]]
        series = [groups[name][state.name.lower()] for state in present]
        colors = [STATE_COLORS[state] for state in present]
        axes.stackplot(times, series, labels=[STATE_TEXTS[state] for state in present], colors=colors)
        axes.set(title=name, ylabel="threads", ylim=(0, None))
        axes.legend(loc="upper right", fontsize="x-small")
    axes.set(xlabel="seconds")
    figure.suptitle(profile["verdict"], fontsize="medium", wrap=True)
