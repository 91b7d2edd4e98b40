"""Calls and relays as Prometheus metrics. Needs the extra ``datalayer[prometheus]``."""

from __future__ import annotations

import math

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from datalayer.telemetry.events import CallEvent, RelayEvent

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class PrometheusObserver:
    """Counts calls, seconds, rows, errors, and the pool's size and queue; what relays settled and what they owe.

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
        pair = ("primary", "secondary")
        self._settled = Counter("datalayer_relay_settled", "Outbox entries settled.", pair, registry=registry)
        self._failed = Counter("datalayer_relay_failed", "Outbox entries refused.", pair, registry=registry)
        self._entries = Gauge("datalayer_outbox_entries", "Outbox entries that wait.", pair, registry=registry)
        self._dead = Gauge("datalayer_outbox_dead_letters", "Outbox entries given up.", pair, registry=registry)
        self._held = Gauge("datalayer_outbox_held_deletes", "Deletes held for an operator.", pair, registry=registry)
        self._lag = Gauge("datalayer_outbox_lag_seconds", "Age of the oldest entry.", pair, registry=registry)

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

    def relayed(self, event: RelayEvent) -> None:
        """Count a relay's report; what is not known is not a number."""
        pair = (event.primary, event.secondary)
        self._settled.labels(*pair).inc(event.settled)
        self._failed.labels(*pair).inc(event.failed)
        for gauge, value in (
            (self._entries, event.entries),
            (self._dead, event.dead),
            (self._held, event.held),
            (self._lag, event.lag_seconds),
        ):
            gauge.labels(*pair).set(math.nan if value is None else value)
