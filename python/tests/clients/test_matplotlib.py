"""betapool.plot with matplotlib: what is in the picture is what it was made from."""

import io
import json
import time

import pytest

import betapool

pytest.importorskip("matplotlib")

NAMES = ["work", "MainThread"]
STATES = ("cpu", "gil", "sleep")
SERIES = {state: [1.0, 2.0, 3.0] for state in STATES}
PROFILE = {
    "verdict": "Threads wait.",
    "groups": [{"name": name} for name in NAMES],
    "timeline": {"times": [0.5, 1.5, 2.5], "groups": dict.fromkeys(NAMES, SERIES)},
}


def assert_it_can_be_saved(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    assert file.getvalue().startswith(b"\x89PNG")


def lines_of(axes):
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}


def test_the_decisions_of_a_controller():
    controller = betapool.Controller(min_threads=1, max_threads=8, hysteresis=1)
    for _ in range(12):
        controller.report(0.001, 0.01)
        controller.tick(5)
    figure = betapool.plot(controller)
    threads, ratios = figure.axes
    decisions = controller.decisions()
    assert lines_of(threads)["threads"] == [decision.threads for decision in decisions]
    assert lines_of(ratios)["beta"] == [decision.beta for decision in decisions]
    marked = sum(len(points.get_offsets()) for points in threads.collections)
    assert marked == sum(decision.action != "hold" for decision in decisions) > 0
    assert_it_can_be_saved(figure)


def test_a_pool_and_its_statistics_over_time():
    samples = []
    with betapool.AdaptiveThreadPoolExecutor(4, interval=0.02) as pool:
        for _ in range(3):
            list(pool.map(time.sleep, [0.01] * 40))
            samples.append((time.monotonic(), pool.stats()))
        figures = [betapool.plot(samples), betapool.plot(pool)]
    rates = lines_of(figures[0].axes[2])
    expected = [(after[1].completed - before[1].completed) / (after[0] - before[0]) for before, after in zip(samples, samples[1:])]
    assert next(iter(rates.values())) == pytest.approx(expected)
    for figure in figures:
        assert_it_can_be_saved(figure)


def test_a_profile_from_its_file(tmp_path):
    (tmp_path / "profile.json").write_text(json.dumps(PROFILE))
    figure = betapool.plot(tmp_path / "profile.json")
    assert [axes.get_title() for axes in figure.axes] == NAMES
    assert len(figure.axes[0].collections) == len(STATES)
    assert_it_can_be_saved(figure)


@pytest.mark.parametrize("source", [[], {"timeline": {"times": [], "groups": {}}}])
def test_nothing_to_draw_is_told(source):
    with pytest.raises(ValueError, match=r"nothing to draw yet|has no timeline"):
        betapool.plot(source)
