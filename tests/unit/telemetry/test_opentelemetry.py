"""The OpenTelemetry sink: spans and metrics through the real SDK into memory."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from tests.unit.telemetry.events import FAILED, GOOD, WITHOUT_TABLE

from datalayer.telemetry import CallEvent
from datalayer.telemetry.opentelemetry import OpenTelemetryObserver


def observe(*events: CallEvent) -> tuple[list[ReadableSpan], list[HistogramDataPoint]]:
    """Send events through the sink and collect what comes out."""
    exporter = InMemorySpanExporter()
    tracers = TracerProvider(shutdown_on_exit=False)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    observer = OpenTelemetryObserver(tracer_provider=tracers, meter_provider=meters)
    for event in events:
        observer(event)
    data = reader.get_metrics_data()
    assert data is not None
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit) == ("db.client.operation.duration", "s")
    points = [point for point in metric.data.data_points if isinstance(point, HistogramDataPoint)]
    meters.shutdown()
    tracers.shutdown()
    return list(exporter.get_finished_spans()), points


def test_opentelemetry_records_a_client_span_per_call() -> None:
    """A call is a span with the conventional attributes that lasted as long as the call."""
    (span,), _ = observe(GOOD)
    assert span.name == "select clients"
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == {
        "db.system.name": "postgresql",
        "db.operation.name": "select",
        "db.collection.name": "clients",
        "datalayer.store": "postgres",
        "db.response.returned_rows": 3,
    }
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time - span.start_time == pytest.approx(12_000_000)


def test_opentelemetry_marks_a_failed_call() -> None:
    """The span has error status and both signals name the class."""
    (span,), (point,) = observe(FAILED)
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "UnavailableError"
    assert (point.attributes or {})["error.type"] == "UnavailableError"


def test_opentelemetry_records_the_duration_metric() -> None:
    """Calls of one kind add up in one histogram."""
    _, (point,) = observe(GOOD, GOOD)
    assert point.count == 2
    assert point.sum == pytest.approx(0.024)


def test_opentelemetry_leaves_out_an_absent_table() -> None:
    """A call without a table has no empty attribute."""
    (span,), _ = observe(WITHOUT_TABLE)
    assert span.name == "transaction"
    assert "db.collection.name" not in (span.attributes or {})
