"""What pools count, for Prometheus and OpenTelemetry: read from stats() when somebody asks, so that a pool pays nothing in between.

PrometheusCollector   a collector for prometheus_client
instrument            observable instruments of an OpenTelemetry meter

Both know a pool by its name, and by a weak reference: neither keeps it alive, and when it is gone it is no longer reported. What stats()
does not know is not reported either. `import betapool` does not import this module, and this module imports a library when it is used.
"""

from __future__ import annotations

import functools
import importlib
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from betapool._executor import AdaptiveThreadPoolExecutor
from betapool._records import PoolStats, Times

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation
    from prometheus_client.core import Metric
    from prometheus_client.registry import CollectorRegistry

__all__ = ["PrometheusCollector", "instrument"]


class _Metric(NamedTuple):
    prometheus: str
    """Without _total, which its library adds to counters."""
    opentelemetry: str
    kind: str
    """counter: only grows. sum: makes sense when added up over pools. gauge: does not."""
    unit: str
    """As UCUM has it. Seconds are named in the Prometheus name."""
    text: str
    fields: dict[str, str]
    """Fields of PoolStats by the value of the label; one field under the empty string if there is no label."""
    label: str = ""


def _single(field: str, prometheus: str, opentelemetry: str, kind: str, unit: str, text: str) -> _Metric:
    return _Metric(prometheus, opentelemetry, kind, unit, text, {"": field})


_BUSY = {"running": "running_threads", "contending": "contending_threads", "waiting": "waiting_threads"}
_ACTIONS = {"scale_up": "scale_ups", "scale_down": "scale_downs", "veto": "vetoes", "hold": "holds"}

_METRICS = (
    _single("threads", "threads", "thread.count", "sum", "{thread}", "Threads, those that are just starting among them."),
    _single("idle_threads", "threads_idle", "thread.idle", "sum", "{thread}", "Threads that have nothing to do."),
    _single("target_threads", "threads_target", "thread.target", "sum", "{thread}", "Threads that the controller allows."),
    _single("min_threads", "threads_min", "thread.min", "sum", "{thread}", "Threads below which the pool does not go."),
    _single("max_threads", "threads_max", "thread.max", "sum", "{thread}", "Threads above which the pool does not go."),
    _Metric("threads_busy", "thread.busy", "sum", "{thread}", "What busy threads did, a mean over the last interval.", _BUSY, "state"),
    _single("surplus_threads", "threads_surplus", "thread.surplus", "sum", "{thread}", "Threads that could leave without a loss."),
    _single("threads_started", "threads_started", "thread.started", "counter", "{thread}", "Threads started."),
    _single("threads_retired", "threads_retired", "thread.retired", "counter", "{thread}", "Threads that left."),
    _single("spawn_failures", "spawn_failures", "thread.failures", "counter", "{thread}", "Threads wanted that could not be had."),
    _single("queue_length", "queue_length", "queue.length", "sum", "{task}", "Tasks waiting for a thread."),
    _single("running", "tasks_running", "task.running", "sum", "{task}", "Tasks running."),
    _single("submitted", "tasks_submitted", "task.submitted", "counter", "{task}", "Tasks accepted."),
    _single("completed", "tasks_completed", "task.completed", "counter", "{task}", "Tasks run to their end."),
    _single("cancelled", "tasks_cancelled", "task.cancelled", "counter", "{task}", "Tasks given up before they ran."),
    _Metric("decisions", "decision.count", "counter", "{decision}", "Decisions of the controller.", _ACTIONS, "action"),
    _single("cpu_time", "cpu_seconds", "cpu.time", "counter", "s", "CPU time of the threads."),
    _single("busy_time", "busy_seconds", "busy.time", "counter", "s", "Time that threads were not idle, summed over them."),
    _single("beta", "beta", "beta", "gauge", "1", "Blocking ratio of the last interval."),
    _single("beta_ewma", "beta_ewma", "beta_ewma", "gauge", "1", "Exponentially weighted mean of the blocking ratio."),
    _single("beta_io", "beta_io", "beta_io", "gauge", "1", "Share of busy threads that wait for I/O and not for each other."),
)


class _Times(NamedTuple):
    """A histogram, for pools that have `timing`. OpenTelemetry has none that is read when somebody asks: there it is a few quantiles."""

    prometheus: str
    opentelemetry: str
    text: str
    field: str


_TIMES = (
    _Times("task_queue_seconds", "task.queue_time", "How long calls waited from submit() until they began.", "queue_time"),
    _Times("task_run_seconds", "task.run_time", "How long calls ran.", "run_time"),
)
_BOUNDS = tuple(2.0**power for power in range(-16, 9))
"""Seconds: 15 microseconds to 256 s. The buckets of Times end there, among others, so that none is cut."""
_QUANTILES = (0.5, 0.9, 0.99, 1.0)


def _cumulated(times: Times) -> list[tuple[str, float]]:
    """How many calls took at most as long as each bound says, and in the end all of them."""
    counts = [sum(tasks for end, tasks in times.buckets if end <= bound) for bound in _BOUNDS]
    return [*((str(bound), float(count)) for bound, count in zip(_BOUNDS, counts)), ("+Inf", float(times.tasks))]


def _values(metric: _Metric, stats: PoolStats) -> Iterator[tuple[str, float]]:
    """What is known of a metric, by the value of its label."""
    for value, field in metric.fields.items():
        if field == "holds":  # what the other actions leave over
            yield value, stats.decisions - stats.scale_ups - stats.scale_downs - stats.vetoes
        elif (figure := getattr(stats, field)) is not None:
            yield value, figure


class _Pools:
    """The pools that are watched, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._references: dict[str, weakref.ref[AdaptiveThreadPoolExecutor]] = {}

    def add(self, pool: AdaptiveThreadPoolExecutor, name: str | None) -> Callable[[], None]:
        """Returns a function that takes it out again."""
        name = pool._thread_name_prefix if name is None else name
        reference = weakref.ref(pool)
        with self._lock:
            known = self._references.get(name, lambda: None)()
            # A pool that was shut down makes room for the next of its name, even while something still refers to it.
            if known is not None and known is not pool and not known._shutdown:
                raise ValueError(f"a pool named {name!r} is watched already: give this one another name=")
            self._references[name] = reference
        return functools.partial(self._remove, name, reference)

    def _remove(self, name: str, reference: weakref.ref[AdaptiveThreadPoolExecutor]) -> None:
        with self._lock:
            if self._references.get(name) is reference:
                del self._references[name]

    def stats(self) -> list[tuple[str, PoolStats]]:
        with self._lock:
            pools = {name: reference() for name, reference in self._references.items()}
            for name in [name for name, pool in pools.items() if pool is None]:
                del self._references[name]
        return [(name, pool.stats()) for name, pool in pools.items() if pool is not None]


def _library(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{name} cannot be imported ({error}): pip install betapool-native[{extra}]") from None


class PrometheusCollector:
    """Reports pools to Prometheus, as betapool_threads{pool="..."} and so on. It registers itself, as the library's own collectors do.

    pools      those to report; add() takes more. Each is called by its thread_name_prefix
    registry   where to register; default prometheus_client.REGISTRY
    """

    def __init__(self, *pools: AdaptiveThreadPoolExecutor, registry: CollectorRegistry | None = None) -> None:
        self._core = _library("prometheus_client.core", "prometheus")
        self._pools = _Pools()
        for pool in pools:
            self.add(pool)
        (self._core.REGISTRY if registry is None else registry).register(self)

    def add(self, pool: AdaptiveThreadPoolExecutor, name: str | None = None) -> None:
        """Reports one more pool. ValueError if another is called so: by default a pool is called by its thread_name_prefix."""
        self._pools.add(pool, name)

    def describe(self) -> Iterable[Metric]:
        """The metrics without figures: a registry compares their names with those it has."""
        return [*map(self._family, _METRICS), *map(self._histogram, _TIMES)]

    def collect(self) -> Iterable[Metric]:
        """The metrics. Called by a registry at each scrape."""
        pools = self._pools.stats()
        for metric in _METRICS:
            family = self._family(metric)
            for name, stats in pools:
                for value, figure in _values(metric, stats):
                    family.add_metric([name, value] if metric.label else [name], figure)
            yield family
        for times in _TIMES:
            histogram = self._histogram(times)
            for name, stats in pools:
                if (found := getattr(stats, times.field)) is not None:
                    histogram.add_metric([name], _cumulated(found), found.total)
            yield histogram

    def _histogram(self, times: _Times) -> Any:
        return self._core.HistogramMetricFamily(f"betapool_{times.prometheus}", times.text, labels=["pool"])

    def _family(self, metric: _Metric) -> Any:
        make = self._core.CounterMetricFamily if metric.kind == "counter" else self._core.GaugeMetricFamily
        return make(f"betapool_{metric.prometheus}", metric.text, labels=["pool", metric.label] if metric.label else ["pool"])


class _Instruments:
    """The instruments of one meter, which are there once for all of its pools: a meter cannot give one back."""

    def __init__(self, meter: Meter, api: Any) -> None:
        self.pools = _Pools()
        self._observation = api.Observation
        self._lock = threading.Lock()
        self._unread: set[str] = set()
        self._stats: list[tuple[str, PoolStats]] = []
        makers = {
            "counter": meter.create_observable_counter,
            "sum": meter.create_observable_up_down_counter,
            "gauge": meter.create_observable_gauge,
        }
        for metric in _METRICS:
            callback = functools.partial(self._observe, metric)
            makers[metric.kind](f"betapool.{metric.opentelemetry}", callbacks=[callback], unit=metric.unit, description=metric.text)
        for times in _TIMES:
            name, callback = f"betapool.{times.opentelemetry}", functools.partial(self._observe_times, times)
            meter.create_observable_gauge(name, callbacks=[callback], unit="s", description=times.text)

    def _observe_times(self, times: _Times, options: CallbackOptions) -> list[Observation]:
        observations = []
        for name, stats in self._collected(times.opentelemetry):
            found = getattr(stats, times.field)
            for quantile in _QUANTILES if found is not None and found.tasks else ():
                label = {"betapool.pool.name": name, "betapool.task.quantile": quantile}
                observations.append(self._observation(found.percentile(100 * quantile), label))
        return observations

    def _observe(self, metric: _Metric, options: CallbackOptions) -> list[Observation]:
        observations = []
        for name, stats in self._collected(metric.opentelemetry):
            for value, figure in _values(metric, stats):
                label = {f"betapool.{metric.opentelemetry.partition('.')[0]}.{metric.label}": value} if metric.label else {}
                observations.append(self._observation(figure, {"betapool.pool.name": name, **label}))
        return observations

    def _collected(self, instrument: str) -> list[tuple[str, PoolStats]]:
        """The pools' figures, the same for all instruments of a collection. An instrument that asks again belongs to the next one."""
        with self._lock:
            if instrument not in self._unread:
                self._stats = self.pools.stats()
                self._unread = {metric.opentelemetry for metric in (*_METRICS, *_TIMES)}
            self._unread.discard(instrument)
            return self._stats


_lock = threading.Lock()
_instruments: weakref.WeakKeyDictionary[Meter, _Instruments] = weakref.WeakKeyDictionary()
_default_meter: Meter | None = None


def instrument(pool: AdaptiveThreadPoolExecutor, meter: Meter | None = None, *, name: str | None = None) -> Callable[[], None]:
    """Reports a pool to OpenTelemetry, as betapool.thread.count and so on. Returns a function that ends it.

    meter   whose instruments observe the pool; default one of the global meter provider
    name    the attribute betapool.pool.name; default the pool's thread_name_prefix. ValueError if another pool of the meter is called so
    """
    global _default_meter
    api = _library("opentelemetry.metrics", "opentelemetry")
    with _lock:
        if meter is None:
            # Kept, for the API may make a new one at each call, and each would have instruments of its own.
            _default_meter = meter = _default_meter or api.get_meter("betapool")
        instruments = _instruments.get(meter)
        if instruments is None:
            instruments = _instruments[meter] = _Instruments(meter, api)
    return instruments.pools.add(pool, name)
