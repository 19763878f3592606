"""The benchmark of the executor: its benches, its peers, and the whole of it with little to do."""

import json
import sys

import pytest
from conftest import outcome, stopped

from evaluation import children, executor, interpreters, peer_pools
from evaluation.benches import BENCHES, Sizes
from evaluation.children import PACKAGE_PARENT, DidNotFinish
from evaluation.peers import EVERYTHING, LACKS, PEERS
from evaluation.results import BenchCell, Results

SETTING = {"iterations_per_second": 4e7, "digest_bytes_per_second": 1e9, "port": None}
TINY = Sizes(tasks=100, queued=5000, threads=8, seconds=0.01)
AT_HAND = [name for name, peer in PEERS.items() if peer.package is None]


def bench(name, peer, packages=PACKAGE_PARENT):
    request = {"bench": name, "peer": peer, "sizes": TINY, "setting": SETTING}
    return children.call(sys.executable, "bench", request, 40.0, packages)


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_gives_its_figures(name):
    for peer in ("tpe", "adaptive"):
        values = bench(name, peer)
        assert values.keys() == BENCHES[name].figures.keys()
        assert name == "thread-memory" or all(value > 0 for value in values.values()), (peer, values)  # few threads may take no page


@pytest.mark.parametrize("peer", AT_HAND)
def test_a_peer_does_what_it_is_said_to_do(peer):
    can = PEERS[peer].can
    pool = peer_pools.make(peer, 2, 2)
    try:
        seen = []
        pool.run(lambda: seen.append(1), 50)
        assert len(seen) == 50, "run() returns when all calls have ended"
        if "map" in can:
            assert pool.map(abs, range(-9, 1)) == list(range(9, -1, -1))
        if "result" in can:
            assert pool.result(pool.submit(divmod, 7, 4)) == (1, 3)
        if "futures" in can:
            assert pool.submit(int).result(5) == 0
            assert hasattr(pool.executor, "submit")
    finally:
        pool.close()


def test_a_figure_of_tasks_is_about_right():
    """32 threads that sleep 1 ms for each task: 32,000 tasks a second at most."""
    assert 1000 < bench("sleep-1ms", "fixed")["rate"] <= 32_000


def test_what_a_task_keeps_in_memory_is_seen():
    assert 20 < bench("queued-memory", "tpe")["queued"] < 10_000


def test_the_reference_is_not_mistaken_for_this_project():
    with pytest.raises(DidNotFinish, match="the reference is betapool"):
        bench("bulk-1", "reference")


def test_a_peer_that_is_not_there_says_so():
    with pytest.raises(DidNotFinish, match="No module named 'fastthreadpool'"):
        bench("bulk-1", "fastthreadpool")


def test_needs_and_abilities_have_words():
    assert {each.needs for each in BENCHES.values()} <= EVERYTHING
    assert all(peer.can <= LACKS.keys() for peer in PEERS.values())


def test_who_cannot_do_a_bench_is_left_out_in_words():
    plan = executor.Plan(["map", "wait", "ping-pong"], ["tpe", "multiprocessing", "joblib"], 1, TINY)
    assert executor.refusals(plan) == [
        "mp ThreadPool gives no concurrent.futures.Future: left out of wait",
        "joblib gives no concurrent.futures.Future: left out of wait",
        "joblib gives no handle to wait for a single call: left out of ping-pong",
    ]
    there = dict.fromkeys(plan.peers, PACKAGE_PARENT)
    assert plan.peers_of("wait", there) == ["tpe"]
    assert plan.peers_of("map", there) == ["tpe", "multiprocessing", "joblib"]


def test_who_cannot_be_installed_is_left_out_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("BETAPOOL_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # pip finds nothing then
    python = interpreters.describe(sys.executable, PACKAGE_PARENT)
    there, [missing] = executor.folders(python, ["tpe", "joblib"], PACKAGE_PARENT)
    assert there == {"tpe": PACKAGE_PARENT}
    assert missing.startswith(f"Python {python.name}, joblib left out: pip could not install joblib==")


@pytest.mark.timeout(120)
def test_a_run_and_its_tables_again(tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    options = ["--quick", "--only", "bulk-1,wait", "--peers", "fixed", "--pythons", sys.executable, "--rounds", "2", "--json", str(file)]
    assert executor.main(options) == 0
    shown = capsys.readouterr().out
    assert "submit 5,000 and take results, 1 worker" in shown
    assert "x)" in shown, "a ratio"
    cells = list(Results(file, BenchCell).outcomes)
    turns = [(cell.peer, cell.round) for cell in cells if cell.bench == "wait"]
    assert turns == [("tpe", 1), ("fixed", 1), ("fixed", 2), ("tpe", 2)]
    assert [set(json.loads(line)) & {"run", "cell"} for line in file.read_text().splitlines()] == [{"run"}, *[{"cell"}] * 8]

    assert executor.main(["--from", str(file), "--markdown"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("**ThreadPoolExecutor → betapool fixed**")
    assert "| wait() for 5,000, 4 workers: tasks/s | " in text


@pytest.mark.timeout(120)
def test_ctrl_c_keeps_what_was_measured(tmp_path):
    file = tmp_path / "results.jsonl"
    options = ["--quick", "--only", "ping-pong", "--peers", "fixed", "--pythons", sys.executable, "--rounds", "1000"]
    shown, _ = stopped("evaluation.executor", options, file)
    assert "submit one and take its result, median: us ↓" in shown
    assert len(Results(file, BenchCell).outcomes) >= 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nap"], "there is no 'nap'; there are bulk-1, bulk-4"),
        (["--peers", "tbb"], "there is no 'tbb'; there are tpe, fixed"),
        (["--rounds", "0"], "0 is not from 1 to 100000"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        executor.main(arguments)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error


def test_only_a_file_of_this_benchmark_is_shown(tmp_path, results):
    with pytest.raises(SystemExit, match=r"none\.jsonl has no results of this benchmark: name the --json file of a run"):
        executor.main(["--from", str(tmp_path / "none.jsonl")])
    results.add(outcome("fixed", 8))
    with pytest.raises(SystemExit, match=r"line 2, is not of this harness"):
        executor.main(["--from", str(results.path)])
