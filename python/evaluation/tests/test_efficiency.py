"""The whole of it, with little to do."""

import sys

import pytest

from evaluation import efficiency, interpreters
from evaluation.results import Results


@pytest.mark.timeout(180)
def test_a_run_and_its_resumption(tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    options = ["--quick", "--workloads", "cpu", "--pythons", sys.executable, "--seconds", "1", "--static-seconds", "0.5"]
    options += ["--only-strategies", "adaptive,tpe-default", "--json", str(file)]
    assert efficiency.main(options) == 0
    shown = capsys.readouterr().out
    assert "pure CPU: 20,000 iterations" in shown
    assert "best static: " in shown
    first = Results(file)
    strategies = {cell.strategy.name for cell in first.outcomes}
    assert strategies == {"fixed", "tpe", "adaptive", "tpe-default"}
    assert all(outcome.values for outcome in first.outcomes.values())

    efficiency.main([*options, "--resume"])
    assert Results(file).outcomes == first.outcomes
    assert " sweep " not in capsys.readouterr().out.replace("the sweep of", ""), "nothing was measured again"


def test_an_earlier_file_is_kept(tmp_path):
    file = tmp_path / "results.jsonl"
    file.write_text("{}\n")
    parsed = efficiency.parse(["--json", str(file)])
    assert efficiency.open_results(parsed, efficiency.Console(quiet=True)).outcomes == {}
    assert (tmp_path / "results.jsonl.previous").read_text() == "{}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workloads", "nap"], "there is no 'nap'; there are micro, rag"),
        (["--cores", "0"], "'0' is neither 'all' nor from 1 to"),
        (["--seconds", "nan"], "nan is not from 1 to 100000"),
        (["--rounds", "two"], "invalid whole number value: 'two'"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        efficiency.main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_table_xi_is_six_rows():
    assert efficiency.parse(["--workloads", "table-xi"]).workloads == ["xi-100", "xi-500", "micro", "xi-2000", "xi-5000", "xi-10000"]


def test_an_interpreter_that_cannot_be_measured(tmp_path):
    with pytest.raises(interpreters.Unusable, match="does not run"):
        interpreters.describe(str(tmp_path / "python"), interpreters.PACKAGE_PARENT)
    with pytest.raises(interpreters.Unusable, match="cannot import betapool"):
        (tmp_path / "betapool.py").write_text("raise ImportError('broken')")
        interpreters.describe(sys.executable, tmp_path)
