"""What the tables say."""

from conftest import outcome

from evaluation.report import Table, fitting, markdown, short_markdown


def lines_with(text, word):
    return [line for line in text.splitlines() if line.startswith("|") and word in line]


def test_a_row_has_the_figures(results):
    results.add(outcome("fixed", 8, rate=2000.0))
    for number, rate in ((1, 1900.0), (2, 1980.0), (3, 2000.0)):
        results.add(outcome("adaptive", number=number, rate=rate, vetoes=4, controller_cpu=0.0012))
    [row] = [line for line in lines_with(markdown(results), "adaptive") if "tasks/s" not in line and line.count("|") == 11]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["adaptive", "3", "1,980", "99.0% (95.0%-100.0%)", "89.1%", "8", "1.0 s", "10.0 (1.0x)", "4", "0.12%"]


def test_figures_of_a_loaded_machine_are_marked(results):
    results.add(outcome("fixed", 8))
    results.add(outcome("adaptive", disturbed=True))
    text = markdown(results)
    assert any(line.startswith("|   adaptive * |") for line in text.splitlines())
    assert "1 of 2 cells ran while others used the machine" in text


def test_a_mean_needs_all_workloads(results):
    for workload in ("micro", "rag"):
        results.add(outcome("fixed", 8, workload=workload))
        results.add(outcome("queue-depth", workload=workload, rate=80.0))
    results.add(outcome("adaptive", workload="micro"))
    results.add(outcome("adaptive", workload="rag", failure="hangs"))
    text = markdown(results)
    assert "| mean |  | - | 80.0% |" in text
    assert "Python 3.11, adaptive did not finish rag on all: hangs" in text


def test_a_table_too_wide_for_the_terminal_is_several():
    table = Table("title", ["", "one", "two", "three"], [["row", "1", "22\n1-3", "3"]], [0])
    assert fitting(table, 80) == [table]
    assert fitting(table, 27) == [table]  # 3 + 3 + 3 + 5 characters, 3 more for each, a line at the end
    assert fitting(table, 26) == [
        Table("title", ["", "one", "two"], [["row", "1", "22\n1-3"]], [0]),
        Table("title", ["", "three"], [["row", "3"]], [0]),
    ]
    assert len(fitting(table, 1)) == 3, "a column alone, however narrow"


def test_a_digest_has_a_line_for_each_workload(results):
    for workload, rate in (("micro", 99.0), ("rag", 97.0)):
        results.add(outcome("fixed", 8, workload=workload, p99=0.02))
        results.add(outcome("adaptive", workload=workload, rate=rate))
        results.add(outcome("queue-depth", workload=workload, rate=80.0))
    text = short_markdown(results)
    assert "| RAG mixed: 10 ms CPU + 50 ms | 97.0% | 87.3% | 8 (8) | 1.0 s | 0.50 | 80.0% |" in text
    assert "| **mean** | 98.0% | 88.2% |  |  |  | 80.0% |" in text


def test_a_digest_has_the_spread_of_the_rounds(results):
    results.add(outcome("fixed", 8, rate=100.0))
    for number, rate in ((1, 90.0), (2, 99.0), (3, 101.0)):
        results.add(outcome("adaptive", number=number, rate=rate))
    assert "| 99.0% (90.0%-101.0%) |" in short_markdown(results)


def test_what_was_left_out_is_said(results):
    run = results.runs[0]
    options = {**run["options"], "library_threads": "as-they-come"}
    results.add_run({**run, "options": options, "left_out": ["Python 3.11, onnx left out: there is no wheel"]})
    results.add(outcome("fixed", 8))
    text = markdown(results)
    assert "    Python 3.11, onnx left out: there is no wheel" in text
    assert "libraries use as many threads as they take by themselves" in text
