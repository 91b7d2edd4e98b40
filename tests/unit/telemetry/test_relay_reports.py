"""A relay's reports in the sinks that count."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from prometheus_client import CollectorRegistry

from datalayer.telemetry import RelayEvent, RelayObserver, notify_relay
from datalayer.telemetry.logs import LogObserver
from datalayer.telemetry.opentelemetry import OpenTelemetryObserver
from datalayer.telemetry.prometheus import PrometheusObserver

WELL = RelayEvent("supabase", "postgres", settled=7, applied=5, entries=3, lag_seconds=1.5, duration_seconds=5.0)
ILL = replace(WELL, failed=2, buried=1, dead=1, held=1, error="UnavailableError")
UNKNOWN = replace(WELL, entries=None, dead=None, held=None, lag_seconds=None, error="UnavailableError")
PAIR = {"primary": "supabase", "secondary": "postgres"}


def test_prometheus_adds_what_was_settled_and_shows_what_waits() -> None:
    """Counters grow by each report, gauges follow the latest one."""
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    observer.relayed(WELL)
    observer.relayed(replace(ILL, lag_seconds=9.0))
    expected = {
        "datalayer_relay_settled_total": 14,
        "datalayer_relay_failed_total": 2,
        "datalayer_outbox_entries": 3,
        "datalayer_outbox_dead_letters": 1,
        "datalayer_outbox_held_deletes": 1,
        "datalayer_outbox_lag_seconds": 9.0,
    }
    assert {name: registry.get_sample_value(name, PAIR) for name in expected} == expected


def test_opentelemetry_tells_entries_by_state_and_the_lag() -> None:
    """What waits is one gauge by state, and the lag has its unit."""
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    OpenTelemetryObserver(meter_provider=meters).relayed(ILL)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    meters.shutdown()
    states = {
        str((point.attributes or {})["datalayer.state"]): point.value
        for point in metrics["datalayer.outbox.entries"].data.data_points
        if isinstance(point, NumberDataPoint)
    }
    assert states == {"live": 1, "dead": 1, "held": 1}
    assert metrics["datalayer.outbox.lag"].unit == "s"


def test_the_log_warns_of_trouble_and_is_silent_when_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    """Failures, dead letters and held deletes are warnings with numbers; a good report is said on request alone."""
    with caplog.at_level(logging.INFO, logger="datalayer.relay"):
        LogObserver().relayed(WELL)
        assert caplog.records == []
        LogObserver(every_call=True).relayed(WELL)
        LogObserver().relayed(ILL)
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "dead=1 held=1" in caplog.records[1].message


def test_what_nobody_could_be_asked_is_unknown_in_every_sink(caplog: pytest.LogCaptureFixture) -> None:
    """An outbox that cannot be asked may owe anything: no sink says 0, nor what was true before."""
    registry, reader = CollectorRegistry(), InMemoryMetricReader()
    meters = MeterProvider([reader], shutdown_on_exit=False)
    sinks: list[RelayObserver] = [
        PrometheusObserver(registry), OpenTelemetryObserver(meter_provider=meters), LogObserver()
    ]  # fmt: skip
    with caplog.at_level(logging.INFO, logger="datalayer.relay"):
        notify_relay(sinks, UNKNOWN)
    assert math.isnan(registry.get_sample_value("datalayer_outbox_lag_seconds", PAIR) or 0.0)
    assert math.isnan(registry.get_sample_value("datalayer_outbox_entries", PAIR) or 0.0)
    data = reader.get_metrics_data()
    meters.shutdown()
    assert data is not None
    told = {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert not told & {"datalayer.outbox.entries", "datalayer.outbox.lag"}
    assert "entries=unknown dead=unknown held=unknown lag_seconds=unknown" in caplog.text


def test_the_log_names_one_of_the_failures(caplog: pytest.LogCaptureFixture) -> None:
    """Where something failed the line says what."""
    LogObserver().relayed(replace(ILL, failure="clients: CheckViolationError: small"))
    assert caplog.messages[0].endswith("failure=clients: CheckViolationError: small")


def test_a_failing_observer_does_not_keep_others_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    """What an observer raises is logged; the relay goes on."""

    class Fails:
        def relayed(self, event: RelayEvent) -> None:
            raise RuntimeError("no")

    registry = CollectorRegistry()
    counts: RelayObserver = PrometheusObserver(registry)
    with caplog.at_level(logging.ERROR):
        notify_relay([Fails(), counts], WELL)
    assert registry.get_sample_value("datalayer_relay_settled_total", PAIR) == 7
    assert "RuntimeError" in caplog.text
