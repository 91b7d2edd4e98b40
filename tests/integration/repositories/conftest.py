"""The repositories over every store, with the package's own tables, emptied before each test."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from datalayer import migrations
from datalayer.query import Delete
from datalayer.repositories import RepositorySet
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.testing.servers import FoundServer, postgrest_for_tests

NOW = dt.datetime(2026, 11, 21, 12, 0, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Salon:
    """A store under test, and the store that migrates and empties the same tables."""

    store: Store
    door: PostgresStore | SqliteStore


@pytest.fixture(scope="session", params=["sqlite", "postgres", "supabase"])
async def salon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Salon]:
    """Lend a store that has the package's tables."""
    async with AsyncExitStack() as stack:
        if request.param == "sqlite":
            yield await _on_sqlite(tmp_path_factory.mktemp("repositories"), stack)
        else:
            server: FoundServer = request.getfixturevalue("datalayer_postgres")
            yield await _on_postgres(server.create_database(), stack, rest=request.param == "supabase")


async def _on_sqlite(directory: Path, stack: AsyncExitStack) -> Salon:
    door = await SqliteStore.open(directory / "salon.sqlite")
    stack.push_async_callback(door.close)
    await migrations.apply(door)
    return Salon(door, door)


async def _on_postgres(dsn: str, stack: AsyncExitStack, *, rest: bool) -> Salon:
    door = await PostgresStore.open(dsn)
    stack.push_async_callback(door.close)
    await migrations.apply(door)
    if not rest:
        return Salon(door, door)
    server = stack.enter_context(PostgrestServer(dsn, binary=postgrest_for_tests()))
    store = await SupabaseStore.open(server.url, server.service_key)
    stack.push_async_callback(store.close)
    return Salon(store, door)


@pytest.fixture(scope="session")
def store(salon: Salon) -> Store:
    """Lend the store under test."""
    return salon.store


@pytest.fixture
async def repositories(salon: Salon) -> RepositorySet:
    """Lend the repositories over empty tables, at noon of one day."""
    tables = (await salon.door.catalog()).tables.values()
    for table in sorted(tables, key=lambda table: not table.foreign_keys):
        if table.name != migrations.LEDGER_TABLE:
            await salon.door.delete(Delete(table.name, every_row=True))
    return RepositorySet(salon.store, clock=lambda: NOW)
