"""Where a layer can run: settings for each store, and a way to empty its tables from behind."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from datalayer.layer.schema import DOMAIN
from datalayer.migrations import apply
from datalayer.servers.postgrest import PostgrestServer
from datalayer.settings import GivenSettings, Settings
from datalayer.stores.postgres import PostgresStore

#: Quicker than TRUNCATE where tables hold a few rows; reminders refer to bookings.
_EMPTY = "; ".join(f"delete from {table}" for table in ["reminders", *(kind.table for kind in DOMAIN)])


class Place(Protocol):
    """One store with the library's tables, empty after :meth:`empty`."""

    async def empty(self) -> None:
        """Delete all rows."""

    def settings(self, **more: Any) -> Settings:
        """Make settings that choose this store and nothing else."""


@dataclass
class SqlitePlace:
    """An embedded file, made by the layer itself."""

    path: Path

    async def empty(self) -> None:
        """Remove the file."""
        for path in self.path.parent.glob(f"{self.path.name}*"):
            path.unlink()

    def settings(self, **more: Any) -> Settings:
        """Name the file."""
        return GivenSettings(datalayer_sqlite_path=self.path, **more)


@dataclass
class PostgresPlace:
    """A migrated database."""

    dsn: str

    @classmethod
    async def prepare(cls, dsn: str) -> PostgresPlace:
        """Apply the migrations."""
        await migrate(dsn)
        return cls(dsn)

    async def empty(self) -> None:
        """Delete all rows."""
        await delete_rows(self.dsn)

    def settings(self, **more: Any) -> Settings:
        """Name the database."""
        return GivenSettings(database_url=self.dsn, postgres_max_connections=4, **more)


@dataclass
class SupabasePlace:
    """A migrated database behind PostgREST."""

    server: PostgrestServer

    @classmethod
    async def prepare(cls, server: PostgrestServer) -> SupabasePlace:
        """Apply the migrations and let PostgREST see them."""
        await migrate(server.dsn)
        await asyncio.to_thread(server.reload_schema)
        return cls(server)

    async def empty(self) -> None:
        """Delete all rows."""
        await delete_rows(self.server.dsn)

    def settings(self, **more: Any) -> Settings:
        """Name the server and its key."""
        given = {"supabase_url": self.server.url, "supabase_service_role_key": self.server.service_key, **more}
        return GivenSettings(**given)


async def migrate(dsn: str) -> None:
    """Bring a database up to date."""
    store = await PostgresStore.open(dsn)
    try:
        await apply(store)
    finally:
        await store.close()


async def delete_rows(dsn: str) -> None:
    """Empty the library's tables."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(_EMPTY.encode())
