"""OpenTelemetry: what a reader collects of pools is what their stats() say, all of one moment."""

import gc
import itertools

import pytest

from betapool import AdaptiveThreadPoolExecutor
from betapool.metrics import instrument

sdk = pytest.importorskip("opentelemetry.sdk.metrics")
export = pytest.importorskip("opentelemetry.sdk.metrics.export")


@pytest.fixture
def reader():
    return export.InMemoryMetricReader()


@pytest.fixture
def meter(reader):
    provider = sdk.MeterProvider([reader])
    yield provider.get_meter("test")
    provider.shutdown()


def collect(reader):
    """{name: {attributes: value}} of our metrics, without the prefix; each name is there once. Some versions of the SDK add their own."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    found = {}
    for metric in (metric for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics):
        prefix, _, name = metric.name.partition(".")
        if prefix != "betapool":
            continue
        assert name not in found
        found[name] = {tuple(sorted(point.attributes.items())): point.value for point in metric.data.data_points}
    return {name: points for name, points in found.items() if points}


def of(executor, **attributes):
    name = {"betapool.pool.name": executor._thread_name_prefix}
    return tuple(sorted({**name, **{f"betapool.{key.replace('_', '.')}": value for key, value in attributes.items()}}.items()))


def test_a_collection_agrees_with_stats(executor, meter, reader):
    instrument(executor, meter)
    list(executor.map(pow, range(200), [2] * 200))
    stats = found = None
    while stats != executor.stats():  # until nothing has happened meanwhile
        stats = executor.stats()
        found = collect(reader)
    expected = {
        "thread.count": stats.threads,
        "thread.idle": stats.idle_threads,
        "thread.target": stats.target_threads,
        "thread.min": stats.min_threads,
        "thread.max": stats.max_threads,
        "thread.surplus": stats.surplus_threads,
        "thread.started": stats.threads_started,
        "thread.retired": stats.threads_retired,
        "thread.failures": stats.spawn_failures,
        "queue.length": stats.queue_length,
        "task.running": stats.running,
        "task.submitted": stats.submitted,
        "task.completed": stats.completed,
        "task.cancelled": stats.cancelled,
        "cpu.time": stats.cpu_time,
        "busy.time": stats.busy_time,
        "beta": stats.beta,
        "beta_ewma": stats.beta_ewma,
        "beta_io": stats.beta_io,
    }
    for name, value in expected.items():
        assert found.get(name, {}) == ({} if value is None else {of(executor): value}), name
    assert stats.completed == 200
    holds = stats.decisions - stats.scale_ups - stats.scale_downs - stats.vetoes
    actions = {"scale_up": stats.scale_ups, "scale_down": stats.scale_downs, "veto": stats.vetoes, "hold": holds}
    assert found["decision.count"] == {of(executor, decision_action=action): count for action, count in actions.items()}
    busy = {"running": stats.running_threads, "contending": stats.contending_threads, "waiting": stats.waiting_threads}
    known = {of(executor, thread_state=state): value for state, value in busy.items() if value is not None}
    assert found.get("thread.busy", {}) == known
    assert set(found) <= {*expected, "decision.count", "thread.busy"}


def test_times_are_quantiles_of_those_pools_that_have_them(executor, meter, reader):
    with AdaptiveThreadPoolExecutor(2, "timed", timing=True) as timed:
        instrument(executor, meter)
        instrument(timed, meter)
        list(timed.map(pow, range(300), [2] * 300))
        times, found = timed.stats().run_time, collect(reader)
    expected = {of(timed, task_quantile=quantile): times.percentile(100 * quantile) for quantile in (0.5, 0.9, 0.99, 1.0)}
    assert found["task.run_time"] == expected and times.tasks == 300
    assert len(found["task.queue_time"]) == 4


def test_a_collection_asks_each_pool_once(meter, reader):
    class Counting(AdaptiveThreadPoolExecutor):
        asked = 0

        def stats(self):
            self.asked += 1
            return super().stats()

    with Counting(2, "counting") as executor:
        instrument(executor, meter)
        for times in range(1, 4):
            found = collect(reader)
            assert executor.asked == times
            assert found["thread.max"] == {of(executor): 2}


def test_units_and_kinds(executor, meter, reader):
    instrument(executor, meter)
    metrics = reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics
    kinds = {metric.name: (metric.unit, getattr(metric.data, "is_monotonic", None)) for metric in metrics if metric.data.data_points}
    assert kinds["betapool.thread.count"] == ("{thread}", False)
    assert kinds["betapool.task.completed"] == ("{task}", True)
    assert kinds["betapool.cpu.time"] == ("s", True)
    assert kinds["betapool.beta_ewma"] == ("1", None)


def test_what_is_unknown_stopped_or_gone_is_not_reported(executor, meter, reader):
    dropped = AdaptiveThreadPoolExecutor(2)
    stop = instrument(executor, meter)
    instrument(dropped, meter)
    found = collect(reader)
    assert executor.stats().beta is None and "beta" not in found
    assert set(found["thread.count"]) == {of(executor), of(dropped)}
    stop()
    assert set(collect(reader)["thread.count"]) == {of(dropped)}
    stop()  # has no effect
    instrument(executor, meter)
    del dropped
    gc.collect()
    assert set(collect(reader)["thread.count"]) == {of(executor)}


def test_pools_have_names_of_their_own(meter, reader):
    with AdaptiveThreadPoolExecutor(2, "fetch") as fetch, AdaptiveThreadPoolExecutor(3, "fetch") as other:
        instrument(fetch, meter)
        with pytest.raises(ValueError, match="a pool named 'fetch' is watched already"):
            instrument(other, meter)
        instrument(other, meter, name="other")
        names = [dict(attributes)["betapool.pool.name"] for attributes in collect(reader)["thread.max"]]
        assert sorted(names) == ["fetch", "other"]


def test_the_global_meter_provider_is_the_default(executor, reader):
    from opentelemetry import metrics

    stop = instrument(executor)  # before there is a provider: the instruments come to life with it
    provider = sdk.MeterProvider([reader])
    metrics.set_meter_provider(provider)
    with AdaptiveThreadPoolExecutor(2) as second:
        stops = [stop, instrument(second)]
        assert set(collect(reader)["thread.count"]) == {of(executor), of(second)}
        for end, left in zip(stops, itertools.count(1, -1)):
            end()
            assert len(collect(reader).get("thread.count", {})) == left
    provider.shutdown()
