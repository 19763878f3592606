"""The file of results."""

import pytest
from conftest import outcome

from evaluation.results import Results


def test_what_was_written_is_read(results):
    written = [outcome("fixed", 8), outcome("adaptive", failure="hangs"), outcome("adaptive", number=2)]
    for each in written:
        results.add(each)
    again = Results(results.path)
    assert list(again.outcomes.values()) == written
    assert again.runs == results.runs


def test_a_cell_tried_again_replaces_its_failure(results):
    results.add(outcome("adaptive", failure="hangs"))
    results.add(outcome("adaptive", rate=7.0))
    [only] = Results(results.path).outcomes.values()
    assert only.values["rate"] == 7.0


def test_a_line_cut_short_costs_only_itself(results):
    results.add(outcome("fixed", 8))
    results.add(outcome("fixed", 16))
    results.path.write_text(results.path.read_text()[:-40])
    resumed = Results(results.path)
    resumed.add(outcome("fixed", 32))
    assert [cell.strategy.threads for cell in Results(results.path).outcomes] == [8, 32]


def test_another_programs_file_is_refused(tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text('{"cell": {"name": "x"}}\n')
    with pytest.raises(ValueError, match="line 1, is not of this harness"):
        Results(path)
