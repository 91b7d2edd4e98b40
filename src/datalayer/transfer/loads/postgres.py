"""PostgreSQL as the target of a load: each chunk by COPY, in one transaction with its checkpoint."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import psycopg
from psycopg import AsyncConnection

from datalayer.errors import TransferError
from datalayer.query import Row
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.postgres import PostgresStore
from datalayer.transfer.loads import marks
from datalayer.transfer.loads.contract import Batch, Writing
from datalayer.transfer.loads.marks import Mark, mark_of
from datalayer.transfer.orphans import select_orphans
from datalayer.transfer.writers.constraints import checked_at_the_end, without_triggers
from datalayer.transfer.writers.copy_in import copy_rows, write_rows
from datalayer.transfer.writers.failures import failed_line, failure
from datalayer.transfer.writers.transactions import one_at_a_time

_SETTINGS = b"set local statement_timeout = 0; set local lock_timeout = '10s'; set local synchronous_commit = on"
_ADVANCE = f"""
    insert into {marks.TABLE} as mark (load_id, source_table, rows_read, rows_written, finished, targets)
    values (%(load)s, %(table)s, %(rows_read)s, %(rows_written)s, %(finished)s, %(targets)s)
    on conflict (load_id, source_table) do update set rows_read = excluded.rows_read,
        rows_written = excluded.rows_written, finished = excluded.finished, targets = excluded.targets
    where mark.rows_read = %(before)s and not mark.finished
"""


class PostgresTarget:
    """Writes one load into PostgreSQL."""

    def __init__(self, store: PostgresStore, load_id: str) -> None:
        self._store = store
        self._load_id = load_id

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Keep other copies and loads out of this database."""
        return one_at_a_time(self._store)

    @property
    def most_jobs(self) -> int:
        """How many chunks can be written at a time: each takes a connection, and one keeps other loads out."""
        return max(1, self._store.pool.max_size - 1)

    async def marks(self) -> dict[str, Mark]:
        """Return this load's checkpoints."""
        async with self._transaction([]) as connection:
            await connection.execute(marks.CREATE.encode())
            cursor = await connection.execute(f"{marks.SELECT}%s".encode(), [self._load_id])
            return {row["source_table"]: mark_of(row) for row in await cursor.fetchall()}

    async def forget(self, table: str) -> None:
        """Take a table's checkpoint away."""
        async with self._transaction([]) as connection:
            statement = f"delete from {marks.TABLE} where load_id = %s and source_table = %s"
            await connection.execute(statement.encode(), [self._load_id, table])

    async def write(self, batches: Sequence[Batch], before: Mark, after: Mark) -> None:
        """Write a chunk, the tables' own triggers switched off."""
        async with self._transaction([batch.pair.name for batch in batches]) as connection:
            await _OpenTransaction(connection, self._load_id).write(batches, before, after)

    @asynccontextmanager
    async def together(self, tables: Sequence[str]) -> AsyncIterator[Writing]:
        """Write all chunks in one transaction, and check their references at its end."""
        async with (
            self._transaction(tables) as connection,
            checked_at_the_end(connection, tables, in_one_statement=False),
        ):
            yield _OpenTransaction(connection, self._load_id)

    async def orphans(self, table: Table, key: ForeignKey) -> int | None:
        """Count rows that refer to nothing."""
        async with self._transaction([]) as connection:
            query = select_orphans(table.name, key, "count(*) as orphans")
            row = await (await connection.execute(query.encode())).fetchone()
            return None if row is None else row["orphans"]

    @asynccontextmanager
    async def _transaction(self, tables: Sequence[str]) -> AsyncIterator[AsyncConnection[Row]]:
        try:
            async with self._store.connection() as connection, connection.transaction():
                await connection.execute(_SETTINGS)
                if not tables:
                    yield connection
                    return
                async with without_triggers(connection, tables):
                    yield connection
        except psycopg.Error as error:
            raise failure(error, None, operation="load") from None


class _OpenTransaction:
    """Writes chunks inside a transaction."""

    def __init__(self, connection: AsyncConnection[Row], load_id: str) -> None:
        self._connection = connection
        self._load_id = load_id

    async def write(self, batches: Sequence[Batch], before: Mark, after: Mark) -> None:
        for batch in batches:
            try:
                async with self._connection.transaction():
                    await self._put(batch, len(batch.rows))
            except psycopg.Error as error:
                refused = failed_line(error)
                place = await self._refused(batch) if refused is None and _is_of_a_row(error) else (refused or 0) - 1
                at = None if place < 0 else str(batch.line(place))
                raise failure(error, batch.pair.name, at, operation="load") from None
        cursor = await self._connection.execute(
            _ADVANCE.encode(),
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

    async def _put(self, batch: Batch, rows: int) -> None:
        """Write the first rows of a batch."""
        put = write_rows if batch.replaces else copy_rows
        await put(self._connection, batch.pair, _each(batch.rows[:rows]))

    async def _refused(self, batch: Batch) -> int:
        """Return the place of the first row that is refused where the server did not say which: by halves."""
        low, high = 0, len(batch.rows)
        while high - low > 1:
            middle = (low + high) // 2
            try:
                async with self._connection.transaction(force_rollback=True):
                    await self._put(batch, middle)
            except psycopg.Error as error:
                if not _is_of_a_row(error):
                    raise
                high = middle
            else:
                low = middle
        return high - 1


def _is_of_a_row(error: psycopg.Error) -> bool:
    """Whether a row is to blame: it breaks a rule, or has a value that does not fit."""
    return isinstance(error, psycopg.IntegrityError | psycopg.DataError) and error.sqlstate is not None


async def _each(rows: Sequence[Row]) -> AsyncGenerator[Row, None]:
    for row in rows:
        yield row
