"""betapool.metrics without the libraries it is for: python/tests/clients has the tests with them."""

import re

import pytest
from conftest import PROJECT, run_python

import betapool
from betapool import metrics


@pytest.mark.parametrize(
    ("call", "library", "extra"),
    [
        ("PrometheusCollector(pool)", "prometheus_client", "prometheus"),
        ("instrument(pool)", "opentelemetry.metrics", "opentelemetry"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(call, library, extra):
    process = run_python(
        f"import sys\nsys.modules[{library!r}] = None\nimport betapool.metrics\n"
        f"pool = betapool.AdaptiveThreadPoolExecutor()\nbetapool.metrics.{call}"
    )
    assert process.returncode == 1
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ") and library.partition(".")[0] in last
    assert last.endswith(f"pip install betapool-native[{extra}]")


def test_importing_betapool_imports_nothing_of_it():
    process = run_python(
        "import sys, betapool\nassert 'betapool.metrics' not in sys.modules\nimport betapool.metrics\n"
        "print([name for name in sys.modules if name.startswith(('prometheus', 'opentelemetry'))])"
    )
    assert (process.returncode, process.stdout.strip()) == (0, "[]"), process.stderr


def test_every_number_of_stats_is_reported():
    fields = [field for metric in metrics._METRICS for field in metric.fields.values()]
    fields += [times.field for times in metrics._TIMES]
    assert len(fields) == len(set(fields))
    # 'holds' is what the other actions leave over of 'decisions'.
    assert {*fields, "policy", "wait_states", "decisions"} - {"holds"} == set(betapool.PoolStats._fields)


def test_the_readme_names_every_metric():
    readme = (PROJECT / "README.md").read_text()
    section = readme.partition("## Watching a pool")[2].partition("\n## ")[0]
    for metric in metrics._METRICS:
        suffix = "_total" if metric.kind == "counter" else ""
        assert re.search(rf"`{metric.prometheus}{suffix}[`{{]", section), metric.prometheus
        assert f"`{metric.opentelemetry}`" in section
    for times in metrics._TIMES:
        assert f"`{times.prometheus}`" in section and f"`{times.opentelemetry}`" in section
