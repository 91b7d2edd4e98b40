"""PostgreSQL as the target: tables, rows and keys in transactions of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from psycopg import AsyncConnection

from datalayer.errors import RefusedError
from datalayer.query import Row
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import StoreName
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sql_names import literal, quote
from datalayer.transfer.ddl import postgres as ddl
from datalayer.transfer.pace import Pace
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Reader
from datalayer.transfer.readers.postgres import PostgresReader
from datalayer.transfer.taken_names import refuse_taken_names
from datalayer.transfer.writers import progress
from datalayer.transfer.writers.adding_references import add_reference
from datalayer.transfer.writers.contract import BrokenReference, BrokenReferencesError, ForeignKeys
from datalayer.transfer.writers.copy_in import has_rows
from datalayer.transfer.writers.loading import PartLoader, TableState
from datalayer.transfer.writers.own_types import make_types, missing_types
from datalayer.transfer.writers.piping import can_pipe
from datalayer.transfer.writers.sequences import advance_sequences
from datalayer.transfer.writers.transactions import one_at_a_time, transaction

#: On a table that a copy made and did not finish: the next run adds what is missing. Removed with the last step.
_UNFINISHED = "datalayer copy: not finished, foreign keys are missing"


class PostgresWriter:
    """Writes one copy into PostgreSQL."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        #: Tables whose foreign keys are to be added; filled by create, emptied by finish.
        self._unfinished: dict[str, tuple[Table, Sequence[ForeignKey]]] = {}
        self._source: StoreName = "postgres"
        #: Filled by begin.
        self._states: list[TableState] = []
        self.written: dict[str, int] = {}

    async def preview(self, tables: Sequence[Table], source: StoreName) -> list[str]:
        """Refuse names and types that the target cannot have; return notes on what has no counterpart."""
        _refuse_long_names(tables)
        await refuse_taken_names(self._store, tables)
        async with transaction(self._store) as connection:
            notes = (await missing_types(connection, tables, source))[1]
        return [*notes, *(note for table in tables for note in ddl.create_table(table, source)[1])]

    async def method(self, pair: TablePair, reader: Reader) -> str:
        """Return in words how rows will be written."""
        piped = isinstance(reader, PostgresReader) and can_pipe(pair)
        how = "COPY, the bytes as they come" if piped else "COPY, value by value"
        async with transaction(self._store, pair.name) as connection:
            left = await progress.exists(connection) and await progress.begun(connection, pair.name) is not None
            if left:
                return f"{how}; an earlier run goes on"
            if not await has_rows(connection, pair.name):
                return how
        if not pair.key:
            return f"{how}, into a temporary table, then the missing rows, by all of their values"
        return f"{how}, into a temporary table, then an upsert by ({', '.join(pair.key)})"

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Keep other copies out of this database."""
        return one_at_a_time(self._store)

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Create missing types and tables, without foreign keys, all or none; return what has no counterpart."""
        self._source = source
        present = (await self._store.catalog(refresh=True)).tables
        missing = [table for table in tables if table.name not in present]
        notes = await self.preview(missing, source)
        async with transaction(self._store) as connection:
            await make_types(connection, (await missing_types(connection, missing, source))[0])
            for table in tables:
                if table.name not in present:
                    await connection.execute(ddl.create_table(table, source)[0].encode())
                    comment = f"comment on table {quote(table.name)} is {literal(_UNFINISHED)}"
                    await connection.execute(comment.encode())
                if await _is_unfinished(connection, table.name):
                    self._unfinished[table.name] = (table, foreign_keys[table.name])
        return notes

    async def begin(self, pairs: Sequence[TablePair], reader: Reader, part_rows: int | None = None) -> None:
        """Find out where an earlier run stopped; begin the other tables."""
        marks = {
            pair.name: (await reader.mark(pair.source), await reader.layout(pair.source, part_rows)) for pair in pairs
        }
        async with transaction(self._store) as connection:
            await progress.create(connection)
            for pair in pairs:
                self._states.append(await self._begin(connection, pair, *marks[pair.name]))

    async def load(self, pairs: Sequence[TablePair], reader: Reader, pace: Pace, jobs: int) -> None:
        """Write all parts that are not written."""
        for table, rows in self.written.items():
            pace.resume(table, rows)
        # One connection of the pool keeps other copies out.
        jobs = max(1, min(jobs, self._store.pool.max_size - 1))
        await PartLoader(self._store, reader, pace, self.written).load(self._states, jobs)

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Add foreign keys to the tables that were created, move sequences behind the largest number.

        Tables that references lead from or to are analyzed first: rows that refer to nothing are looked for now.
        """
        present = (await self._store.catalog(refresh=True)).tables
        broken: list[BrokenReference] = []
        lacking: list[tuple[Table, ForeignKey]] = []
        for name, (table, keys) in self._unfinished.items():
            have = {(key.columns, key.target_table) for key in present[name].foreign_keys}
            lacking += [(table, key) for key in keys if (key.columns, key.target_table) not in have]
        joined = {name for table, key in lacking for name in (table.name, key.target_table)}
        await self._analyze((joined & present.keys()) | _tied(pairs, present))
        for table, key in lacking:
            found = await add_reference(self._store, table, key, self._source)
            broken += [] if found is None else [found]
        async with transaction(self._store) as connection:
            for name in self._unfinished.keys() - {reference.table for reference in broken}:
                await connection.execute(f"comment on table {quote(name)} is null".encode())
            for pair in pairs:
                await advance_sequences(connection, pair.target)
        self._unfinished.clear()
        if broken:
            raise BrokenReferencesError(broken)
        return []

    async def present(self, table: str) -> int | None:
        """Count the rows of a table."""
        async with transaction(self._store, table) as connection:
            cursor = await connection.execute(f"select count(*) as rows from {quote(table)}".encode())
            row = await cursor.fetchone()
        return int(row["rows"]) if row else None

    async def _analyze(self, tables: Collection[str]) -> None:
        """Tell the planner how many rows there are: by what a killed copy left, it may look for each among all."""
        async with transaction(self._store) as connection:
            for name in sorted(tables):
                await connection.execute(f"analyze {quote(name)}".encode())

    async def forget(self) -> None:
        """Remove the progress."""
        async with transaction(self._store) as connection:
            await progress.drop(connection)

    async def _begin(
        self, connection: AsyncConnection[Row], pair: TablePair, source_mark: str, layout: str
    ) -> TableState:
        target_mark = await progress.target_mark(connection, pair.name)
        before = await progress.begun(connection, pair.name)
        filled = await has_rows(connection, pair.name)
        if before and (before.source_mark, before.target_mark) == (source_mark, target_mark):
            done, rows = await progress.done(connection, pair.name)
            if filled or not rows:
                self.written[pair.name] = rows
                return TableState(pair, before.layout, done, before.empty_before)
        if filled and not pair.key and before and before.empty_before and before.target_mark == target_mark:
            # All rows are this copy's own, and the source has changed since they were read.
            await connection.execute(f"delete from {quote(pair.name)}".encode())
            filled = False
        await progress.begin(connection, pair.name, progress.Begun(layout, not filled, source_mark, target_mark))
        return TableState(pair, layout, {}, not filled)


def _tied(pairs: Sequence[TablePair], present: Mapping[str, Table]) -> set[str]:
    """Return which tables refer to others, or others to them: in the target, or in the source that promises it."""
    sources = {pair.name: pair.source for pair in pairs}
    keys = [(t.name, key.target_table) for t in (*sources.values(), *present.values()) for key in t.foreign_keys]
    return {name for ends in keys for name in ends} & sources.keys() & present.keys()


def _refuse_long_names(tables: Sequence[Table]) -> None:
    for table in tables:
        names = ddl.long_names(table)
        if names:
            raise RefusedError(
                f"{table.name}: PostgreSQL cuts names longer than {ddl.MAX_NAME_BYTES} bytes: {', '.join(names)};"
                " rename them in the source",
                table=table.name,
            )


async def _is_unfinished(connection: AsyncConnection[Row], table: str) -> bool:
    cursor = await connection.execute("select obj_description(%s::regclass, 'pg_class') as said", [quote(table)])
    row = await cursor.fetchone()
    return row is not None and row["said"] == _UNFINISHED
