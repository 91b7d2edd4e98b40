"""Calls as Prometheus metrics. Needs the extra ``datalayer[prometheus]``."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from datalayer.telemetry.events import CallEvent

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PrometheusObserver:
    """Counts calls, seconds, rows, errors, and the pool's size and queue.

    Args:
        registry: where the metrics are registered; a registry takes one observer, so share it between layers.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        labels = ("store", "operation", "table")
        self._seconds = Histogram(
            "datalayer_call_seconds", "Wall time of a call to a store.", labels, buckets=_BUCKETS, registry=registry
        )
        self._rows = Counter("datalayer_call_rows", "Rows returned or written.", labels, registry=registry)
        self._errors = Counter(
            "datalayer_call_errors", "Calls that failed, by class of error.", (*labels, "error"), registry=registry
        )
        self._pool_size = Gauge("datalayer_pool_connections", "Connections open.", ("store",), registry=registry)
        self._pool_waiting = Gauge(
            "datalayer_pool_waiting", "Calls waiting for a connection.", ("store",), registry=registry
        )

    def __call__(self, event: CallEvent) -> None:
        """Count the call."""
        labels = (event.store, event.operation, event.table)
        self._seconds.labels(*labels).observe(event.duration_seconds)
        self._rows.labels(*labels).inc(event.rows)
        if event.error:
            self._errors.labels(*labels, event.error).inc()
        if event.pool_size is not None:
            self._pool_size.labels(event.store).set(event.pool_size)
        if event.pool_waiting is not None:
            self._pool_waiting.labels(event.store).set(event.pool_waiting)
