"""SQLite as the target of a load: each chunk in one transaction with its checkpoint, references checked at the end."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from datalayer.errors import StoreError, TransferError, UnavailableError
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.atomic import atomic
from datalayer.stores.sqlite.catalog import read_schema
from datalayer.transfer.loads import marks
from datalayer.transfer.loads.contract import Batch, Writing
from datalayer.transfer.loads.marks import Mark, mark_of
from datalayer.transfer.orphans import select_orphans
from datalayer.transfer.writers.sqlite import RefusedRowError, one_at_a_time, stored_row, write_stored
from datalayer.transfer.writers.sqlite_spellings import refuse_other_spellings
from datalayer.transfer.writers.sqlite_triggers import triggers_of

T = TypeVar("T")

_ADVANCE = f"""
    insert into {marks.TABLE} as mark (load_id, source_table, rows_read, rows_written, finished, targets)
    values (:load, :table, :rows_read, :rows_written, :finished, :targets)
    on conflict (load_id, source_table) do update set rows_read = excluded.rows_read,
        rows_written = excluded.rows_written, finished = excluded.finished, targets = excluded.targets
    where mark.rows_read = :before and not mark.finished
"""


class SqliteTarget:
    """Writes one load into SQLite, which does not enforce foreign keys meanwhile."""

    def __init__(self, store: SqliteStore, load_id: str) -> None:
        self._store = store
        self._load_id = load_id
        #: Tables whose keys were looked at.
        self._seen: set[str] = set()

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Keep other copies and loads out of this file."""
        return one_at_a_time(self._store)

    @property
    def most_jobs(self) -> int:
        """SQLite has one writer."""
        return 1

    async def marks(self) -> dict[str, Mark]:
        """Return this load's checkpoints."""

        def read(connection: sqlite3.Connection) -> dict[str, Mark]:
            connection.execute(marks.CREATE)
            cursor = connection.execute(f"{marks.SELECT}?", (self._load_id,))
            names = [column[0] for column in cursor.description]
            found = [mark_of(dict(zip(names, row, strict=True))) for row in cursor]
            return {mark.table: mark for mark in found}

        return await self._run(read)

    async def forget(self, table: str) -> None:
        """Take a table's checkpoint away."""
        statement = f"delete from {marks.TABLE} where load_id = ? and source_table = ?"
        await self._run(lambda connection: connection.execute(statement, (self._load_id, table)).close())

    async def write(self, batches: Sequence[Batch], before: Mark, after: Mark) -> None:
        """Write a chunk, the tables' own triggers away."""

        def job(connection: sqlite3.Connection) -> None:
            for batch in batches:
                if batch.pair.name not in self._seen:
                    refuse_other_spellings(connection, batch.pair)
                    self._seen.add(batch.pair.name)
            # Outside of a transaction, where alone it has an effect.
            connection.execute("pragma foreign_keys = off")
            try:
                with atomic(connection):
                    for batch in batches:
                        _write(connection, batch)
                    self._advance(connection, before, after)
            finally:
                connection.execute("pragma foreign_keys = on")

        await self._run(job)

    @asynccontextmanager
    async def together(self, tables: Sequence[str]) -> AsyncIterator[Writing]:
        """Nothing has to be together where nothing is enforced before the end."""
        yield self

    async def orphans(self, table: Table, key: ForeignKey) -> int | None:
        """Count rows that refer to nothing."""
        query = select_orphans(table.name, key, "count(*)")
        return await self._run(lambda connection: int(connection.execute(query).fetchone()[0]))

    def _advance(self, connection: sqlite3.Connection, before: Mark, after: Mark) -> None:
        cursor = connection.execute(
            _ADVANCE,
            {
                "load": self._load_id,
                "table": after.table,
                "rows_read": after.rows_read,
                "rows_written": after.rows_written,
                "finished": after.finished,
                "targets": after.targets_text,
                "before": before.rows_read,
            },
        )
        if cursor.rowcount != 1:
            raise TransferError(f"{after.table} is being loaded by another process too; let one of them finish")

    async def _run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._store.run(job)
        except UnavailableError:
            raise
        except StoreError as error:
            about = f"; column {', '.join(error.columns)}" if error.columns else ""
            raise TransferError(f"{error}{about}", table=error.table) from error


def _write(connection: sqlite3.Connection, batch: Batch) -> None:
    facts = read_schema(connection).facts[batch.pair.name]
    rows = [stored_row(facts, batch.pair, row) for row in batch.rows]
    # Without a key rows are added, and one that would replace another is refused.
    pair = batch.pair if batch.replaces else replace(batch.pair, key=())
    try:
        write_stored(connection, pair, triggers_of(connection, batch.pair.name), rows)
    except RefusedRowError as refused:
        at = "" if refused.place is None else f"; at {batch.line(refused.place)}"
        raise TransferError(f"{batch.pair.name} refuses a row: {refused.told}{at}", table=batch.pair.name) from None
