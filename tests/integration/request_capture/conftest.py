"""Supabase as the primary without the script, reached through a faulty proxy; PostgreSQL that follows, over a line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from tests.integration.request_capture.line import Line
from tests.integration.request_capture.place import TABLES, Place
from tests.integration.supabase.proxy import FaultyProxy

from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.operations import OperationJournal
from datalayer.outbox.requests import RequestCapture
from datalayer.outbox.spool import Spool
from datalayer.routing.request_capture import RequestCaptureStore, key_lookup
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.testing.servers import FoundServer

REQUEST_SECONDS = 0.5


@pytest.fixture(scope="session")
def primary_rest(datalayer_postgres: FoundServer) -> Iterator[PostgrestServer]:
    """Lend a PostgREST on a database with the tables."""
    with datalayer_postgres.fresh_postgrest(TABLES) as server:
        yield server


@pytest.fixture
async def place(primary_rest: PostgrestServer, datalayer_database: str, tmp_path: Path) -> AsyncIterator[Place]:
    """Lend both stores with everything between them."""
    with psycopg.connect(primary_rest.dsn, autocommit=True) as connection:
        connection.execute("truncate parents, children, notes restart identity cascade")
    with psycopg.connect(datalayer_database, autocommit=True) as connection:
        connection.execute(TABLES)
    async with FaultyProxy(primary_rest.url) as proxy, Line(datalayer_database) as line:
        following = await PostgresStore.open(line.dsn, timeout=2.0)
        await capture.install(following, [])
        supabase = await SupabaseStore.open(proxy.url, primary_rest.service_key, timeout=REQUEST_SECONDS)
        proxy.seen.clear()
        spool = await Spool.open(tmp_path / "spool.sqlite3", proxy.url)

        async def reach() -> PostgresStore:
            return following

        requests = RequestCapture(OperationJournal(reach), key_lookup(supabase), spool=spool, lifetime_seconds=0.2)
        store = RequestCaptureStore(supabase, requests, timeout=REQUEST_SECONDS)
        yield Place(
            store,
            supabase,
            following,
            requests,
            spool,
            proxy,
            line,
            tmp_path / "spool.sqlite3",
            primary_rest.dsn,
            datalayer_database,
        )
        await spool.close()
        await store.close()
        await following.close()
