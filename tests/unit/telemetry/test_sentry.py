"""The Sentry sink: breadcrumbs, spans and error messages through the real SDK into a transport that keeps them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from tests.unit.telemetry.events import FAILED, GOOD, REFUSED

from datalayer.telemetry import RelayEvent
from datalayer.telemetry.sentry import SentryObserver


class KeepingTransport(Transport):
    """Keeps what the SDK would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep the events of an envelope."""
        self.sent.extend(item.payload.json for item in envelope.items if item.payload.json)


@pytest.fixture
def transport() -> Iterator[KeepingTransport]:
    """Initialise the SDK for one test, and shut it down again."""
    transport = KeepingTransport()
    with sentry_sdk.isolation_scope() as scope:
        scope.clear_breadcrumbs()
        sentry_sdk.get_global_scope().clear_breadcrumbs()
        sentry_sdk.init(
            dsn="https://public@localhost/1",
            transport=transport,
            traces_sample_rate=1.0,
            default_integrations=False,
            auto_enabling_integrations=False,
            auto_session_tracking=False,
        )
        yield transport
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.get_global_scope().set_client(None)


def test_sentry_is_left_alone_when_not_initialised() -> None:
    """An application without Sentry notices nothing."""
    assert not sentry_sdk.is_initialized()
    SentryObserver()(FAILED)
    assert not sentry_sdk.is_initialized()


def test_sentry_captures_an_error_with_its_breadcrumbs(transport: KeepingTransport) -> None:
    """An outage becomes one event that carries the calls before it."""
    observer = SentryObserver()
    observer(GOOD)
    observer(FAILED)
    (event,) = transport.sent
    assert event["message"] == "UnavailableError: postgres upsert clients"
    assert event["level"] == "error"
    assert event["fingerprint"] == ["datalayer", "postgres", "upsert", "clients", "UnavailableError"]
    assert event["tags"] == {"store": "postgres", "operation": "upsert", "table": "clients"}
    crumbs = event["breadcrumbs"]["values"]
    assert [(crumb["message"], crumb["level"]) for crumb in crumbs] == [
        ("postgres select clients", "info"),
        ("postgres upsert clients", "error"),
    ]
    assert crumbs[0]["data"]["rows"] == 3
    assert crumbs[0]["data"]["seconds"] == GOOD.duration_seconds


def test_sentry_captures_no_error_that_the_caller_handles(transport: KeepingTransport) -> None:
    """A duplicate key is the application's daily work, not an alert."""
    SentryObserver()(REFUSED)
    assert transport.sent == []


def test_sentry_records_a_span_with_the_call_duration(transport: KeepingTransport) -> None:
    """Inside a trace each call is a database span that started when the call did."""
    with sentry_sdk.start_transaction(name="request"):
        SentryObserver()(GOOD)
    (transaction,) = transport.sent
    (span,) = transaction["spans"]
    assert span["op"] == "db"
    assert span["description"] == "postgres select clients"
    assert span["status"] == "ok"
    assert span["data"]["db.collection.name"] == "clients"


def test_sentry_marks_the_span_of_a_failed_call(transport: KeepingTransport) -> None:
    """A failed call is seen as failed in the trace."""
    with sentry_sdk.start_transaction(name="request"):
        SentryObserver()(FAILED)
    error, transaction = transport.sent
    assert error["message"].startswith("UnavailableError")
    assert transaction["spans"][0]["status"] == "internal_error"


def test_sentry_hears_of_dead_letters_and_of_held_deletes_once(transport: KeepingTransport) -> None:
    """A relay reports every few seconds: only what is new since the last report is an alert."""
    observer = SentryObserver()
    reports = [
        RelayEvent("supabase", "postgres", settled=7),
        RelayEvent("supabase", "postgres", failed=1, buried=1, dead=1),
        RelayEvent("supabase", "postgres", dead=1, held=3),
        RelayEvent("supabase", "postgres", dead=1, held=3),
        RelayEvent("supabase", "postgres", entries=None, dead=None, held=None, error="UnavailableError"),
        RelayEvent("supabase", "postgres", dead=1, held=3),
        RelayEvent("postgres", "supabase", held=1),
        RelayEvent("supabase", "postgres", dead=1, held=4),
        RelayEvent("supabase", "postgres", dead=1),
        RelayEvent("supabase", "postgres", dead=1, held=1),
    ]
    heard = []
    for report in reports:
        before = len(transport.sent)
        observer.relayed(report)
        heard.append([event["message"] for event in transport.sent[before:]])
    dead, held = "outbox entries are dead letters", "deletes wait for an operator"
    there, back = "supabase to postgres", "postgres to supabase"
    assert heard == [
        [],
        [f"{dead}: {there}"],
        [f"{held}: {there}"],
        [],
        [],
        [],
        [f"{held}: {back}"],
        [f"{held}: {there}"],
        [],
        [f"{held}: {there}"],
    ]
