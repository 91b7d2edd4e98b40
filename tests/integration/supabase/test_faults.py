"""Broken connections and gateways: what is repeated, what is not, and what is said."""

from __future__ import annotations

from time import perf_counter

import psycopg
import pytest
from tests.integration.supabase.proxy import Fault, FaultyProxy, Reaction, reply

from datalayer.errors import OutcomeUnknownError, StoreTimeoutError, UnavailableError
from datalayer.query import Count, Insert, Select, Update, col
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.supabase import SupabaseStore

ROW = {"id": 1, "word": "s3cret"}


def stored(database: psycopg.Connection) -> int:
    """Count the rows behind the store's back."""
    [count] = database.execute("select count(*) from notes").fetchone() or (0,)
    return int(count)


@pytest.mark.parametrize(
    "reaction", [Fault.CUT_REQUEST, Fault.CUT_ANSWER, reply(502), reply(503), reply(429, "Retry-After: 0")]
)
async def test_read_is_repeated(proxy: FaultyProxy, shaky: SupabaseStore, reaction: Reaction) -> None:
    """A lost or refused read is asked again, and the caller never knows."""
    proxy.script.extend([reaction, reaction])
    assert await shaky.count(Count("notes")) == 0
    assert len(proxy.seen) == 3


@pytest.mark.parametrize(
    "reaction",
    [Fault.CUT_REQUEST, Fault.CUT_ANSWER, *map(reply, (502, 503, 504, 521, 522, 523))],
)
async def test_write_whose_answer_is_lost_is_not_repeated(
    proxy: FaultyProxy, shaky: SupabaseStore, database: psycopg.Connection, reaction: Reaction
) -> None:
    """Nobody can tell whether it happened: the error says so, and how to go on."""
    proxy.script.append(reaction)
    with pytest.raises(OutcomeUnknownError, match="read the row") as caught:
        await shaky.insert(Insert("notes", [ROW]))
    assert (len(proxy.seen), caught.value.table, caught.value.retryable) == (1, "notes", False)
    assert stored(database) == (1 if reaction is Fault.CUT_ANSWER else 0)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 503])
async def test_refused_write_is_repeated_after_the_advised_wait(
    proxy: FaultyProxy, shaky: SupabaseStore, database: psycopg.Connection, status: int
) -> None:
    """The server said that it did nothing, and when to come back."""
    proxy.script.append(reply(status, "Retry-After: 1"))
    started = perf_counter()
    await shaky.insert(Insert("notes", [ROW]))
    assert 1.0 <= perf_counter() - started < 3.0
    assert (len(proxy.seen), stored(database)) == (2, 1)


async def test_advice_to_wait_beyond_the_deadline_ends_the_call(proxy: FaultyProxy, shaky: SupabaseStore) -> None:
    """There is no use in sleeping until it is too late."""
    proxy.script.append(reply(503, "Retry-After: 60"))
    started = perf_counter()
    with pytest.raises(UnavailableError):
        await shaky.select(Select("notes"))
    assert perf_counter() - started < 1.0
    assert len(proxy.seen) == 1


async def test_repeats_end(proxy: FaultyProxy, shaky: SupabaseStore) -> None:
    """After four attempts the last error is the caller's, within the deadline in any case."""
    proxy.script.extend([reply(503)] * 10)
    with pytest.raises(UnavailableError):
        await shaky.select(Select("notes"))
    assert len(proxy.seen) == 4
    started = perf_counter()
    with pytest.raises((UnavailableError, StoreTimeoutError)):
        await shaky.select(Select("notes"), timeout=0.1)
    assert perf_counter() - started < 0.5


async def test_stalled_answer_ends_at_the_deadline(proxy: FaultyProxy, shaky: SupabaseStore) -> None:
    """A read timed out; a write may or may not have happened."""
    proxy.script.extend([Fault.STALL, Fault.STALL])
    with pytest.raises(StoreTimeoutError) as caught:
        await shaky.select(Select("notes"), timeout=0.2)
    assert caught.value.sqlstate == "57014"
    with pytest.raises(OutcomeUnknownError):
        await shaky.update(Update("notes", {"word": "x"}, col("id").eq(1)), timeout=0.2)
    assert await shaky.count(Count("notes")) == 0


async def test_stopped_server_is_unavailable_for_reads_writes_and_health(rest: PostgrestServer) -> None:
    """A refused connection is no lost write: nothing was sent."""
    with PostgrestServer(rest.dsn) as server:
        store = await SupabaseStore.open(server.url, server.service_key)
        assert (await store.health()).healthy
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await store.select(Select("notes"), timeout=2.0)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await store.insert(Insert("notes", [ROW]), timeout=2.0)
    health = await store.health()
    assert (health.healthy, health.error) == (False, "UnavailableError")
    await store.close()
