"""The benchmark of the native pool: its programs, its harness with little to do, and the arithmetic of its tables."""

import contextlib
import json
import os
import subprocess
import time

import psutil
import pytest
from conftest import outcome as outcome_of_another
from conftest import stopped
from rich.console import Console

from evaluation import children, native, native_programs
from evaluation.children import DidNotFinish
from evaluation.native_benches import NativeSizes, benches, chosen
from evaluation.native_peers import CONTROL, NATIVE_PEERS
from evaluation.native_programs import CONTROL_LIBRARY, FOLDER, Unavailable, answer, command_of, is_built, library_of
from evaluation.native_report import Report
from evaluation.native_summary import overall, standings
from evaluation.progress import Display
from evaluation.report import failures
from evaluation.results import NativeCell, Outcome, Results

BUILT = [peer for peer in NATIVE_PEERS if is_built(peer)]
CORES = sorted(os.sched_getaffinity(0))
TINY = NativeSizes(seconds=0.01, tasks=1000, counted=200, loads=3)
ROUND_TRIP = "round-trip-1"


@pytest.fixture(autouse=True)
def programs_are_built():
    assert {"betapool", "betapool-adaptive", "textbook"} <= set(BUILT), "make bench-programs builds them"


def program(peer, command, **options):
    said, _ = answer(command_of(peer, command, options))
    return said


def made(values, *, bench="idle-1-1", number=1, figure="rate", disturbed=False):
    """An outcome for each peer of `values`."""
    rates = {"cpu": 0.1, "voluntary": 0.0, "involuntary": 0.001} if figure == "rate" else {}
    return [
        Outcome(NativeCell(bench, peer, number), {**rates, figure: value}, None, 0.5, 0.0, 0.0, disturbed) for peer, value in values.items()
    ]


# ---- Programs ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("peer", BUILT)
def test_every_task_is_run_and_counted(peer):
    for workers, batch in ((1, 1), (len(CORES), 64)):
        said = program(peer, "throughput", producers=3, workers=workers, batch=batch, tasks=1000, seconds=0)
        assert said["repetitions"] == 1
        assert said["tasks"] == 3 * 334, "every producer's share, rounded up"
        assert said["seconds"] > 0


@pytest.mark.parametrize("peer", BUILT)
def test_a_round_trip_has_times(peer):
    said = program(peer, "roundtrip", seconds=0.01)
    assert 0 < said["p50"] <= said["p99"]
    assert said["trips"] > 0


@pytest.mark.parametrize("peer", BUILT)
def test_idle_workers_hold_memory(peer):
    try:
        assert 16 < program(peer, "rss", workers=16)["kilobytes"] < 10_000
    except Unavailable:
        assert peer == "dispatch"


def test_tasks_that_compute_take_as_long_as_they_are_said_to():
    """10,000 a second for one worker; a core may speed up after it was measured, but not by so much."""
    speed = native_programs.calibrate("betapool")
    [bench] = chosen(benches([0], speed, TINY), ["compute-100us"]).values()
    values = native_programs.measure("betapool", bench, library_of("betapool"), TINY)
    assert 0 < values["rate"] < 30_000
    assert values["cpu"] > 30, "100 seconds of CPU for a million, by the same token"


def test_who_cannot_have_so_many_workers_says_so():
    if "dispatch" not in BUILT:
        pytest.skip("libdispatch was not found when the programs were built")
    workers = len(CORES) + 2
    with pytest.raises(Unavailable, match="libdispatch has one worker"):
        program("dispatch", "throughput", workers=workers)
    wanted = {"idle": next(iter(benches(CORES, 1e9, TINY).values()))._replace(workers=workers)}
    assert list(native.refusals(["betapool", "dispatch"], wanted)) == [("dispatch", workers)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to measure: throughput, instructions"),
        (["sleep"], "say what to measure"),
        (["throughput", "--threads", "2"], "there is no option --threads"),
        (["throughput", "--workers", "none"], "--workers takes a number from 1 to 1024, not none"),
        (["throughput", "--workers", "0"], "not 0"),
        (["throughput", "--seconds"], "--seconds takes a number from 0 to 60, not nothing"),
    ],
)
def test_a_program_refuses_in_one_line(arguments, message):
    done = subprocess.run([FOLDER / "betapool", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


def test_a_program_that_does_not_end_is_ended():
    with pytest.raises(DidNotFinish, match=r"not within 0\.3 s"):
        answer(command_of("betapool", "burn", {}), limit=0.3)
    assert children.end_leftovers() == []


def test_loading_takes_time_and_memory():
    for library in (library_of("betapool"), CONTROL_LIBRARY):
        values = native_programs.load(library, 3)
        assert values["microseconds"] > 0, library
        assert values["kilobytes"] > 0, library


def test_what_cannot_be_loaded_says_so():
    with pytest.raises(DidNotFinish, match="undefined symbol: full"):
        native_programs.load(CONTROL_LIBRARY._replace(symbol="full"), 1)


def test_instructions_are_those_of_one_task():
    if not native_programs.has_valgrind():
        pytest.skip("valgrind was not found")
    bench = benches(CORES, 1e9, TINY)["instructions"]
    values = native_programs.measure("textbook", bench, library_of("textbook"), TINY._replace(counted=500))
    assert 30 < values["instructions"] < 30_000


def test_the_process_beside_computes_where_it_should_and_always_ends():
    with contextlib.suppress(ZeroDivisionError), native_programs.busy("betapool", CORES[-1]) as process:
        assert process.cpu_affinity() == [CORES[-1]]
        deadline = time.monotonic() + 30
        while sum(process.cpu_times()[:2]) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        raise ZeroDivisionError
    assert not psutil.pid_exists(process.pid)


# ---- The harness -------------------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(120)
def test_a_run_and_its_tables_again(tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    only = f"idle-1-1,loaded-1-1,{ROUND_TRIP},load"
    assert native.main(["--quick", "--only", only, "--peers", "betapool,textbook", "--rounds", "2", "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "loaded, geometric mean" in shown
    assert "submit one and wait for it, median, us ↓" in shown
    outcomes = Results(file, NativeCell).outcomes
    turns = [(cell.peer, cell.round) for cell in outcomes if cell.bench == ROUND_TRIP]
    assert turns == [("betapool", 1), ("textbook", 1), ("textbook", 2), ("betapool", 2)]
    assert {cell.peer for cell in outcomes if cell.bench == "load"} == {"betapool", CONTROL}
    assert all(each.failure is None for each in outcomes.values())
    assert [set(json.loads(line)) & {"run", "cell"} for line in file.read_text().splitlines()] == [{"run"}, *[{"cell"}] * 16]

    assert native.main(["--from", str(file), "--markdown"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("**Pools in C**\n\n|  | BetaPool | textbook |\n")
    assert "| ... on one core | " in text
    assert "| library, stripped, KB | " in text


@pytest.mark.timeout(120)
def test_ctrl_c_ends_the_process_beside(tmp_path):
    def burning(process):
        return [each for each in psutil.Process(process.pid).children() if "burn" in each.cmdline()]

    options = ["--quick", "--only", "loaded-1-1", "--peers", "betapool,textbook", "--rounds", "10000"]
    shown, beside = stopped("evaluation.native", options, tmp_path / "results.jsonl", burning)
    assert "loaded, geometric mean" in shown
    assert len(beside) == 1 and not beside[0].is_running()


def test_who_has_no_program_is_left_out_in_words(tmp_path, monkeypatch):
    (tmp_path / "textbook").symlink_to(FOLDER / "textbook")
    monkeypatch.setattr(native_programs, "FOLDER", tmp_path)
    there, [missing] = native_programs.who_takes_part(["textbook", "tbb"])
    assert list(there) == ["textbook"]
    assert missing == "oneTBB left out: its library was not found when `make bench-native` built the programs"


def test_who_fails_is_not_tried_again(tmp_path):
    gone = library_of("betapool")._replace(path=str(tmp_path / "gone.so"))
    plan = native.Plan(chosen(benches(CORES, 1e9, TINY), ["load"]), {"betapool": gone}, {}, 2, TINY, CORES[-1])
    results = Results(tmp_path / "results.jsonl", NativeCell)
    with Display(Console(quiet=True), plan.seconds, lambda outcomes: native.line(outcomes, plan)) as display:
        native.measure(plan, results, display)
    assert [(cell.peer, cell.round) for cell in results.outcomes] == [("betapool", 1), (CONTROL, 1), (CONTROL, 2)]
    [failure] = failures(results.outcomes.values())
    assert failure.startswith("BetaPool did not finish load: its process ended with code 1: ")
    assert "gone.so: cannot open shared object file" in failure


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nap"], "there is no 'nap'; there are idle, loaded, compute"),
        (["--peers", "tpe"], "there is no 'tpe'; there are betapool, betapool-adaptive, glib"),
        (["--rounds", "0"], "0 is not from 1 to 100000"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        native.main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_only_a_file_of_this_benchmark_is_shown(tmp_path, results):
    with pytest.raises(SystemExit, match=r"none\.jsonl has no results of this benchmark: name the --json file of a run"):
        native.main(["--from", str(tmp_path / "none.jsonl")])
    results.add(outcome_of_another("fixed", 8))
    with pytest.raises(SystemExit, match=r"line 2, is not of this harness"):
        native.main(["--from", str(results.path)])


# ---- Arithmetic --------------------------------------------------------------------------------------------------------------------


def test_a_ratio_is_to_the_best_that_is_not_ours_in_the_same_round():
    """The machine may be slower in one round than in another: of the medians it would be 1.0 here."""
    rounds = [
        {"betapool": 200.0, "betapool-adaptive": 900.0, "glib": 50.0, "tbb": 100.0},
        {"betapool": 30.0, "betapool-adaptive": 90.0, "glib": 20.0, "tbb": 10.0},
        {"betapool": 300.0, "betapool-adaptive": 900.0, "glib": 50.0, "tbb": 300.0},
    ]
    found = standings([each for number, values in enumerate(rounds) for each in made(values, number=number)], "rate", lower_is_better=False)
    assert found["betapool"].value == (200.0, 30.0, 300.0)
    assert found["betapool"].ratio == (1.5, 1.0, 2.0)
    assert found["glib"].ratio == (0.5, 50 / 300, 1.0)


def test_the_best_may_be_the_least():
    found = standings(made({"betapool": 3.0, "glib": 2.0, "tbb": 6.0}, figure="p50"), "p50", lower_is_better=True)
    assert {peer: each.ratio.median for peer, each in found.items()} == {"betapool": 1.5, "glib": 1.0, "tbb": 3.0}


def test_without_another_there_is_no_ratio():
    found = standings(made({"betapool": 3.0, "betapool-adaptive": 4.0, CONTROL: 1.0}, figure="p50"), "p50", lower_is_better=True)
    assert found["betapool"].value.median == 3.0
    assert [each.ratio for each in found.values()] == [None, None, None]


def test_over_a_grid_it_is_the_geometric_mean_and_the_worst():
    rounds = {"idle-1-1": [(400.0, 100.0), (900.0, 100.0)], "idle-1-2": [(100.0, 100.0), (25.0, 100.0)]}
    grid = {
        bench: standings(
            [each for number, (ours, theirs) in enumerate(values, 1) for each in made({"betapool": ours, "glib": theirs}, number=number)],
            "rate",
            lower_is_better=False,
        )
        for bench, values in rounds.items()
    }
    grid["idle-1-4"] = standings(made({"glib": 5.0, "tbb": 10.0}), "rate", lower_is_better=False)
    found = overall(grid)
    assert found["betapool"].mean == pytest.approx(((6.5 * 0.625) ** 0.5, 1.5, 2.0155644), rel=1e-6)
    assert (found["betapool"].worst, found["betapool"].where, found["betapool"].benches) == (0.625, "idle-1-2", 2)
    assert (found["glib"].worst, found["glib"].where, found["glib"].benches) == (0.5, "idle-1-4", 3)
    assert found["tbb"].mean == (1.0, 1.0, 1.0)
    assert "dispatch" not in found


@pytest.fixture
def report(tmp_path):
    """Of two rounds, in the second of which the machine is half as fast. One peer cannot do all."""
    results = Results(tmp_path / "results.jsonl", NativeCell)
    library = {"path": "a.so", "symbol": "a", "version": "1", "stripped": 2048}
    results.add_run(
        {
            "time": "2026-01-01 00:00:00 +0000",
            "machine": {"processor": "a processor", "cores": [0, 1], "memory": 2**30, "system": "Linux"},
            "iterations_per_second": 1e9,
            "rounds": 2,
            "sizes": TINY._asdict(),
            "libraries": {"betapool": library, "betapool-adaptive": library, "glib": library, "textbook": {**library, "stripped": 0}},
            "left_out": ["valgrind was not found"],
        }
    )
    for number, speed in ((1, 1.0), (2, 0.5)):
        for bench, ours in (("idle-1-1", 4e6), ("idle-2-4-batch", 1e6)):
            values = {"betapool": ours * speed, "betapool-adaptive": ours * speed / 2, "glib": 1e6 * speed}
            if bench == "idle-1-1":
                values["textbook"] = 2e6 * speed
            for each in made(values, bench=bench, number=number, disturbed=bench == "idle-1-1"):
                results.add(each)
    for bench, ours in (("compute-1us", 5e5), ("compute-100us", 1.5e4)):
        for each in made({"betapool": ours, "glib": 1e4}, bench=bench):
            results.add(each)
    results.add(Outcome(NativeCell("memory", "glib", 1), None, "not within 30 s", 0.5, 0.0, 0.0, False))
    return Report(results, benches([0, 1], 1e9, TINY))


def test_the_tables_say_what_was_measured(report):
    overview, idle, compute, memory, costs = report.tables()
    assert overview.rows == [
        ["idle, geometric mean", "1.41 *", "0.71 *", "0.71 *", "1.00 (1 of 2 cells) *"],
        ["idle, worst", "1.00x\n2p 4w batch", "0.50x\n2p 4w batch", "0.50x\n1p 1w", "1.00x\n1p 1w"],
    ]
    assert idle.head == ["", "BetaPool", "BetaPool adaptive", "GLib", "textbook"]
    assert idle.rows[0][:2] == ["1 producer, 1 worker, one by one: tasks/s", "3M (2.00x) *"]
    assert idle.rows[1][:2] == ["2 producers, 4 workers, 64 at a time: tasks/s", "750k (1.00x)"]
    assert [row[1] for row in compute.rows] == ["500k (50x)", "15k (1.50x)"]
    assert memory.rows == [["64 idle workers that have each run a task: memory of an idle worker, KB ↓", "-", "-", "-", "-"]]
    assert costs.rows[0][1] == "0.1 / 0 / 0.001"
    text = "\n".join(report.notes())
    assert "GLib did not finish memory: not within 30 s" in text
    assert "valgrind was not found" in text


def test_the_digest_has_a_row_for_what_is_known(report):
    assert {row[0]: row[1:] for row in report.digest().rows} == {
        "tasks/s, times the best of the others; machine idle": ["1.41 *", "0.71 *", "1.00 (1 of 2 cells) *"],
        "... its worst case": ["1.00x: 2p 4w batch", "0.50x: 1p 1w", "1.00x: 1p 1w"],
        "tasks/s of 1 / 10 / 100 us each": ["500k / - / 15k", "10k / - / 10k", "-"],
        "CPU of a million tasks, s": ["0.1", "0.1", "0.1"],
        "context switches per task": ["0.001", "0.001", "0.001"],
        "library, stripped, KB": ["2", "2", "-"],
    }
    assert "policy adaptive, which measures, has these times the tasks/s of fixed: 0.50 idle" in report.digest_notes()
