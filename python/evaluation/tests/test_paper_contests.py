"""Tables VII, VIII and X to XIII and Figures 6 to 8: who takes part, and what handmade figures come to."""

import math
from xml.etree import ElementTree

import pytest
from test_paper_report import run as swept

from evaluation import paper, paper_contest_sections, paper_contests, paper_drawings, paper_figures, paper_report
from evaluation.interpreters import Interpreter
from evaluation.paper_contests import ALGORITHM_1, NAIVE, QUICK, contests, group, looked_at
from evaluation.paper_standings import Standings
from evaluation.paper_summary import Figures
from evaluation.results import Cell, Outcome
from evaluation.statistics import histogram
from evaluation.strategies import WATCHED, Strategy
from evaluation.workloads import EDGE, TABLE_XI, WORKLOADS


def outcome(workload, strategy, rate, *, number=1, p99=0.004, beta=0.9, library_threads="one", disturbed=False, **more):
    """A rate of None did not finish."""
    latencies = {str(bucket): count for bucket, count in histogram([p99] * 100).items()}
    figures = {"rate": rate, "whole_rate": rate, "p99": p99, "beta": beta, "latencies": latencies, "threads": 8.0, "settled": 0.1}
    values = {**figures, "controller_cpu": 0.001, **more} if rate else None
    cell = Cell("3.11", "2", workload, Strategy(*strategy), number, 1.0, None, library_threads)
    return Outcome(cell, values, None if rate else "not within 33 s", 0.5, 0.0, 0.0, disturbed)


def as_the_paper():
    """As if this machine, and our policies, were the paper's."""
    naive, optimal, adaptive = paper.TABLE_VII
    seen = {"target": paper.FINAL_THREADS, "vetoes": paper.VETOES, "beta_io": 0.3}
    made = [
        outcome("micro", ("tpe", 32), optimal.rate, p99=optimal.p99 / 1000),
        outcome("micro", NAIVE, naive.rate, p99=naive.p99 / 1000),
        outcome("micro", ("adaptive",), adaptive.rate, p99=adaptive.p99 / 1000, beta=paper.TABLE_VIII["adaptive"], **seen),
        outcome("micro", (WATCHED, 256), naive.rate, beta=paper.TABLE_VIII["naive"], beta_io=0.2),
        outcome("micro", (WATCHED, 32), optimal.rate, beta=paper.TABLE_VIII["optimal"], beta_io=0.3),
        *(outcome("micro", strategy, adaptive.rate, **seen) for strategy in ALGORITHM_1),
    ]
    made += [outcome("micro", ("asyncio", count), theirs.rate) for count, theirs in zip((128, 256), paper.TABLE_X)]
    made.append(outcome("micro", ("queue-depth",), paper.TABLE_X[2].rate))
    for name, theirs in zip(TABLE_XI, paper.TABLE_XI):
        if name != "micro":
            made += [outcome(name, ("tpe", theirs.threads), theirs.rate), outcome(name, ("adaptive",), theirs.rate)]
    for number, strategy in enumerate(paper_contests.FULL.table_xii):
        made.append(outcome("io-1ms", strategy, paper.TABLE_XII.rates[number % 2], beta=paper.TABLE_XII.beta, target=64))
    for name, theirs in paper_contest_sections.PRINTED.items():
        made += [outcome(name, ("tpe", theirs.best_threads), 100.0)]
        made += [outcome(name, ("adaptive",), 100 * theirs.efficiency, target=theirs.threads, vetoes=9)]
    return made


def sections(outcomes, parts=paper_contests.PARTS):
    made = paper_contest_sections.sections(Standings(outcomes), Figures([]), parts)
    return {section.name: section for section in made}


def words(section):
    return {verdict.word for verdict in section.verdicts}


def test_the_papers_own_figures_agree_with_it():
    made = sections(as_the_paper())
    for name in ("table-vii", "table-viii", "table-x", "table-xi", "table-xii", "table-xiii"):
        assert words(made[name]) - {"beyond the paper"} == {"agrees"}, made[name].verdicts


def test_a_row_has_both_figures():
    made = sections(as_the_paper())
    adaptive = made["table-vii"].table.rows[2]
    assert adaptive == ["Python 3.11: adaptive", "19,100", "19,100", "1 †", "96.5%", "96.5%", "5.2", "5.2", "48"]
    [vision, *_] = made["table-xiii"].table.rows
    assert vision[1:10] == ["0.69", "0.69", "64", "64", "58", "96.7%", "58", "96.7%", "1.00 (4.0 of 4.0 ms)"]
    assert "93.9% of the best static counts on average, at least 87.5% (slm)" in made["table-xiii"].verdicts[0].text


def test_what_throughput_costs_in_latency_is_said_of_both():
    outcomes = [outcome("fusion", ("tpe", 128), 170.0, p99=1.4), outcome("fusion", ("adaptive",), 140.0, p99=0.17)]
    outcomes += [outcome("slm", ("tpe", 2), 140.0, p99=0.018), outcome("slm", ("adaptive",), 140.0, p99=0.036)]
    section = sections(outcomes, ["table-xiii"])["table-xiii"]
    assert [row[9] for row in section.table.rows] == ["0.12 (170.1 of 1,403 ms)", "2.01 (36.0 of 18.0 ms)"]
    assert "P99 is 1.06 times the best static counts' in the middle, at most 2.01 (slm)" in section.verdicts[1].text


def test_what_does_not_reproduce_is_said_with_the_evidence():
    changed = [each for each in as_the_paper() if each.cell.strategy[:2] not in ((WATCHED, 256), ("paper", None))]
    changed.append(outcome("micro", (WATCHED, 256), 15_000.0, beta=0.99, beta_io=0.04))
    changed.append(outcome("micro", (WATCHED, 1), 5000.0, beta=0.70, beta_io=0.6))
    changed.append(outcome("micro", ALGORITHM_1[2], 15_000.0, target=64, vetoes=0))
    beta, growth = sections(changed, ["table-viii"])["table-viii"].verdicts
    assert (beta.word, growth.word) == ("differs", "differs")
    assert "0.21 in the paper, 0.99 here (alone: 0.70)" in beta.text and "contention looks like I/O" in beta.text
    assert "on beta 0 times, at 64; on beta_io 23 times, at 48" in growth.text


def test_what_others_disturbed_is_marked_and_what_did_not_finish_is_said():
    outcomes = [outcome("micro", ("tpe", 32), 100.0, disturbed=True), outcome("micro", ("adaptive",), None), outcome("micro", NAIVE, 90.0)]
    section = sections(outcomes, ["table-vii"])["table-vii"]
    assert [row[:2] for row in section.table.rows] == [
        ["Python 3.11: ThreadPoolExecutor(32) *", "100.0"],
        ["Python 3.11: ThreadPoolExecutor(256)", "90.0"],
        ["Python 3.11: adaptive", "did not finish"],
    ]
    assert all(verdict.text.endswith(" *") for verdict in section.verdicts)
    assert words(section) == {"not measured", "agrees"}


def test_nothing_measured_is_no_error():
    for section in sections([]).values():
        assert section.table.rows == [] and section.verdicts == []
    assert all(
        paper_figures.as_svg(each, name) for name, each in paper_drawings.draw(Figures([]), Standings([]), [1], paper_report.PARTS).items()
    )


def test_shares_are_of_what_the_best_did_in_the_same_run():
    outcomes = [outcome("micro", ("tpe", 8), rate, number=number) for number, rate in ((1, 100.0), (2, 50.0), (3, 80.0))]
    outcomes += [outcome("micro", ("adaptive",), rate, number=number) for number, rate in ((1, 90.0), (2, 45.0), (3, 72.0))]
    here = Standings(outcomes).of("3.11", "micro")
    assert here.named("adaptive").share == pytest.approx(0.9)
    assert here.best.strategy == Strategy("tpe", 8)
    assert here.best.share == 1.0


@pytest.mark.parametrize("name", ["figure-3", "figure-6", "figure-7", "figure-8"])
def test_a_figure(name):
    sweeps = [swept("micro", count, 100.0, p99=count / 1000) for count in (1, 32, 2048)] + [swept("rag", 32, 60.0)]
    drawing = paper_drawings.draw(Figures(sweeps), Standings(as_the_paper()), [1], [name])[name]
    text = paper_figures.as_svg(drawing, name)
    ElementTree.fromstring(text)
    assert text == paper_figures.as_svg(paper_drawings.draw(Figures(sweeps), Standings(as_the_paper()), [1], [name])[name], name)
    shown = {label.get_text() for axes in drawing.axes for label in [*axes.get_yticklabels(), *axes.texts]}
    expected = {"figure-7": "asyncio, 128 at a time", "figure-8": f"3.11: {WORKLOADS['rag'].title}"}
    assert expected.get(name, "") in shown | {""}


def test_the_heatmap_is_of_the_best_rate_of_a_row():
    outcomes = [outcome("xi-100", ("tpe", count), rate, number=0) for count, rate in ((1, 25.0), (2, 50.0), (4, 100.0))]
    drawing = paper_drawings.heatmap(Figures([]), Standings(outcomes))
    [shares] = drawing.axes[0].images[0].get_array().tolist()
    assert shares == [0.25, 0.5, 1.0]
    assert not any(map(math.isnan, shares))


# ---- Who takes part ----------------------------------------------------------------------------------------------------------------


def test_one_contest_for_all_that_is_on_micro_mixed():
    made = contests(paper_contests.PARTS, QUICK)
    assert [contest.workload for contest in made] == [
        "micro",
        *(set_of_xi := [each for each in TABLE_XI if each != "micro"]),
        "io-1ms",
        *EDGE,
    ]
    assert len(set_of_xi) == 5
    [micro] = [contest for contest in made if contest.workload == "micro"]
    assert len(micro.strategies) == len(set(micro.strategies))
    assert {NAIVE, Strategy("adaptive"), Strategy("gevent", 128), Strategy(WATCHED, 256)} <= set(micro.strategies)


def test_a_table_takes_what_it_needs():
    [vii] = contests(["table-vii"], QUICK)
    assert not any(strategy.name in (WATCHED, "asyncio") for strategy in vii.strategies)
    [xii] = contests(["table-xii"], QUICK)
    assert not xii.has_oracle
    assert [strategy.beta_threshold for strategy in xii.strategies] == 2 * [0.2, 0.3, 0.7]
    assert contests(["table-i", "figure-2"], QUICK) == []
    assert [contest.library_threads for contest in contests(["table-xiii"], QUICK)] == 7 * ["one"]
    assert [contest.library_threads for contest in contests(["table-xiii"], paper_contests.NORMAL)] == 7 * ["one"] + 3 * ["as-they-come"]


@pytest.mark.parametrize(("effort", "most"), [(QUICK, 128), (paper_contests.FULL, 256)])
def test_a_quick_run_tries_the_papers_counts_on_the_edge_workloads(effort, most):
    python = Interpreter("3.11", "3.11.2", "python", False, "")
    groups = [group(contest, effort, python, 2, [0, 1]) for contest in contests(["table-xi", "table-xiii"], effort)]
    assert {each.most_threads for each in groups if each.workload.name in EDGE and each.library_threads == "one"} == {most}
    assert {each.most_threads for each in groups if each.workload.name not in EDGE} == {256}
    assert {each.max_workers for each in groups if each.library_threads == "one"} == {256}


def test_libraries_take_their_time():
    [with_library] = [each for each in contests(["table-xiii"], QUICK) if each.workload == "slm"]
    assert with_library.estimate(QUICK, 128) > 1.5 * with_library._replace(workload="xi-100").estimate(QUICK, 128)


def test_the_nearest_of_the_counts_that_are_looked_at():
    assert [looked_at(best) for best in (1, 3, 6, 24, 80, 256)] == [1, 4, 8, 32, 64, 256]
