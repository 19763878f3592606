"""What the package says of itself, and its commands."""

import ast
import importlib.metadata
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import FREE_THREADED, PACKAGE_PARENT, run_python

import betapool
from betapool import _core

PACKAGE = PACKAGE_PARENT / "betapool"


def command(*arguments, path=""):
    return subprocess.run(
        [sys.executable, "-m", "betapool", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=PACKAGE_PARENT,
        env={**os.environ, "PYTHONPATH": str(path)},
    )


def test_everything_exported_is_there_and_documented():
    assert sorted(betapool.__all__) == betapool.__all__
    for name in betapool.__all__:
        assert getattr(betapool, name).__doc__
    for method in ("submit", "map", "shutdown", "stats", "decisions"):
        assert getattr(betapool.AdaptiveThreadPoolExecutor, method).__doc__
    for method in ("report", "tick", "task", "instrument", "to_thread", "decisions", "beta", "threads"):
        assert getattr(betapool.Controller, method).__doc__


def test_one_version_everywhere():
    header = (Path(betapool.get_include()) / "betapool.h").read_text()
    assert f'#define BETAPOOL_VERSION_STRING "{betapool.__version__}"' in header
    for installed in importlib.metadata.distributions(path=[str(PACKAGE_PARENT)]):  # of a wheel; a checkout has none
        if installed.metadata["Name"] == "betapool-native":
            assert installed.version == betapool.__version__


def test_the_library_is_the_one_beside_the_extension():
    assert Path(betapool.get_library()) == (PACKAGE / "libbetapool.so.1").resolve()


def test_the_import_does_not_turn_the_gil_on():
    process = run_python(
        "import sys, warnings\nwarnings.simplefilter('error')\nimport betapool\nprint(getattr(sys, '_is_gil_enabled', lambda: True)())"
    )
    assert (process.returncode, process.stdout.strip()) == (0, str(not FREE_THREADED)), process.stderr


def test_records_pickle():
    decision = betapool.Controller().tick(1)
    assert pickle.loads(pickle.dumps(decision)) == decision


# import


@pytest.mark.parametrize("missing", ["_core", "libbetapool"])
def test_a_missing_file_is_named_with_its_remedy_in_one_line(tmp_path, missing):
    shutil.copytree(PACKAGE, tmp_path / "betapool", ignore=shutil.ignore_patterns(f"{missing}.*.so", f"{missing}.so*"))
    process = run_python("import betapool", environment={"PYTHONPATH": str(tmp_path), "LD_LIBRARY_PATH": ""})
    assert process.returncode == 1
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: betapool's extension cannot be loaded")
    assert missing in last
    assert "run `make`, or reinstall the wheel for this interpreter" in last


def test_subinterpreters_are_refused():
    code = """
import os, sys
reading, writing = os.pipe()
script = f'''
import os
try:
    import betapool
    text = "imported"
except ImportError as error:
    text = str(error)
os.write({writing}, text.encode())
'''
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreter = interpreters.create()
getattr(interpreters, "exec", interpreters.run_string)(interpreter, script)
interpreters.destroy(interpreter)
print(os.read(reading, 1000).decode())
import betapool
"""
    process = run_python(code)
    assert process.returncode == 0, process.stderr
    assert "subinterpreters" in process.stdout


def test_a_second_import_of_the_extension_works():
    process = run_python(
        "import sys, betapool\nfirst = betapool.AdaptiveThreadPoolExecutor(2)\nassert first.submit(abs, -1).result(10) == 1\n"
        "for name in [name for name in sys.modules if name.startswith('betapool')]: del sys.modules[name]\n"
        "import betapool as again\nassert again is not betapool or True\n"
        "second = again.AdaptiveThreadPoolExecutor(2)\nprint(second.submit(abs, -2).result(10) + first.submit(abs, -1).result(10))"
    )
    assert (process.returncode, process.stdout) == (0, "3\n"), process.stderr


# The stub


def test_the_stub_names_what_the_extension_has():
    stub = ast.parse((PACKAGE / "_core.pyi").read_text())
    typed = {}
    for node in stub.body:
        if isinstance(node, ast.ClassDef):
            functions = {item.name for item in node.body if isinstance(item, ast.FunctionDef)} - {"__new__"}
            typed[node.name] = functions | {item.target.id for item in node.body if isinstance(item, ast.AnnAssign)}
        elif isinstance(node, ast.FunctionDef):
            typed[node.name] = None
        elif isinstance(node, ast.AnnAssign):
            typed[node.target.id] = None
    stopwatch = typed.pop("Stopwatch")
    assert set(typed) == {name for name in vars(_core) if not name.startswith("__")}
    for name, members in typed.items():
        if members is not None:
            assert members == {member for member in vars(getattr(_core, name)) if not member.startswith("__")}
    assert stopwatch <= set(vars(type(betapool.Controller().task())))


# python -m betapool


def test_info_is_readable():
    process = command("info")
    assert process.returncode == 0 and process.stderr == ""
    for expected in (betapool.__version__, betapool.get_library(), "adaptive", "free-threaded" if FREE_THREADED else "with the GIL"):
        assert expected in process.stdout


def test_info_for_programs():
    found = json.loads(command("info", "--json").stdout)
    assert found["version"] == betapool.__version__
    assert found["library"] == betapool.get_library()
    assert found["policies"] == ["fixed", "paper", "paper-io", "adaptive"]
    assert found["gil"] is not FREE_THREADED
    assert found["cores"] > 0
    assert found["memory"] is None or found["memory"] > 1 << 20
    assert found["threads"] is None or found["threads"] > 1


def test_info_tells_of_another_distribution_with_this_import_name(tmp_path):
    (tmp_path / "betapool-1.0.2.dist-info").mkdir()
    (tmp_path / "betapool-1.0.2.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: betapool\nVersion: 1.0.2\n")
    found = json.loads(command("info", "--json", path=tmp_path).stdout)
    assert found["clash"] == "1.0.2"
    assert "pip uninstall betapool betapool-native" in found["verdict"]


def test_evaluate_without_the_evaluation_names_its_extra(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "betapool")
    process = subprocess.run(
        [sys.executable, "-m", "betapool", "evaluate", "--quick"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1 and process.stderr.startswith("error: ")
    assert "pip install betapool-native[evaluate]" in process.stderr


def test_help_shows_examples():
    process = command("--help")
    assert process.returncode == 0
    assert "examples:" in process.stdout and "python -m betapool info --json" in process.stdout


@pytest.mark.parametrize("arguments", [("nonsense",), ("info", "--nonsense")])
def test_wrong_arguments_are_refused_in_one_line(arguments):
    process = command(*arguments)
    assert process.returncode == 2
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ") and "nonsense" in line


def test_without_a_command_the_usage_is_shown():
    process = command()
    assert process.returncode == 2 and process.stderr.startswith("usage: python -m betapool")
