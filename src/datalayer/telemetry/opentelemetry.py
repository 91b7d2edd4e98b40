"""Calls as OpenTelemetry spans and metrics, through the API only. Needs the extra ``datalayer[opentelemetry]``.

Names: OpenTelemetry semantic conventions for database client spans and metrics.
"""

from __future__ import annotations

import time

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import SpanKind, Status, StatusCode, TracerProvider, get_tracer

from datalayer.telemetry.events import CallEvent, RelayEvent

#: ``db.system.name`` of each store; PostgREST answers for a PostgreSQL.
_SYSTEMS = {"postgres": "postgresql", "supabase": "postgresql", "sqlite": "sqlite"}
_NANOSECONDS = 1_000_000_000


class OpenTelemetryObserver:
    """One client span and one duration per call, in the context the call was made in; metrics of relays.

    Args:
        tracer_provider: the global one when not given.
        meter_provider: likewise.
    """

    def __init__(
        self, *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
    ) -> None:
        self._tracer = get_tracer("datalayer", tracer_provider=tracer_provider)
        meter = get_meter("datalayer", meter_provider=meter_provider)
        self._seconds = meter.create_histogram(
            "db.client.operation.duration", unit="s", description="Wall time of a call to a store."
        )
        self._settled = meter.create_counter(
            "datalayer.relay.settled", unit="{entry}", description="Outbox entries settled."
        )
        self._failed = meter.create_counter(
            "datalayer.relay.failed", unit="{entry}", description="Outbox entries refused."
        )
        self._entries = meter.create_gauge(
            "datalayer.outbox.entries", unit="{entry}", description="Outbox entries that wait, by state."
        )
        self._lag = meter.create_gauge(
            "datalayer.outbox.lag", unit="s", description="Age of the oldest outbox entry that waits."
        )

    def __call__(self, event: CallEvent) -> None:
        """Record the call."""
        attributes: dict[str, str | int] = {
            "db.system.name": _SYSTEMS.get(event.store, event.store),
            "db.operation.name": event.operation,
            "datalayer.store": event.store,
        }
        if event.table:
            attributes["db.collection.name"] = event.table
        if event.error:
            attributes["error.type"] = event.error
        self._seconds.record(event.duration_seconds, attributes)
        end = time.time_ns()
        span = self._tracer.start_span(
            " ".join(part for part in (event.operation, event.table) if part),
            kind=SpanKind.CLIENT,
            attributes={**attributes, "db.response.returned_rows": event.rows},
            start_time=end - int(event.duration_seconds * _NANOSECONDS),
        )
        if event.error:
            span.set_status(Status(StatusCode.ERROR, event.error))
        span.end(end_time=end)

    def relayed(self, event: RelayEvent) -> None:
        """Record a relay's report; of what waits nothing while the outbox cannot be asked."""
        pair = {"datalayer.primary": event.primary, "datalayer.secondary": event.secondary}
        self._settled.add(event.settled, pair)
        self._failed.add(event.failed, pair)
        if event.entries is None or event.dead is None or event.held is None or event.lag_seconds is None:
            return
        live = event.entries - event.dead - event.held
        for state, number in (("live", live), ("dead", event.dead), ("held", event.held)):
            self._entries.set(number, {**pair, "datalayer.state": state})
        self._lag.set(event.lag_seconds, pair)
