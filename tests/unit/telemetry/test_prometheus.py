"""The Prometheus sink: names, labels and values in a registry of its own."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from tests.unit.telemetry.events import FAILED, GOOD, SLOW

from datalayer.telemetry.prometheus import PrometheusObserver


@pytest.fixture
def registry() -> CollectorRegistry:
    """Make an empty registry."""
    return CollectorRegistry()


def test_prometheus_counts_seconds_and_rows_by_store_operation_and_table(registry: CollectorRegistry) -> None:
    """Every call adds to the histogram of its store, operation and table."""
    observer = PrometheusObserver(registry)
    observer(GOOD)
    observer(GOOD)
    labels = {"store": "postgres", "operation": "select", "table": "clients"}
    assert registry.get_sample_value("datalayer_call_seconds_count", labels) == 2
    assert registry.get_sample_value("datalayer_call_seconds_sum", labels) == pytest.approx(0.024)
    assert registry.get_sample_value("datalayer_call_rows_total", labels) == 6


def test_prometheus_counts_errors_by_class(registry: CollectorRegistry) -> None:
    """A failed call counts under its error class, a good one under none."""
    observer = PrometheusObserver(registry)
    observer(GOOD)
    observer(FAILED)
    labels = {"store": "postgres", "operation": "upsert", "table": "clients", "error": "UnavailableError"}
    assert registry.get_sample_value("datalayer_call_errors_total", labels) == 1
    assert b"datalayer_call_errors_total" in generate_latest(registry)


def test_prometheus_shows_the_pool_where_there_is_one(registry: CollectorRegistry) -> None:
    """The gauges follow the latest call; a store without a pool has none."""
    observer = PrometheusObserver(registry)
    observer(GOOD)
    observer(SLOW)
    assert registry.get_sample_value("datalayer_pool_connections", {"store": "postgres"}) == 4
    assert registry.get_sample_value("datalayer_pool_waiting", {"store": "postgres"}) == 1
    assert registry.get_sample_value("datalayer_pool_connections", {"store": "supabase"}) is None
