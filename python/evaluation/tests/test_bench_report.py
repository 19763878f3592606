"""What the tables of evaluation.executor say."""

import pytest

from evaluation import bench_report
from evaluation.bench_report import digest, digest_notes, entries, form, notes, tables, times
from evaluation.report import as_markdown
from evaluation.results import BenchCell, Outcome, Results


def outcome(peer, value, *, number=1, bench="bulk-4", figure="rate", failure=None, disturbed=False):
    values = None if failure else {figure: value}
    return Outcome(BenchCell("3.11", bench, peer, number), values, failure, 0.5, 0.0, 0.0, disturbed)


@pytest.fixture
def bench_results(tmp_path):
    made = Results(tmp_path / "results.jsonl", BenchCell)
    made.add_run(
        {
            "time": "2026-01-01 00:00:00 +0000",
            "machine": {"processor": "a processor", "cores": [0, 1], "memory": 2**30, "system": "Linux"},
            "interpreters": {"3.11": {"version": "3.11.2", "free_threaded": False}},
            "rounds": 3,
            "sizes": {"tasks": 20_000, "queued": 200_000, "threads": 64, "seconds": 0.3},
            "left_out": ["joblib has no submit(): left out of shutdown"],
        }
    )
    return made


def test_a_ratio_is_the_median_of_those_of_the_same_round():
    """The machine may be slower in one round than in another: of the medians it would be 2.0 here."""
    found = entries(
        [
            *(outcome("tpe", value, number=number) for number, value in ((1, 100.0), (2, 10.0), (3, 200.0))),
            *(outcome("fixed", value, number=number) for number, value in ((1, 200.0), (2, 40.0), (3, 600.0))),
        ],
        "rate",
    )
    assert found["fixed"].value == (200.0, 40.0, 600.0)
    assert found["fixed"].ratio == 3.0
    assert found["tpe"].ratio is None


def test_a_round_without_the_baseline_gives_no_ratio():
    found = entries([outcome("tpe", 0, failure="hangs"), outcome("fixed", 5.0), outcome("adaptive", 0, failure="hangs")], "rate")
    assert found["fixed"].ratio is None
    assert set(found) == {"fixed"}
    found = entries([outcome("tpe", 10.0, number=2), *(outcome("fixed", 20.0 * number, number=number) for number in (1, 2))], "rate")
    assert found["fixed"].ratio == 4.0


def test_a_table_has_figures_ratios_and_ranges(bench_results):
    for number, value in ((1, 100_000.0), (2, 120_000.0), (3, 110_000.0)):
        bench_results.add(outcome("tpe", value, number=number))
        bench_results.add(outcome("adaptive", 30 * value, number=number))
    for peer, value in (("tpe", 5.0), ("adaptive", 6.0)):
        bench_results.add(outcome(peer, value, bench="shutdown", figure="shutdown", disturbed=peer == "tpe"))
    bench_results.add(outcome("reference", 900.0))
    [table] = tables(Results(bench_results.path, BenchCell))
    assert table.title == "Python 3.11"
    assert table.head == ["", "ThreadPoolExecutor", "betapool", "betapool 1.0.2"]
    assert table.rows == [
        ["submit 20,000 and take results, 4 workers: tasks/s", "110k\n100k-120k", "3.3M (30x)\n3M-3.6M", "900 (0.009x)"],
        ["shutdown of 64 idle threads: ms ↓", "5 *", "6 (1.20x)", "-"],
    ]


def test_a_digest_has_one_line_for_a_figure(bench_results):
    for number in (1, 2):
        bench_results.add(outcome("tpe", 100.0 * number, number=number))
        bench_results.add(outcome("fixed", 900.0, number=number))
        bench_results.add(outcome("adaptive", 3000.0, number=number, disturbed=number == 2))
    bench_results.add(outcome("tpe", 5.0, bench="shutdown", figure="shutdown"))
    text = as_markdown([digest(bench_results)], digest_notes(bench_results))
    assert text.startswith("**ThreadPoolExecutor → betapool**\n\n|  | Python 3.11 |")
    assert "| submit 20,000 and take results, 4 workers: tasks/s | 150 → 3,000 (22x) * |" in text
    assert "| shutdown of 64 idle threads: ms ↓ | - |" in text
    assert "1 of 7 cells ran while others used the machine" in text


def test_a_digest_says_what_control_costs(bench_results):
    """Of each bench within its rounds; a time that is lower counts as faster, and memory not at all."""
    for number, scale in ((1, 1.0), (2, 7.0), (3, 3.0)):
        for peer, rate, milliseconds in (("fixed", 100.0, 1.0), ("adaptive", 90.0, 0.5)):
            bench_results.add(outcome(peer, rate * scale, number=number))
            bench_results.add(outcome(peer, milliseconds * scale, number=number, bench="shutdown", figure="shutdown"))
    bench_results.add(outcome("fixed", 1.0, bench="thread-memory", figure="idle"))
    bench_results.add(outcome("adaptive", 50.0, bench="thread-memory", figure="idle"))
    assert digest(bench_results).rows[-1] == [bench_report.CONTROL, "1.34x; 0.90x: bulk-4"]


def test_notes_say_who_is_missing_and_why(bench_results):
    bench_results.add(outcome("tpe", 100.0, disturbed=True))
    bench_results.add(outcome("fixed", 0, failure="not within 60 s"))
    text = "\n".join(notes(bench_results))
    assert "joblib has no submit(): left out of shutdown" in text
    assert "Python 3.11, betapool fixed did not finish bulk-4: not within 60 s" in text
    assert "1 of 2 cells ran while others used the machine" in text
    assert "2 cores" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (5.126, "5.13"), (99.96, "100"), (1234.5, "1,230"), (9999.0, "10k"), (12345.0, "12.3k"), (999_900.0, "1M")],
)
def test_three_digits(value, text):
    assert form(value) == text


def test_times():
    assert [times(ratio) for ratio in (27.4, 1.0, 0.41, 0.0123)] == ["27", "1.00", "0.41", "0.012"]


def test_titles_say_which_way_is_better():
    titles = [bench_report.title(figure, {"tasks": 7, "queued": 8, "threads": 9}) for figure in _figures()]
    assert len(set(titles)) == len(titles)
    assert {title.endswith("↓") for title, figure in zip(titles, _figures()) if figure.unit == "tasks/s"} == {False}
    assert {title.endswith("↓") for title, figure in zip(titles, _figures()) if figure.unit != "tasks/s"} == {True}


def _figures():
    return [figure for bench in bench_report.BENCHES.values() for figure in bench.figures.values()]
