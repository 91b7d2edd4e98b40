"""Pages of changed rows into a target, each in one transaction with the watermark that counts it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from functools import partial
from typing import Final, Protocol

from datalayer.errors import StoreError, TransferError
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.atomic import atomic
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.posting import post
from datalayer.transfer.readers.contract import Rows
from datalayer.transfer.writers.constraints import without_triggers
from datalayer.transfer.writers.copy_in import copy_blocks, merge
from datalayer.transfer.writers.sequences import advance_sequences
from datalayer.transfer.writers.sqlite import written_rows
from datalayer.transfer.writers.sqlite_spellings import refuse_other_spellings
from datalayer.transfer.writers.transactions import transaction

SYNC_TABLE: Final = "datalayer_sync_progress"
_CREATE = f"""
    create table if not exists {SYNC_TABLE} (
        table_name text not null, column_name text not null, watermark text not null,
        primary key (table_name, column_name)
    )
"""
_READ = f"select watermark from {SYNC_TABLE} where table_name = %s and column_name = %s"
_KEEP = f"""
    insert into {SYNC_TABLE} (table_name, column_name, watermark) values (%s, %s, %s)
    on conflict (table_name, column_name) do update set watermark = excluded.watermark
"""


class Sink(Protocol):
    """Where changed rows go."""

    async def watermark(self, table: str, column: str) -> str | None:
        """Return how far the last sync came, None before the first."""

    async def write(self, pair: TablePair, rows: Rows, column: str, watermark: str | None) -> None:
        """Upsert rows by the pair's key and keep the watermark, where there is one, both or neither."""


async def sink_for(store: Store) -> Sink:
    """Return the sink of a target."""
    if isinstance(store, PostgresStore):
        async with transaction(store) as connection:
            await connection.execute(_CREATE.encode())
        return _PostgresSink(store)
    if isinstance(store, SqliteStore):
        await store.run(lambda connection: connection.execute(_CREATE))
        return _SqliteSink(store)
    if store.name == "supabase":
        return _SupabaseSink(store)
    raise TransferError(f"sync cannot write into a {type(store).__name__}")


class _PostgresSink:
    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    async def watermark(self, table: str, column: str) -> str | None:
        async with transaction(self._store, table) as connection:
            row = await (await connection.execute(_READ.encode(), [table, column])).fetchone()
        return None if row is None else row["watermark"]

    async def write(self, pair: TablePair, rows: Rows, column: str, watermark: str | None) -> None:
        async def one_block() -> AsyncGenerator[Rows, None]:
            yield rows

        async def passed(_: int) -> None:
            """A page is no long wait."""

        async with transaction(self._store, pair.name) as connection, without_triggers(connection, [pair.name]):
            await merge(connection, pair, lambda into: copy_blocks(connection, into, pair, one_block(), passed))
            await advance_sequences(connection, pair.target)
            if watermark is not None:
                await connection.execute(_KEEP.encode(), [pair.name, column, watermark])


class _SqliteSink:
    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        #: Tables whose keys were looked at.
        self._seen: set[str] = set()

    async def watermark(self, table: str, column: str) -> str | None:
        query = _READ.replace("%s", "?")
        row = await self._store.read(lambda connection: connection.execute(query, (table, column)).fetchone())
        return None if row is None else row[0]

    async def write(self, pair: TablePair, rows: Rows, column: str, watermark: str | None) -> None:
        try:
            if pair.name not in self._seen:
                await self._store.run(partial(refuse_other_spellings, pair=pair))
                self._seen.add(pair.name)
            await self._store.run(partial(_write, pair, rows, column, watermark))
        except StoreError as error:
            raise TransferError(f"{pair.name}: {error}", table=pair.name) from error


class _SupabaseSink:
    """Over REST there is neither a place for watermarks nor a transaction of two tables."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def watermark(self, table: str, column: str) -> str | None:
        return None

    async def write(self, pair: TablePair, rows: Rows, column: str, watermark: str | None) -> None:
        named = [dict(zip(pair.column_names, row, strict=True)) for row in rows]
        await post(self._store, pair, named)


def _write(pair: TablePair, rows: Rows, column: str, watermark: str | None, connection: sqlite3.Connection) -> None:
    with atomic(connection):
        written_rows(connection, pair, rows)
        if watermark is not None:
            connection.execute(_KEEP.replace("%s", "?"), (pair.name, column, watermark))
