"""The stores under test, each with what a test needs to do behind the store's back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.conninfo import make_conninfo
from tests.integration.behaviour.schema import DDL, EMPTY

from datalayer.query import Select, col
from datalayer.routing.routed_store import RoutedStore
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.telemetry import Observer

#: Nothing listens there: port 1 is reserved and needs privileges to bind.
_CLOSED = "127.0.0.1:1"


class Subject(Protocol):
    """A store on tables of its own, and a back door to the same database."""

    @property
    def store(self) -> Store:
        """The store, open."""

    async def empty(self) -> None:
        """Delete all rows of all tables."""

    async def open_another(self, *observers: Observer) -> Store:
        """Open a second store on the same tables."""

    async def open_away(self) -> Store:
        """Open a store whose server is not there."""

    async def define(self, statement: str) -> None:
        """Change schema or rows as another process would."""

    def writes_blocked(self) -> AbstractAsyncContextManager[None]:
        """Make every write to `things` wait."""

    def slow_select(self) -> AbstractAsyncContextManager[Select]:
        """Lend a question that takes longer than a second to answer."""

    async def close(self) -> None:
        """Close the store and the back door."""


class _OnPostgres:
    """What the two subjects on a PostgreSQL server share."""

    def __init__(self, store: Store, door: psycopg.AsyncConnection) -> None:
        self.store = store
        self._door = door

    async def empty(self) -> None:
        """Delete all rows of all tables."""
        await self._door.execute(EMPTY.encode())

    async def define(self, statement: str) -> None:
        """Change the schema behind the store's back."""
        await self._door.execute(statement.encode())

    @asynccontextmanager
    async def writes_blocked(self) -> AsyncIterator[None]:
        """Hold the whole table, so that reads wait too."""
        async with self._door.transaction(force_rollback=True):
            await self._door.execute("lock table things in access exclusive mode")
            yield
        # Locks are granted in turn: when this one is, whoever waited is done, also without its caller.
        async with self._door.transaction(force_rollback=True):
            await self._door.execute("lock table things in access exclusive mode")

    @asynccontextmanager
    async def slow_select(self) -> AsyncIterator[Select]:
        """Lend a question that takes longer than a second to answer."""
        async with self.writes_blocked():
            yield Select("things")

    async def close(self) -> None:
        """Close the store and the back door."""
        await self.store.close()
        await self._door.close()


class PostgresSubject(_OnPostgres):
    """PostgreSQL through psycopg."""

    store: PostgresStore

    @classmethod
    async def open(cls, dsn: str, *, copy_rows: int | None = None) -> PostgresSubject:
        """Make the tables and open the store; where given, writes of so many rows and more go by COPY."""
        opened = cls(await PostgresStore.open(dsn), await _prepared(dsn))
        if copy_rows is not None:
            opened.store.shared.copy_rows = copy_rows
        return opened

    async def open_another(self, *observers: Observer) -> Store:
        """Open a second store on the same tables, which writes as the first does."""
        another = await PostgresStore.open(self._dsn(), observers=observers)
        another.shared.copy_rows = self.store.shared.copy_rows
        return another

    async def open_away(self) -> Store:
        """Open a store whose server is not there."""
        return await PostgresStore.open(f"postgresql://nobody:s3cret@{_CLOSED}/nowhere", timeout=1.0)

    async def open_reader(self) -> Store:
        """Open a store that may read and not write."""
        return await PostgresStore.open(self._dsn(options="-c role=pg_read_all_data"))

    def _dsn(self, **changes: str) -> str:
        info = self._door.info
        return make_conninfo(**{**info.get_parameters(), "password": info.password, **changes})


class SupabaseSubject(_OnPostgres):
    """Supabase through a real PostgREST, which caps answers at 1,000 rows."""

    def __init__(self, store: Store, door: psycopg.AsyncConnection, server: PostgrestServer) -> None:
        super().__init__(store, door)
        self._server = server

    @classmethod
    async def open(cls, server: PostgrestServer) -> SupabaseSubject:
        """Make the tables and open the store."""
        door = await _prepared(server.dsn)
        await door.execute("grant select on things to anon")
        await asyncio.to_thread(server.reload_schema)
        return cls(await SupabaseStore.open(server.url, server.service_key), door, server)

    async def define(self, statement: str) -> None:
        """Change the schema behind the store's back; PostgREST is told, as Supabase tells it."""
        await super().define(statement)
        await asyncio.to_thread(self._server.reload_schema)

    async def open_another(self, *observers: Observer) -> Store:
        """Open a second store on the same tables."""
        return await SupabaseStore.open(self._server.url, self._server.service_key, observers=observers)

    async def open_away(self) -> Store:
        """Open a store whose server is not there."""
        return await SupabaseStore.open(f"http://{_CLOSED}", "s3cret", timeout=1.0)

    async def open_reader(self) -> Store:
        """Open a store that may read and not write."""
        return await SupabaseStore.open(self._server.url, self._server.anon_key)


class SqliteSubject:
    """SQLite on a file."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store = store
        self._path = path
        self._door = sqlite3.connect(path, isolation_level=None)

    @classmethod
    async def open(cls, directory: Path) -> SqliteSubject:
        """Make the tables and open the store."""
        path = directory / "behaviour.sqlite3"
        with sqlite3.connect(path) as connection:
            connection.executescript(DDL["sqlite"])
        connection.close()
        return cls(await SqliteStore.open(str(path)), path)

    async def empty(self) -> None:
        """Delete all rows of all tables."""
        self._door.executescript(EMPTY)

    async def define(self, statement: str) -> None:
        """Change the schema behind the store's back."""
        self._door.executescript(statement)

    async def open_another(self, *observers: Observer) -> Store:
        """Open a second store on the same tables."""
        return await SqliteStore.open(str(self._path), observers=observers)

    async def open_away(self) -> Store:
        """Open a store whose server is not there."""
        return await SqliteStore.open(str(self._path.parent / "no such directory" / "file.sqlite3"), timeout=1.0)

    @asynccontextmanager
    async def writes_blocked(self) -> AsyncIterator[None]:
        """Hold a lock that writes to `things` wait for."""
        self._door.execute("begin immediate")
        try:
            yield
        finally:
            self._door.execute("rollback")

    @asynccontextmanager
    async def slow_select(self) -> AsyncIterator[Select]:
        """Lend a question that takes longer than a second to answer."""
        yield Select("slow", where=col("filler").eq("x"))

    async def close(self) -> None:
        """Close the store and the back door."""
        await self.store.close()
        self._door.close()


class RoutedSubject:
    """Tables in two stores: what foreign keys join is in PostgreSQL, the rest in SQLite."""

    def __init__(self, postgres: PostgresSubject, sqlite: SqliteSubject) -> None:
        self._postgres = postgres
        self._sqlite = sqlite
        self.store: Store = _routed(postgres.store, sqlite.store)

    @classmethod
    async def open(cls, dsn: str, directory: Path) -> RoutedSubject:
        """Make all tables in both, so that one that is asked for in the wrong store is empty."""
        return cls(await PostgresSubject.open(dsn), await SqliteSubject.open(directory))

    async def empty(self) -> None:
        """Delete all rows of all tables."""
        await self._postgres.empty()
        await self._sqlite.empty()

    async def open_another(self, *observers: Observer) -> Store:
        """Open a second store on the same tables."""
        return _routed(await self._postgres.open_another(*observers), await self._sqlite.open_another(*observers))

    async def open_away(self) -> Store:
        """Open a store of which one server is not there."""
        return _routed(await self._postgres.open_away(), self._sqlite.store)

    async def define(self, statement: str) -> None:
        """Change schema or rows where the table is."""
        of_postgres = any(table in statement for table in _ROUTED)
        await (self._postgres if of_postgres else self._sqlite).define(statement)

    def writes_blocked(self) -> AbstractAsyncContextManager[None]:
        """Make every write to `things` wait."""
        return self._sqlite.writes_blocked()

    def slow_select(self) -> AbstractAsyncContextManager[Select]:
        """Lend a question that takes longer than a second to answer."""
        return self._sqlite.slow_select()

    async def close(self) -> None:
        """Close both stores and both back doors."""
        await self._postgres.close()
        await self._sqlite.close()


#: Tables of the routed subject whose primary is not its default store.
_ROUTED = ("people", "parents")


def _routed(postgres: Store, sqlite: Store) -> RoutedStore:
    return RoutedStore(sqlite, dict.fromkeys(_ROUTED, postgres))


async def _prepared(dsn: str) -> psycopg.AsyncConnection:
    door = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
    await door.execute(DDL["postgres"].encode())
    return door
