"""The relay over PostgREST, and while servers are away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from tests.integration.outbox.pairs import DDL, QUICK, TABLES, Pair, joined, put_owners
from tests.integration.supabase.proxy import Fault, FaultyProxy, Reaction, reply

from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.queue import Outbox
from datalayer.query import Delete, Insert, Select, Update, col
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.testing.servers import FoundServer, postgrest_for_tests


@pytest.fixture(scope="module")
def rest(datalayer_postgres: FoundServer) -> Iterator[PostgrestServer]:
    """Lend a PostgREST before a database with the tables."""
    binary = postgrest_for_tests()
    with datalayer_postgres.fresh_database() as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(DDL.encode())
        with PostgrestServer(dsn, binary=binary) as server:
            yield server


@pytest.fixture
async def proxy(rest: PostgrestServer) -> AsyncIterator[FaultyProxy]:
    """Lend a proxy before PostgREST."""
    async with FaultyProxy(rest.url) as standing:
        yield standing


@pytest.fixture
async def pair(rest: PostgrestServer, proxy: FaultyProxy, datalayer_database: str) -> AsyncIterator[Pair]:
    """Lend a pair whose primary is reached through the proxy."""
    back = await PostgresStore.open(rest.dsn, max_size=2)
    async with back.connection() as connection:
        await connection.execute("truncate owners, pets, keys")
    await capture.install(back, TABLES)
    async with back.connection() as connection:
        await connection.execute("delete from datalayer_outbox")
    await back.close()
    await asyncio.to_thread(rest.reload_schema)
    with psycopg.connect(datalayer_database, autocommit=True) as door:
        door.execute(DDL.encode())
    secondary = await PostgresStore.open(datalayer_database, max_size=4)
    await capture.install(secondary, ())
    primary = await SupabaseStore.open(proxy.url, rest.service_key, timeout=5.0)
    yield await joined(primary, secondary)
    await primary.close()
    await secondary.close()


async def test_writes_arrive_from_behind_postgrest(pair: Pair) -> None:
    """Outbox, rows and settling go over HTTP; batches, composite keys and deletes end equal."""
    await put_owners(pair.primary, range(700))
    keys = [{"kind": kind, "number": number} for kind in ("a", "b,c", 'd"e') for number in range(30)]
    await pair.primary.insert(Insert("keys", keys, returning=False))
    await pair.primary.update(Update("owners", {"note": "x"}, col("id").lt(20)))
    await pair.primary.delete(Delete("keys", col("number").gte(20)))
    event = await pair.relay().drain()
    assert (event.entries, event.failed, event.error) == (0, 0, None)
    await pair.assert_equal()


async def test_two_relays_share_an_outbox_behind_postgrest(pair: Pair) -> None:
    """Each entry is settled by one of them, and none is lost between their claims."""
    await put_owners(pair.primary, range(300))
    events = await asyncio.gather(*(pair.relay(batch=20).drain() for _ in range(2)))
    assert sum(event.settled for event in events) == 300
    await pair.assert_equal()


@pytest.mark.parametrize("fault", [Fault.CUT_REQUEST, Fault.CUT_ANSWER, Fault.HALF_ANSWER, reply(502)])
async def test_lost_answers_lose_nothing(pair: Pair, proxy: FaultyProxy, fault: Reaction) -> None:
    """Whichever of a relay's requests has no answer, what it stood for is done by the next one or after the lease."""
    await put_owners(pair.primary, range(20))
    whole = len(proxy.seen)
    await pair.relay(lease_seconds=0.05).drain()
    requests = len(proxy.seen) - whole
    assert requests > 4
    for place in range(requests):
        await pair.primary.update(Update("owners", {"note": str(place)}, every_row=True))
        proxy.script.extend([None] * place + [fault])
        await pair.relay(lease_seconds=0.05).drain()
        proxy.script.clear()
        await asyncio.sleep(0.06)
        await pair.settle(lease_seconds=0.05)
        await pair.assert_equal()


async def test_a_report_says_unknown_where_the_outbox_cannot_be_asked(pair: Pair, proxy: FaultyProxy) -> None:
    """While the primary is away nobody knows what is owed, which is not nothing."""
    await put_owners(pair.primary, range(3))
    relay = pair.relay()
    await pair.primary.close()
    event = await relay.drain()
    assert (event.entries, event.dead, event.held, event.lag_seconds) == (None, None, None, None)
    assert event.error == "UnavailableError"


async def test_an_outage_of_the_secondary_is_waited_out(pair: Pair, datalayer_postgres: FoundServer) -> None:
    """While nobody can connect to the secondary entries wait without a try; afterwards they arrive."""
    assert isinstance(pair.secondary, PostgresStore)
    async with pair.secondary.connection() as connection:
        database = connection.info.dbname
    relay = pair.relay()
    running = asyncio.create_task(relay.run())
    with psycopg.connect(datalayer_postgres.dsn, autocommit=True) as admin:
        admin.execute(f'alter database "{database}" with allow_connections false'.encode())
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database])
        await put_owners(pair.primary, range(5))
        await asyncio.sleep(QUICK.longest_trouble_seconds * 4)
        waiting = await Outbox(pair.primary).entries()
        assert [entry.tries for entry in waiting] == [0] * 5
        admin.execute(f'alter database "{database}" with allow_connections true'.encode())
    relay.stop()
    await running
    await pair.settle(lease_seconds=0.05)
    assert len(await pair.secondary.select(Select("owners"))) == 5
    await pair.assert_equal()
