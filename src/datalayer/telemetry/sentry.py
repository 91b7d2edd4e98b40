"""Calls in Sentry: a breadcrumb and a span each, and the errors that are not the caller's; dead letters of relays.

Needs an initialised SDK.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from datalayer import errors
from datalayer.errors import ConfigurationError
from datalayer.telemetry.events import CallEvent, RelayEvent

try:
    import sentry_sdk
except ModuleNotFoundError:
    raise ConfigurationError("Sentry's SDK is not installed: pip install 'datalayer[sentry]'") from None

#: What an application meets in its daily work and handles; everything else is worth an alert.
_EXPECTED = frozenset(
    kind.__name__
    for kind in (
        errors.UniqueViolationError,
        errors.ForeignKeyViolationError,
        errors.NotNullViolationError,
        errors.CheckViolationError,
        errors.UnfitValueError,
        errors.InvalidValueError,
        errors.BatchItemError,
        errors.UnsafeWriteError,
        errors.UnsupportedOperationError,
        errors.TransactionConflictError,
    )
)


class SentryObserver:
    """Tells Sentry of every call; silent while the application has not initialised the SDK.

    An error is sent as a message with the event's fields: the exception's own chain may hold the server's text, and
    that quotes row values.
    """

    def __init__(self) -> None:
        #: Held deletes by primary and secondary, as of the last report; changed by `relayed` alone.
        self._held: dict[tuple[str, str], int] = {}

    def __call__(self, event: CallEvent) -> None:
        """Report the call."""
        if not sentry_sdk.is_initialized():
            return
        title = " ".join(part for part in (event.store, event.operation, event.table) if part)
        data = {
            "db.system": event.store,
            "db.operation": event.operation,
            "db.collection.name": event.table,
            "rows": event.rows,
            "error": event.error,
        }
        sentry_sdk.add_breadcrumb(
            category="query",
            message=title,
            level="error" if event.error else "info",
            data={**data, "seconds": event.duration_seconds},
        )
        if sentry_sdk.get_current_span() is not None:
            _record_span(event, title, data)
        if event.error and event.error not in _EXPECTED:
            _capture(event, title)

    def relayed(self, event: RelayEvent) -> None:
        """Report new dead letters, and new deletes that wait for an operator."""
        if not sentry_sdk.is_initialized():
            return
        if event.buried:
            _capture_relay(event, "outbox entries are dead letters")
        between = (event.primary, event.secondary)
        if event.held is None:
            return
        if event.held > self._held.get(between, 0):
            _capture_relay(event, "deletes wait for an operator")
        self._held[between] = event.held


def _capture_relay(event: RelayEvent, what: str) -> None:
    with sentry_sdk.new_scope() as scope:
        scope.fingerprint = ["datalayer", "relay", event.primary, event.secondary, what]
        scope.set_tags({"primary": event.primary, "secondary": event.secondary})
        scope.set_context("relay", {"dead": event.dead, "held": event.held, "lag_seconds": event.lag_seconds})
        sentry_sdk.capture_message(f"{what}: {event.primary} to {event.secondary}", level="error")


def _record_span(event: CallEvent, title: str, data: dict[str, object]) -> None:
    end = time.time()
    span = sentry_sdk.start_span(
        op="db", name=title, start_timestamp=datetime.fromtimestamp(end - event.duration_seconds, UTC)
    )
    span.set_status("internal_error" if event.error else "ok")
    for name, value in data.items():
        span.set_data(name, value)
    span.finish(end_timestamp=datetime.fromtimestamp(end, UTC))


def _capture(event: CallEvent, title: str) -> None:
    with sentry_sdk.new_scope() as scope:
        scope.fingerprint = ["datalayer", event.store, event.operation, event.table, event.error or ""]
        scope.set_tags({"store": event.store, "operation": event.operation, "table": event.table})
        sentry_sdk.capture_message(f"{event.error}: {title}", level="error")
