"""The two stores of a machine: as the library reaches them, and behind its back."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from tests.integration.machine.model import State, keyed
from tests.integration.machine.tables import POSTGRES, SQLITE, TABLES
from tests.integration.request_capture.line import Line
from tests.integration.supabase.proxy import FaultyProxy

from datalayer.layer.sequences import advance_keys
from datalayer.outbox.capture import postgres, sqlite, supabase
from datalayer.query import Row, Select
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.supabase import SupabaseStore

#: Seconds until a call is given up: long for a busy machine, short for a stalled request.
TIMEOUT: Final = 2.0
_BOOKKEEPING: Final = ("outbox", "ledger", "marks", "operations", "pins", "gaps")


class Side(ABC):
    """One store."""

    #: Whether triggers write its entries.
    captures = True
    transactions = True
    dialect = "postgres"
    store: Store

    @abstractmethod
    async def open(self, opened: AsyncExitStack) -> None:
        """Make the tables and what belongs to them, until ``opened`` ends."""

    @property
    @abstractmethod
    def behind(self) -> Store:
        """Return a store that no fault reaches."""

    async def rows(self) -> State:
        """Read everything behind the library's back."""
        return keyed({table: await self.behind.select(Select(table)) for table in TABLES})

    async def left(self) -> dict[str, list[Row]]:
        """Return what is in the bookkeeping, but for the ledger."""
        names = [name for name in _kept(await self.behind.catalog()) if name != "datalayer_ledger"]
        found = {name: await self.behind.select(Select(name)) for name in names}
        return {name: rows for name, rows in found.items() if rows}

    @abstractmethod
    async def run(self, statement: str) -> None:
        """Run SQL behind the library's back."""

    @abstractmethod
    async def empty(self) -> None:
        """Empty everything, bookkeeping included."""

    @abstractmethod
    async def reopen(self) -> None:
        """Open the store anew, as a process that starts."""

    @abstractmethod
    async def quiet(self) -> None:
        """Wait until the server works on nothing that somebody has given up."""

    @abstractmethod
    async def lead(self) -> None:
        """Prepare to be the primary."""


class ServedSide(Side):
    """A PostgreSQL that something lies before; a store past that is opened first."""

    _direct: PostgresStore

    @property
    def behind(self) -> PostgresStore:
        """Return a store past what lies before it."""
        return self._direct

    async def run(self, statement: str) -> None:
        """Run SQL behind the library's back."""
        await self._direct.execute(statement)

    async def lead(self) -> None:
        """Make keys above those that the other store made; on Supabase as somebody does in the SQL editor."""
        await advance_keys(self._direct)


class PostgresSide(ServedSide):
    """PostgreSQL at the end of a line."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.line = Line(dsn)

    async def open(self, opened: AsyncExitStack) -> None:
        """Make and arm the tables."""
        await opened.enter_async_context(self.line)
        self._direct = await PostgresStore.open(self._dsn, timeout=10.0, max_size=3)
        opened.push_async_callback(self._direct.close)
        await _define(self._direct, POSTGRES)
        await postgres.install(self._direct, TABLES)
        self.store: PostgresStore = await self._opened()
        opened.push_async_callback(self.close)

    async def close(self) -> None:
        """Close the store that is open now."""
        await self.store.close()

    async def empty(self) -> None:
        """Empty everything, bookkeeping included."""
        await _emptied(self._direct)

    async def reopen(self) -> None:
        """Mend the line and begin with new connections."""
        if not self.line.is_up:
            await self.line.mend()
        await self.store.close()
        self.store = await self._opened()

    async def quiet(self) -> None:
        """Wait until no statement runs whose connection was cut."""
        await _until_idle(self._direct)

    async def _opened(self) -> PostgresStore:
        return await PostgresStore.open(self.line.dsn, timeout=TIMEOUT, max_size=6)


class SupabaseSide(ServedSide):
    """Supabase behind a faulty proxy, with the script in it or not."""

    transactions = False

    def __init__(self, server: PostgrestServer, *, script: bool) -> None:
        self.captures = script
        self._server = server
        self.proxy = FaultyProxy(server.url)

    async def open(self, opened: AsyncExitStack) -> None:
        """Make the tables, and install the script where it is wanted."""
        self._direct = await PostgresStore.open(self._server.dsn, timeout=10.0, max_size=3)
        opened.push_async_callback(self._direct.close)
        await _define(self._direct, POSTGRES)
        if self.captures:
            await supabase.install(self._direct, TABLES)
        self._server.reload_schema()
        await opened.enter_async_context(self.proxy)
        self.store: SupabaseStore = await SupabaseStore.open(self.proxy.url, self._server.service_key, timeout=TIMEOUT)
        opened.push_async_callback(self.store.close)

    async def empty(self) -> None:
        """Empty everything, bookkeeping included."""
        self.proxy.script.clear()
        self.proxy.drop()
        await _emptied(self._direct)

    async def reopen(self) -> None:
        """Have no more faults in store."""
        self.proxy.script.clear()

    async def quiet(self) -> None:
        """Wait until PostgREST has answered everything."""
        await self.proxy.quiet()


class SqliteSide(Side):
    """A SQLite file."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(self, opened: AsyncExitStack) -> None:
        """Make and arm the tables."""
        self.store: SqliteStore = await SqliteStore.open(self._path)
        opened.push_async_callback(self.store.close)
        await self.store.run(lambda connection: connection.executescript(SQLITE).close())
        await sqlite.install(self.store, TABLES)

    @property
    def behind(self) -> SqliteStore:
        """Return the store: nothing comes between a process and its file."""
        return self.store

    async def run(self, statement: str) -> None:
        """Run SQL behind the library's back."""
        await self.store.run(lambda connection: _run(connection, [statement]))

    async def empty(self) -> None:
        """Empty everything, bookkeeping included."""
        catalog = await self.store.catalog()
        tables = [*TABLES, *_kept(catalog)]
        await self.store.run(lambda connection: _run(connection, [f"delete from {table}" for table in tables]))

    async def reopen(self) -> None:
        """Keep the store: no fault reaches it."""

    async def quiet(self) -> None:
        """Wait for nothing: what is given up has ended."""

    async def lead(self) -> None:
        """Do nothing: its keys are above all that it has."""


def _kept(catalog: Catalog) -> list[str]:
    """Return the bookkeeping that a store has; which there is depends on its part."""
    return [name for name in (f"datalayer_{name}" for name in _BOOKKEEPING) if name in catalog.tables]


async def _define(store: PostgresStore, ddl: str) -> None:
    async with store.connection() as connection:
        await connection.execute(ddl.encode())


async def _emptied(store: PostgresStore) -> None:
    """Delete: of few rows that takes a fraction of the time of TRUNCATE."""
    kept = _kept(await store.catalog())
    async with store.connection() as connection, connection.transaction():
        await connection.execute("set local datalayer.applying = 'on'")
        await connection.execute("; ".join(f"delete from {name}" for name in (*TABLES, *kept)).encode())
        await connection.execute("select setval(pg_get_serial_sequence('authors', 'id'), 1, false)")


async def _until_idle(store: PostgresStore) -> None:
    question = (
        "select count(*) as busy from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and backend_type = 'client backend' and (state = 'active' or backend_xid is not null)"
    )
    while (row := await store.fetch_one(question)) is not None and row["busy"]:
        pass


def _run(connection: sqlite3.Connection, statements: Sequence[str]) -> Any:
    for statement in statements:
        connection.execute(statement)
