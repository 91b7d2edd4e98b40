"""What logs and error trackers hear of requests: never a filter's values."""

from __future__ import annotations

import logging

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.httpx import HttpxIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from datalayer.query import Count, Insert, Select, col
from datalayer.stores.supabase import SupabaseStore

SECRET = "79991234567"


async def ask(store: SupabaseStore) -> None:
    """Read, count, stream and change rows by a secret."""
    secret = col("word").eq(SECRET)
    await store.insert(Insert("notes", [{"id": 1, "word": SECRET}]))
    assert len(await store.select(Select("notes", secret))) == 1
    assert await store.count(Count("notes", secret)) == 1
    assert [row["id"] async for row in store.stream(Select("notes", secret))] == [1]


async def test_log_at_debug_holds_no_values(store: SupabaseStore, caplog: pytest.LogCaptureFixture) -> None:
    """Neither httpx's request line nor httpcore's headers, which quote the query too."""
    with caplog.at_level(logging.DEBUG):
        for name in ("httpx", "httpcore"):
            caplog.set_level(logging.DEBUG, logger=name)
        await ask(store)
    assert SECRET not in caplog.text


async def test_log_of_the_applications_own_requests_goes_on(
    store: SupabaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Also of those on the store's own pool, through supabase-py's client."""
    caplog.set_level(logging.INFO, logger="httpx")
    await store.client.table("notes").select("id").limit(1).execute()
    assert "select=id" in caplog.text


class _Sent(Transport):
    """Keeps what Sentry would send."""

    def __init__(self) -> None:
        super().__init__()
        self.envelopes: list[Envelope] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        """Keep one."""
        self.envelopes.append(envelope)


async def test_sentry_hears_no_values(store: SupabaseStore) -> None:
    """Its httpx integration tells URLs in breadcrumbs and spans; ours come without the query."""
    sent = _Sent()
    client = sentry_sdk.Client(
        dsn="https://key@sentry.invalid/1",
        transport=sent,
        traces_sample_rate=1.0,
        default_integrations=False,
        integrations=[HttpxIntegration(), LoggingIntegration(level=logging.DEBUG)],
    )
    with sentry_sdk.new_scope() as scope:
        scope.set_client(client)
        with sentry_sdk.start_transaction(name="work"):
            await ask(store)
        sentry_sdk.capture_message("look at the breadcrumbs")
    client.close()
    told = b"".join(envelope.serialize() for envelope in sent.envelopes)
    assert b"/notes" in told
    assert SECRET.encode() not in told
