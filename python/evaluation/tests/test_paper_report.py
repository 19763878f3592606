"""The paper's tables beside handmade figures, and the page they are in."""

import re
from xml.etree import ElementTree

import pytest

from evaluation import paper, paper_drawings, paper_figures, paper_page, paper_sections, paper_verdicts
from evaluation.paper_plan import CALLS, INSTRUMENTATION, MEMORY, PARTS
from evaluation.paper_summary import Figures
from evaluation.results import Outcome, PaperCell
from evaluation.statistics import histogram
from evaluation.strategies import Strategy

HUNG = "not within 13 s"


def outcome(part, strategy, values, *, python="3.11", cores=1, number=1, disturbed=False):
    failure = None if values else HUNG
    return Outcome(PaperCell(python, cores, part, strategy, number, 1.0, None), values, failure, 0.5, 0.0, 0.0, disturbed)


def run(workload, threads, rate, *, p99=0.010, beta=0.9, **more):
    """Of a static count; a rate of None did not finish."""
    latencies = {str(bucket): count for bucket, count in histogram([p99] * 100).items()}
    return outcome(workload, Strategy("tpe", threads), rate and {"rate": rate, "p99": p99, "beta": beta, "latencies": latencies}, **more)


def as_the_paper():
    """As if this machine were the paper's."""
    made = []
    for cores, point in ((cores, point) for cores, points in paper.TABLE_IV.items() for point in points):
        made.append(run("micro", point.threads, point.rate, cores=cores, p99=(point.p99 or 9.0) / 1000))
    for cores, point in ((cores, point) for cores, points in paper.TABLE_V.items() for point in points):
        made.append(run("io-1ms", point.threads, point.rate, cores=cores))
    for cores, table in ((1, paper.TABLE_I), (4, paper.TABLE_II)):
        for python, points in table.items():
            made += [run("rag", point.threads, point.rate, cores=cores, python=python, beta=point.beta) for point in points]
    timings = {name: theirs._asdict() for name, theirs in paper.TABLE_III.items()}
    timings |= {name: {"mean": 0.5, "median": 0.5, "p99": 1.0} for name in CALLS if name not in timings}
    made.append(outcome(INSTRUMENTATION, None, {name: timings[name] for name in CALLS}, cores=4))
    for name, theirs in paper.TABLE_IX.items():
        kind, count = name.split("-")
        before, count = theirs.total - theirs.overhead, int(count)
        values = {"rss": theirs.total, "pss": theirs.total / 2, "rss_before": before, "pss_before": before / 2, "rate": theirs.rate}
        made.append(outcome(MEMORY, Strategy(kind, count), {**values, "processes": 1 + count * (kind == "processes")}, cores=4))
    return made


def sections(outcomes, parts=PARTS, cores=(1, 4)):
    return {section.name: section for section in paper_sections.sections(Figures(outcomes), parts, list(cores))}


def words(section):
    return [verdict.word for verdict in section.verdicts]


def test_the_papers_own_figures_agree_with_it():
    made = sections(as_the_paper())
    assert list(made) == [part for part in PARTS if part != "figure-3"]
    for section in made.values():
        assert set(words(section)) - {"beyond the paper"} == {"agrees"}, section


def test_a_row_has_both_figures():
    [first, *_] = sections(as_the_paper())["table-i"].table.rows
    assert first == ["Python 3.11", "1", "15.9", "15.9", "1 †", "10.0", "-", "10.0", "0.75", "0.75"]


def test_several_runs_have_an_interval_and_quartiles():
    runs = [
        run("io-1ms", 1, rate, number=number, p99=p99) for number, rate, p99 in ((1, 800.0, 0.001), (2, 900.0, 0.002), (3, 850.0, 0.003))
    ]
    [row, *_] = sections(runs, ["table-v"])["table-v"].table.rows
    assert row[2] == "850.0 ± 124.2"
    assert row[4] == "3 †"
    assert row[5] == "3.0", "of all runs together"
    assert row[7] == "2.0 (1.5-2.5)"
    tens = [run("io-1ms", 1, 800.0, number=number) for number in range(1, 11)]
    assert sections(tens, ["table-v"])["table-v"].table.rows[0][4] == "10"


def test_what_did_not_finish_is_said_and_drawn():
    outcomes = [run("rag", 1, 15.0, python="3.13t"), run("rag", 32, 60.0, python="3.13t"), run("rag", 1024, None, python="3.13t")]
    section = sections(outcomes, ["table-i"])["table-i"]
    assert "did not finish" in [row[2] for row in section.table.rows]
    [verdict] = [each for each in section.verdicts if HUNG in each.text]
    assert verdict.word == "differs"
    drawing = paper_figures.cliff(Figures(outcomes), [1])
    assert "3.13t, 1 core(s): did not finish" in [text.get_text() for text in drawing.legends[0].get_texts()]
    [row] = sections(outcomes, ["figure-2"])["figure-2"].table.rows
    assert row[-1] == "1,024"


def test_a_latency_that_has_no_end_is_drawn():
    outcomes = [run("micro", 32, 60.0), run("micro", 2048, None)]
    drawing = paper_drawings.latencies(Figures(outcomes), [1])
    assert "3.11, 1 core(s): did not finish" in [text.get_text() for text in drawing.legends[0].get_texts()]


def test_another_interpreter_stands_for_the_papers():
    outcomes = [run("micro", 32, 60.0, python="3.12"), run("rag", 1, 15.0, python="3.12"), run("rag", 1024, 60.0, python="3.14t")]
    made = sections(outcomes, ["table-i", "table-iv"])
    assert [row[:3] for row in made["table-i"].table.rows if row[2] != "-"] == [
        ["Python 3.12, 3.11 in the paper", "1", "15.0"],
        ["Python 3.14t, 3.13t in the paper", "1,024", "60.0"],
    ]
    assert made["table-iv"].table.title.endswith("Python 3.12")


def test_figures_of_a_loaded_machine_are_marked():
    for disturbed in (True, False):
        outcomes = [run("io-1ms", 1, 800.0, disturbed=disturbed), run("io-1ms", 64, 40_000.0)]
        section = sections(outcomes, ["table-v"], cores=[1])["table-v"]
        assert [row[0].endswith(" *") for row in section.table.rows if row[2] != "-"] == [disturbed, False]
        assert [verdict.text.endswith(" *") for verdict in section.verdicts] == [disturbed]


@pytest.mark.parametrize(
    ("last", "word"), [(60.0, "differs"), (39.0, "agrees"), (31.0, "agrees"), (20.0, "agrees in part"), (None, "differs")]
)
def test_a_loss_of_40_per_cent(last, word):
    """From a peak of 60."""
    outcomes = [run("micro", 32, 60.0), run("micro", 2048, last)]
    assert words(sections(outcomes, ["table-iv"], cores=[1])["table-iv"]) == [word]


def test_beta_that_rises_where_the_papers_falls_is_explained():
    outcomes = [run("rag", 1, 15.0, beta=0.83, python="3.13t"), run("rag", 1024, 15.0, beta=0.99, python="3.13t")]
    found = paper_verdicts.of_beta("here", Figures(outcomes).sweep("3.13t", 1, "rag"), paper.TABLE_I["3.13t"])
    assert found.word == "differs"
    assert "uses no CPU" in found.text


def test_the_memory_of_processes():
    outcomes = [each for each in as_the_paper() if each.cell.part == MEMORY]
    made = sections(outcomes, ["table-ix"])["table-ix"]
    assert made.table.rows[-1][:5] == ["ProcessPoolExecutor(16)", "325.8", "325.8", "304.6", "304.6"]
    assert "A process adds 18 MB of RSS, 9 of PSS" in made.verdicts[0].text


def test_nothing_measured_is_no_error():
    for section in sections([]).values():
        assert set(words(section)) <= {"not measured"}
    assert "Nothing was measured" in paper_page.page(sections([], ["table-iii"]).values(), {}, [], [])


def test_the_page_is_one_file_that_needs_no_network():
    outcomes = as_the_paper()
    drawing = paper_figures.as_svg(paper_figures.cliff(Figures(outcomes), [1, 4]), "figure-2")
    page = paper_page.page(sections(outcomes).values(), {"figure-2": drawing}, ["a <processor>"], ["a note"])
    assert "a &lt;processor&gt;" in page and "<processor>" not in page
    assert page.count("<svg") == 1
    assert all(f'id="{part}"' in page and f'href="#{part}"' in page for part in PARTS if part != "figure-3")
    fetched = re.findall(r'<(?:script|link|img|iframe)\b|\bsrc="|url\((?!#)|@import', page)
    assert not fetched
    ElementTree.fromstring(drawing)


def test_a_drawing_is_the_same_twice():
    figures = Figures(as_the_paper())
    first, again = (paper_figures.as_svg(paper_figures.cliff(figures, [1, 4]), "figure-2") for _ in range(2))
    assert first == again
