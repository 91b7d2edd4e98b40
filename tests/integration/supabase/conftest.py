"""A PostgREST on a database of its own, with tables that the behaviour suite has no use for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from tests.integration.supabase.proxy import FaultyProxy

from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.supabase import SupabaseStore
from datalayer.testing.servers import FoundServer

DDL = """
create type mood as enum ('calm', 'glad');
create table notes (id integer primary key, word text, number integer);
create table log (line integer);
create table odd (
    id integer generated always as identity primary key,
    span interval,
    feeling mood,
    feelings mood[],
    address inet,
    plain json,
    documents jsonb[],
    amounts numeric[],
    zero double precision,
    twice integer generated always as (2) stored
);
create table named (id integer primary key, "a"" b" text, "*" text);
create table pairs (a integer, b text, c integer, primary key (a, b), unique (c, b));
"""


@pytest.fixture(scope="session")
def rest(datalayer_postgres: FoundServer) -> Iterator[PostgrestServer]:
    """Lend a PostgREST with the usual cap of 1,000 rows."""
    with datalayer_postgres.fresh_postgrest(DDL) as server:
        yield server


@pytest.fixture
def database(rest: PostgrestServer) -> Iterator[psycopg.Connection]:
    """Lend the back door, with empty tables."""
    with psycopg.connect(rest.dsn, autocommit=True) as connection:
        connection.execute("truncate notes, log, odd, named, pairs")
        yield connection


@pytest.fixture
async def store(rest: PostgrestServer, database: psycopg.Connection) -> AsyncIterator[SupabaseStore]:
    """Lend a store on empty tables."""
    opened = await SupabaseStore.open(rest.url, rest.service_key)
    yield opened
    await opened.close()


@pytest.fixture
async def proxy(rest: PostgrestServer, database: psycopg.Connection) -> AsyncIterator[FaultyProxy]:
    """Lend a proxy before PostgREST."""
    async with FaultyProxy(rest.url) as standing:
        yield standing


@pytest.fixture
async def shaky(proxy: FaultyProxy, rest: PostgrestServer) -> AsyncIterator[SupabaseStore]:
    """Lend a store that reaches PostgREST through the proxy."""
    opened = await SupabaseStore.open(proxy.url, rest.service_key, timeout=5.0)
    proxy.seen.clear()
    yield opened
    await opened.close()
