"""OpenTelemetry: the trace goes on in the calls that a span submits."""

import pytest
from conftest import on_our_thread

from betapool import AdaptiveThreadPoolExecutor

trace = pytest.importorskip("opentelemetry.trace")
sdk = pytest.importorskip("opentelemetry.sdk.trace")
threading_instrumentation = pytest.importorskip("opentelemetry.instrumentation.threading")


@pytest.fixture
def tracer():
    instrumentor = threading_instrumentation.ThreadingInstrumentor()
    instrumentor.instrument()
    yield sdk.TracerProvider().get_tracer("test")
    instrumentor.uninstrument()


def current_trace(_=None):
    return trace.get_current_span().get_span_context().trace_id, on_our_thread()


def test_the_trace_goes_on(tracer):
    with AdaptiveThreadPoolExecutor() as executor, tracer.start_as_current_span("root") as root:
        expected = root.get_span_context().trace_id, True
        assert executor.submit(current_trace).result() == expected
        assert list(executor.map(current_trace, range(20))) == [expected] * 20
    with AdaptiveThreadPoolExecutor() as executor:
        assert executor.submit(current_trace).result() == (0, True)
