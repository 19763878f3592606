"""Which cells the paper's tables need; and whether its figures were copied without a slip."""

import statistics

import pytest

from evaluation import paper, paper_contests
from evaluation.interpreters import Interpreter
from evaluation.paper_plan import (
    FIGURE_COUNTS,
    FULL,
    INSTRUMENTATION,
    MEMORY,
    NORMAL,
    PARTS,
    PATIENCE,
    QUICK,
    cells,
    estimate,
    left_out,
    limit,
    narrow,
    overtime,
    wide,
)
from evaluation.strategies import Strategy

GIL = Interpreter("3.11", "3.11.2", "python3.11", False, "b" * 12)
NEW = Interpreter("3.14", "3.14.0", "python3.14", False, "b" * 12)
FREE = Interpreter("3.13t", "3.13.5", "python3.13t", True, "b" * 12)


def of(parts, effort=QUICK, pythons=(GIL, FREE), cores=(1, 2)):
    return cells(list(parts), list(pythons), list(cores), effort)


def test_a_quick_run_ends_in_ten_minutes():
    contests = paper_contests.contests(paper_contests.PARTS, paper_contests.QUICK)
    seconds = sum(estimate(cell) for cell in of(PARTS)) + sum(each.estimate(paper_contests.QUICK, GIL.max_workers) for each in contests)
    assert 60 < seconds < 600


def test_what_a_quick_run_does_without():
    assert {cell.python for cell in of(["table-v"])} == {"3.11"}
    assert {cell.python for cell in of(["table-v"], FULL._replace(runs=1))} == {"3.11", "3.13t"}


def test_interpreters_are_measured_where_there_are_any():
    counts = {python: {cell.strategy for cell in of(["table-ix"], pythons=[python])} for python in (GIL, NEW)}
    assert counts[NEW] - counts[GIL] == {Strategy("interpreters", count) for count in (4, 8, 16)}
    assert left_out(["table-ix"], [NEW]) == left_out(["table-i"], [GIL]) == []
    assert "3.11 has no InterpreterPoolExecutor" in left_out(["table-ix"], [GIL])[0]


def test_no_cell_is_measured_twice_for_two_tables():
    made = of(PARTS)
    assert len(made) == len(set(made))
    assert set(of(["table-iv"])) == set(of(["table-vi"])) < set(of(["figure-2"]))


def test_table_ii_needs_several_cores():
    assert {(cell.part, cell.cores) for cell in of(["table-ii"])} == {("rag", 2)}
    assert of(["table-ii"], cores=[1]) == []
    assert {cell.cores for cell in of(["table-i"])} == {1}


def test_what_stands_for_the_papers_cores():
    assert (narrow([1, 2, 8]), wide([1, 2, 8])) == ([1], [8])
    assert wide([1, 4, 8]) == [4]
    assert (narrow([2]), wide([1])) == ([], [])


def test_the_figure_has_all_counts_unless_it_is_to_be_quick():
    counts = {cell.strategy.threads for cell in of(["figure-2"], FULL._replace(runs=1)) if cell.part == "micro"}
    assert counts == set(FIGURE_COUNTS) and max(counts) == 2048
    assert {cell.strategy.threads for cell in of(["figure-2"]) if cell.part == "micro"} == {1, 32, 64, 256, 512, 2048}


def test_runs_are_interleaved():
    made = of(["table-v"], FULL, pythons=[GIL], cores=[1])
    assert [cell.round for cell in made] == sorted(cell.round for cell in made)
    assert [cell.strategy.threads for cell in made[:5]] == [1, 4, 16, 64, 256]
    assert [cell.strategy.threads for cell in made[5:10]] == [4, 16, 64, 256, 1]


def test_many_threads_that_compute_get_time_for_a_turn_each():
    by_count = {cell.strategy.threads: cell.seconds for cell in of(["table-i"])}
    assert by_count[1] == QUICK.seconds
    assert by_count[1024] > 1024 * 0.010
    by_count = {cell.strategy.threads: overtime(cell) for cell in of(["table-i"])}
    assert (by_count[1], by_count[1024]) == (0.25 * QUICK.seconds, 1024 * 0.010)


def test_memory_and_clocks():
    assert [cell.strategy.name for cell in of(["table-ix"])] == ["tpe"] * 3 + ["fixed"] * 3 + ["adaptive"] + ["processes"] * 3
    assert {cell.python for cell in of(["table-ix"])} == {"3.11"}
    assert all((cell.build is not None) == (cell.strategy.name in ("fixed", "adaptive")) for cell in of(["table-ix"]))
    assert [(cell.python, cell.part, cell.strategy) for cell in of(["table-iii"])] == [
        ("3.11", INSTRUMENTATION, None),
        ("3.13t", INSTRUMENTATION, None),
    ]
    assert all(cell.part == MEMORY for cell in of(["table-ix"]))


def test_free_threaded_builds_get_little_patience_with_many_threads():
    [many] = [cell for cell in of(["table-iv"], pythons=[FREE], cores=[1]) if cell.strategy == Strategy("tpe", 2048)]
    [few] = [cell for cell in of(["table-iv"], pythons=[FREE], cores=[1]) if cell.strategy == Strategy("tpe", 64)]
    assert limit(many, FREE) < many.seconds + PATIENCE
    assert limit(many, GIL) > many.seconds + PATIENCE
    assert limit(few, FREE) > few.seconds + PATIENCE


@pytest.mark.parametrize("effort", [QUICK, NORMAL, FULL])
def test_a_limit_leaves_the_time_that_a_cell_takes_as_a_rule(effort):
    for python in (GIL, FREE):
        assert all(limit(cell, python) > estimate(cell) for cell in of(PARTS, effort._replace(runs=1), pythons=[python]))


# What the paper prints twice says the same both times, but for its rounding.


@pytest.mark.parametrize(("python", "cores"), paper.CHANGES)
def test_changes_follow_from_tables_i_and_ii(python, cores):
    *before, last = (paper.TABLE_I if cores == 1 else paper.TABLE_II)[python]
    assert last.rate / max(point.rate for point in before) - 1 == pytest.approx(paper.CHANGES[python, cores], abs=0.003)


@pytest.mark.parametrize("cores", paper.TABLE_VI)
def test_table_vi_follows_from_table_iv(cores):
    cliff = paper.TABLE_VI[cores]
    assert cliff.peak in paper.TABLE_IV[cores] and cliff.last in paper.TABLE_IV[cores]
    assert cliff.peak.rate == max(point.rate for point in paper.TABLE_IV[cores])
    assert cliff.last.rate / cliff.peak.rate - 1 == pytest.approx(cliff.change, abs=0.001)


def test_means_of_the_paper():
    assert statistics.fmean(edge.efficiency for edge in paper.TABLE_XIII.values()) == pytest.approx(paper.MEAN_EFFICIENCY, abs=0.001)
    naive, optimal, adaptive = paper.TABLE_VII
    assert adaptive.rate / optimal.rate == pytest.approx(paper.EFFICIENCY, abs=0.001)
    overheads = {count: paper.TABLE_IX[f"processes-{count}"].overhead / count for count in (4, 8, 16)}
    assert all(overhead == pytest.approx(paper.PROCESS_MB, rel=0.2) for overhead in overheads.values())
    assert naive.rate < adaptive.rate
