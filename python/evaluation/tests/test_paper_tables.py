"""python -m betapool evaluate: the whole of it, with little to do."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from test_cell import SETTING

from evaluation import children, paper_tables
from evaluation.children import PACKAGE_PARENT
from evaluation.results import PaperCell, Results

TINY = ["--quick", "--pythons", sys.executable, "--cores", "1", "--seconds", "0.4"]


@pytest.mark.timeout(180)
def test_a_run_and_its_resumption(tmp_path, capsys):
    options = [*TINY, "--only", "table-v", "--out", str(tmp_path)]
    assert paper_tables.main(options) == 0
    shown = capsys.readouterr().out
    assert "Table V: pure I/O" in shown
    assert "64 threads do" in shown
    found = json.loads((tmp_path / "results.json").read_text())
    assert [outcome["cell"]["strategy"][1] for outcome in found["outcomes"]] == [1, 4, 16, 64, 256]
    assert all(outcome["values"]["rate"] > 0 for outcome in found["outcomes"])
    assert found["runs"][0]["machine"]["cores"]
    assert "Table V" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "figure-2.svg").exists()

    before = (tmp_path / "results.jsonl").read_text()
    assert paper_tables.main([*options, "--resume"]) == 0
    assert "about 0 s;" in capsys.readouterr().out
    added = (tmp_path / "results.jsonl").read_text().removeprefix(before).splitlines()
    assert [list(json.loads(line)) for line in added] == [["run"]], "nothing was measured again"
    assert json.loads((tmp_path / "results.json").read_text())["outcomes"] == found["outcomes"]


@pytest.mark.timeout(180)
def test_contests_and_their_resumption(tmp_path, capsys):
    options = [*TINY, "--only", "table-xii", "--out", str(tmp_path)]
    assert paper_tables.main(options) == 0
    assert "Table XII" in capsys.readouterr().out
    found = json.loads((tmp_path / "results.json").read_text())["contests"]
    assert {outcome["cell"]["strategy"][2] for outcome in found} == {0.2, 0.3, 0.7}
    assert all(outcome["values"]["whole_rate"] > 0 for outcome in found)

    assert paper_tables.main([*options, "--resume"]) == 0
    assert "about 0 s;" in capsys.readouterr().out
    again = json.loads((tmp_path / "results.json").read_text())["contests"]
    assert again == found, "nothing was measured again"


@pytest.mark.timeout(120)
def test_ctrl_c_keeps_what_is_done_and_leaves_nothing_running(tmp_path):
    command = [sys.executable, "-m", "betapool", "evaluate", *TINY, "--only", "table-v,figure-2", "--out", str(tmp_path)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=children.environment(PACKAGE_PARENT), start_new_session=True)
    try:
        for line in child.stdout:
            if "io-1ms" in line or "rag" in line or "micro" in line:
                break
        os.kill(child.pid, signal.SIGINT)
        rest = child.stdout.read()
        assert child.wait(60) == 130
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert "--resume goes on with" in rest
    done = Results(tmp_path / "results.jsonl", PaperCell).outcomes
    assert done
    assert len(json.loads((tmp_path / "results.json").read_text())["outcomes"]) == len(done)
    for name in ("report.html", "figure-2.svg", "figure-2.png"):
        assert (tmp_path / name).stat().st_size > 0
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_what_does_not_finish_is_not_waited_for_again(tmp_path, monkeypatch):
    """A limit that no process can keep, instead of threads that hang."""
    monkeypatch.setattr(paper_tables.paper_plan, "limit", lambda cell, python: 0.01)
    assert paper_tables.main([*TINY, "--only", "table-v", "--runs", "2", "--out", str(tmp_path)]) == 0
    outcomes = Results(tmp_path / "results.jsonl", PaperCell).outcomes
    assert {cell.round for cell in outcomes} == {1}
    assert {outcome.failure for outcome in outcomes.values()} == {"not within 0.01 s"}
    assert "did not finish" in (tmp_path / "report.html").read_text()


def test_a_run_that_was_over_before_it_had_its_tasks_is_no_measurement():
    request = {"strategy": ("tpe", 1), "workload": "micro", "seconds": 0.002, "setting": SETTING, "max_workers": 1, "outstanding": 100_000}
    with pytest.raises(children.DidNotFinish, match="left no time to hand out tasks"):
        paper_tables.call(sys.executable, "measure", request, 40.0, PACKAGE_PARENT)


def test_where_it_is_installed(tmp_path):
    """Laid out as setup.py does it: in a folder of the package, and nothing of the source around it."""
    package = tmp_path / "betapool"
    shutil.copytree(PACKAGE_PARENT / "betapool", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        PACKAGE_PARENT / "evaluation", package / "_evaluation" / "evaluation", ignore=shutil.ignore_patterns("tests", "results")
    )

    def evaluate(*arguments):
        command = [sys.executable, "-m", "betapool", "evaluate", "--quick", "--only", "table-v", "--seconds", "0.2", *arguments]
        place = {"env": {**os.environ, "PYTHONPATH": str(tmp_path)}, "cwd": tmp_path}
        return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, **place)

    done = evaluate("--cores", "1", "--out", "out")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [each["path"] for each in found["runs"][0]["interpreters"].values()] == [os.path.abspath(sys.executable)]
    assert all(outcome["values"]["whole_rate"] > 0 for outcome in found["outcomes"])
    refused = evaluate("--pythons", "2.7")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: betapool is installed for") and refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "table-xx"], "there is no 'table-xx'; there are table-i, table-ii"),
        (["--cores", "0"], "'0' is neither 'all' nor from 1 to"),
        (["--quick", "--full"], "not allowed with argument"),
        (["--runs", "0"], "0 is not from 1 to 100000"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        paper_tables.main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_a_file_of_another_command_is_refused(tmp_path):
    (tmp_path / "results.jsonl").write_text('{"cell": {"bench": "map", "peer": "tpe"}, "values": null}\n')
    with pytest.raises(SystemExit, match="is not of this harness"):
        paper_tables.main([*TINY, "--only", "table-v", "--out", str(tmp_path), "--resume"])
