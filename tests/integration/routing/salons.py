"""Pairs of stores with the salon's tables, and ways to look whether they are equal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.waiting import until

from datalayer import DataLayer, DualHealth, GivenSettings, Mode, Settings, StoreKind
from datalayer.layer.opening import open_store_for
from datalayer.layer.pairs import open_links, pace_of
from datalayer.layer.schema import DOMAIN
from datalayer.outbox.capture import postgres as postgres_capture
from datalayer.outbox.capture import supabase as supabase_capture
from datalayer.query import Row, Select, asc
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer, postgrest_for_tests

CLIENT: Mapping[str, Any] = {"yclients_id": 1, "company_id": 1, "phone": "+79990000001", "name": "Анна"}


def led_by(pair: Mapping[str, Any], leader: StoreKind, **more: Any) -> Settings:
    """Make settings for SQLite and PostgreSQL with one of the two as the primary."""
    return GivenSettings(**pair, use_repository_pattern=leader is StoreKind.POSTGRES, **more)


async def supabase_pair(supabase: PostgrestServer, postgres: PostgresPlace, **more: Any) -> dict[str, Any]:
    """Prepare both stores, empty, and return the settings that name them."""
    await empty(supabase.dsn)
    await install(postgres.dsn)
    return {
        "database_url": postgres.dsn,
        "supabase_url": supabase.url,
        "supabase_service_role_key": supabase.service_key,
        "enable_dual_write": True,
        **more,
    }


@asynccontextmanager
async def serving(servers: FoundServer, template: str, *, script: bool) -> AsyncIterator[PostgrestServer]:
    """Serve a copy of a database as Supabase does, with the script or without it."""
    with (
        servers.fresh_database(template=template) as dsn,
        PostgrestServer(dsn, binary=postgrest_for_tests()) as server,
    ):
        if script:
            store = await PostgresStore.open(dsn)
            await supabase_capture.install(store)
            await store.close()
            server.reload_schema()
        yield server


@asynccontextmanager
async def postgres_of(pair: Mapping[str, Any]) -> AsyncIterator[PostgresStore]:
    """Lend the store itself, as anybody can have it."""
    store = await PostgresStore.open(pair["database_url"])
    try:
        yield store
    finally:
        await store.close()


async def install(dsn: str, *tables: str) -> None:
    """Put capture into a PostgreSQL database; on all tables unless some are named."""
    store = await PostgresStore.open(dsn)
    await postgres_capture.install(store, tables or None)
    await store.close()


async def uninstall(dsn: str) -> None:
    """Take capture out again."""
    store = await PostgresStore.open(dsn)
    await postgres_capture.uninstall(store)
    await store.close()


async def empty(dsn: str) -> None:
    """Delete all rows, those of the bookkeeping included, and leave the identity."""
    names = ["reminders", *(kind.table for kind in DOMAIN), "datalayer_outbox", "datalayer_ledger"]
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        for name in names:
            cursor = await connection.execute("select to_regclass(%s)", [name])
            row = await cursor.fetchone()
            if row is not None and row[0] is not None:
                await connection.execute(f"delete from {name}".encode())


async def settled(layer: DataLayer) -> bool:
    """Whether the other store lacks nothing."""
    health = await layer.health_check()
    assert isinstance(health, DualHealth)
    return health.entries == 0


async def put_client(settings: Settings) -> None:
    """Have a client in both stores."""
    async with DataLayer.open(settings) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))


async def rows(store: Store, table: str) -> list[Row]:
    """Return a table by its key."""
    key = (await store.catalog()).tables[table].primary_key
    return await store.select(Select(table, order=tuple(map(asc, key))))


async def assert_equal(settings: Settings, mode: Mode, *tables: str) -> None:
    """Both stores of a mode have the same rows, and some."""
    assert mode.secondary is not None
    stores = [await open_store_for(kind, settings, ()) for kind in (mode.primary, mode.secondary)]
    try:
        for table in tables:
            ours, theirs = [await rows(store, table) for store in stores]
            assert ours == theirs
            assert ours
    finally:
        for store in stores:
            await store.close()


async def carry(settings: Settings) -> None:
    """Do what `datalayer relay --once` does."""
    async with open_links(settings) as links:
        for link in links:
            await link.relay(pace_of(settings)).drain()


async def client_names(pair: Mapping[str, Any]) -> list[str]:
    """Return the names of the clients that PostgreSQL has."""
    async with postgres_of(pair) as store:
        return [row["name"] for row in await rows(store, "clients")]
