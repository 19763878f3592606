"""Prometheus: what a scrape over HTTP says of pools is what their stats() say."""

import gc
import urllib.request

import pytest

from betapool import AdaptiveThreadPoolExecutor
from betapool.metrics import PrometheusCollector

prometheus_client = pytest.importorskip("prometheus_client")
parser = pytest.importorskip("prometheus_client.parser")


@pytest.fixture
def registry():
    return prometheus_client.CollectorRegistry(auto_describe=True)


@pytest.fixture
def scrape(registry):
    """A function that asks a server for the metrics: {name: {labels: value}}, the labels sorted."""
    server, thread = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)

    def ask():
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        found = {}
        for family in parser.text_string_to_metric_families(text):
            for sample in family.samples:
                series = found.setdefault(sample.name, {})
                labels = tuple(sorted(sample.labels.items()))
                assert labels not in series
                series[labels] = sample.value
        return found

    yield ask
    server.shutdown()
    server.server_close()
    thread.join(20)


def of(executor, **labels):
    return tuple(sorted({"pool": executor._thread_name_prefix, **labels}.items()))


def test_a_scrape_agrees_with_stats(executor, registry, scrape):
    PrometheusCollector(executor, registry=registry)
    list(executor.map(pow, range(200), [2] * 200))
    stats = found = None
    while stats != executor.stats():  # until nothing has happened meanwhile
        stats = executor.stats()
        found = scrape()
    expected = {
        "threads": stats.threads,
        "threads_idle": stats.idle_threads,
        "threads_target": stats.target_threads,
        "threads_min": stats.min_threads,
        "threads_max": stats.max_threads,
        "threads_surplus": stats.surplus_threads,
        "threads_started_total": stats.threads_started,
        "threads_retired_total": stats.threads_retired,
        "spawn_failures_total": stats.spawn_failures,
        "queue_length": stats.queue_length,
        "tasks_running": stats.running,
        "tasks_submitted_total": stats.submitted,
        "tasks_completed_total": stats.completed,
        "tasks_cancelled_total": stats.cancelled,
        "cpu_seconds_total": stats.cpu_time,
        "busy_seconds_total": stats.busy_time,
        "beta": stats.beta,
        "beta_ewma": stats.beta_ewma,
        "beta_io": stats.beta_io,
    }
    for name, value in expected.items():
        assert found.get(f"betapool_{name}", {}) == ({} if value is None else {of(executor): value}), name
    assert stats.completed == 200
    holds = stats.decisions - stats.scale_ups - stats.scale_downs - stats.vetoes
    actions = {"scale_up": stats.scale_ups, "scale_down": stats.scale_downs, "veto": stats.vetoes, "hold": holds}
    assert found["betapool_decisions_total"] == {of(executor, action=action): count for action, count in actions.items()}
    busy = {"running": stats.running_threads, "contending": stats.contending_threads, "waiting": stats.waiting_threads}
    known = {of(executor, state=state): value for state, value in busy.items() if value is not None}
    assert found.get("betapool_threads_busy", {}) == known
    assert set(found) <= {f"betapool_{name}" for name in (*expected, "decisions_total", "threads_busy")}


def test_times_are_histograms_of_those_pools_that_have_them(executor, registry, scrape):
    with AdaptiveThreadPoolExecutor(2, "timed", timing=True) as timed:
        PrometheusCollector(executor, timed, registry=registry)
        list(timed.map(pow, range(300), [2] * 300))
        list(executor.map(pow, range(300), [2] * 300))
        times, found = timed.stats().run_time, scrape()
    assert found["betapool_task_run_seconds_count"] == found["betapool_task_queue_seconds_count"] == {of(timed): 300}
    assert found["betapool_task_run_seconds_sum"] == {of(timed): times.total}
    buckets = {dict(labels)["le"]: count for labels, count in found["betapool_task_run_seconds_bucket"].items()}
    counts = list(buckets.values())
    assert counts == sorted(counts) and buckets["+Inf"] == 300
    assert buckets["0.25"] == sum(tasks for end, tasks in times.buckets if end <= 0.25)


def test_nothing_is_said_of_what_is_unknown(executor, registry, scrape):
    PrometheusCollector(executor, registry=registry)
    assert executor.stats().beta is None
    found = scrape()
    assert found["betapool_threads"] == {of(executor): 0}
    assert not {"betapool_beta", "betapool_beta_io", "betapool_threads_busy", "betapool_threads_surplus"} & set(found)


def test_pools_have_names_of_their_own(registry, scrape):
    with AdaptiveThreadPoolExecutor(2, "fetch") as fetch, AdaptiveThreadPoolExecutor(3, "parse") as parse:
        collector = PrometheusCollector(fetch, registry=registry)
        collector.add(parse, "parser")
        assert scrape()["betapool_threads_max"] == {(("pool", "fetch"),): 2, (("pool", "parser"),): 3}
        with AdaptiveThreadPoolExecutor(4, "fetch") as again:
            with pytest.raises(ValueError, match="a pool named 'fetch' is watched already"):
                collector.add(again)
            fetch.shutdown()
            collector.add(again)
            assert scrape()["betapool_threads_max"] == {(("pool", "fetch"),): 4, (("pool", "parser"),): 3}


def test_a_pool_that_is_gone_is_not_reported(executor, registry, scrape):
    dropped = AdaptiveThreadPoolExecutor(2)
    PrometheusCollector(executor, dropped, registry=registry)
    assert set(scrape()["betapool_threads"]) == {of(executor), of(dropped)}
    del dropped
    gc.collect()
    assert set(scrape()["betapool_threads"]) == {of(executor)}


def test_a_registry_takes_one_collector_and_gives_it_back(executor, registry, scrape):
    collector = PrometheusCollector(executor, registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        PrometheusCollector(executor, registry=registry)
    registry.unregister(collector)
    assert scrape() == {}
    PrometheusCollector(executor, registry=registry)
    assert "betapool_threads" in scrape()
