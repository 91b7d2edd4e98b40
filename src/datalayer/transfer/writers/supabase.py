"""Supabase as the target: rows only, through its REST interface; tables have to be there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from datalayer.errors import StoreError, TransferError
from datalayer.query import Insert, Row, Upsert
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Session, Store, StoreName
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.reading import CHUNK_ROWS
from datalayer.transfer.writers.contract import ForeignKeys, ReadRows


class SupabaseWriter:
    """Writes one copy over REST. Each chunk is written by itself; triggers on the tables keep firing."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Refuse missing tables: REST cannot make any."""
        present = (await self._store.catalog()).tables
        missing = [table.name for table in tables if table.name not in present]
        if missing:
            raise TransferError(
                f"Supabase lacks the tables {', '.join(missing)}; a copy cannot create tables there, create them in the"
                " SQL editor first",
                table=missing[0],
            )
        return ["sequences cannot be set over REST: set them in Supabase's SQL editor, triggers there kept firing"]

    async def load(self, group: Sequence[TablePair], read: ReadRows) -> None:
        """Write the tables of a group one after the other."""
        for pair in group:
            await write_chunks(self._store, pair, read)

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Nothing waits for the rows."""
        return []


async def write_chunks(session: Session, pair: TablePair, read: ReadRows) -> None:
    """Write a table's rows in chunks, by its key where it has one."""
    chunk: list[Row] = []
    try:
        async with aclosing(read(pair)) as rows:
            async for row in rows:
                chunk.append(row)
                if len(chunk) == CHUNK_ROWS:
                    await _write(session, pair, chunk)
                    chunk = []
        if chunk:
            await _write(session, pair, chunk)
    except StoreError as error:
        raise TransferError(f"{pair.name} could not be written: {error}", table=pair.name) from error


async def _write(session: Session, pair: TablePair, rows: list[Row]) -> None:
    if pair.key:
        await session.upsert(Upsert(pair.name, rows, pair.key, returning=False))
    else:
        await session.insert(Insert(pair.name, rows, returning=False))
