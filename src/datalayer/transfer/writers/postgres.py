"""PostgreSQL as the target: tables, rows and keys in few transactions of their own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection

from datalayer.errors import TransferError
from datalayer.query import Row
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import StoreName
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.errors import translate
from datalayer.transfer.ddl import postgres as ddl
from datalayer.transfer.ddl.names import literal, quote
from datalayer.transfer.ddl.types import postgres_type
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.writers.constraints import checked_at_the_end, without_triggers
from datalayer.transfer.writers.contract import ForeignKeys, ReadRows
from datalayer.transfer.writers.copy_in import write_rows
from datalayer.transfer.writers.sequences import advance_sequences

#: On a table that a copy made and did not finish: the next run adds what is missing. Removed with the last step.
_UNFINISHED = "datalayer copy: not finished, foreign keys are missing"
_SETTINGS = "set local statement_timeout = 0; set local lock_timeout = '10s'; set local synchronous_commit = on"
_COPY_PLACE = re.compile(r"^COPY .*?, line (\d+)(?:, column ([^:]+))?", re.MULTILINE)


class PostgresWriter:
    """Writes one copy into PostgreSQL."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        #: Tables whose foreign keys are to be added; filled by create, emptied by finish.
        self._unfinished: dict[str, tuple[Table, Sequence[ForeignKey]]] = {}
        self._source: StoreName = "postgres"

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Create missing tables without foreign keys, all or none."""
        self._source = source
        notes: list[str] = []
        present = (await self._store.catalog(refresh=True)).tables
        missing = [table for table in tables if table.name not in present]
        _refuse_long_names(missing)
        async with self._transaction(None) as connection:
            await _refuse_unknown_types(connection, missing, source)
            for table in missing:
                statement, said = ddl.create_table(table, source)
                notes += said
                await connection.execute(statement.encode())
                comment = f"comment on table {quote(table.name)} is {literal(_UNFINISHED)}"
                await connection.execute(comment.encode())
            for table in tables:
                if await _is_unfinished(connection, table.name):
                    self._unfinished[table.name] = (table, foreign_keys[table.name])
        return notes

    async def load(self, group: Sequence[TablePair], read: ReadRows) -> None:
        """Write a group of tables in one transaction, triggers switched off."""
        names = [pair.name for pair in group]
        async with (
            self._transaction(names[-1]) as connection,
            without_triggers(connection, names),
            checked_at_the_end(connection, names),
        ):
            for pair in group:
                await write_rows(connection, pair, read(pair))

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Add foreign keys to the tables that were created, move sequences behind the largest number."""
        present = (await self._store.catalog(refresh=True)).tables
        for name, (table, keys) in self._unfinished.items():
            have = {(key.columns, key.target_table) for key in present[name].foreign_keys}
            for key in keys:
                if (key.columns, key.target_table) not in have:
                    await self._add_foreign_key(table, key)
        async with self._transaction(None) as connection:
            for name in self._unfinished:
                await connection.execute(f"comment on table {quote(name)} is null".encode())
            for pair in pairs:
                await advance_sequences(connection, pair.target)
        self._unfinished.clear()
        return []

    async def _add_foreign_key(self, table: Table, key: ForeignKey) -> None:
        try:
            async with self._store.connection() as connection, connection.transaction():
                await connection.execute(_SETTINGS.encode())
                await connection.execute(ddl.add_foreign_key(table, key, self._source).encode())
        except psycopg.errors.ForeignKeyViolation:
            raise TransferError(
                f"the rows are copied, but {table.name} ({', '.join(key.columns)}) refers to rows that"
                f" {key.target_table} does not have, {await self._orphans(table, key)}; copy {key.target_table} too, or"
                " repair the rows in the source, then run the copy again",
                table=table.name,
            ) from None
        except psycopg.Error as error:
            raise _translated(error, table.name) from None

    async def _orphans(self, table: Table, key: ForeignKey) -> str:
        """Name the first rows that refer to nothing."""
        shown = table.primary_key or key.columns
        given = " and ".join(f"child.{quote(name)} is not null" for name in key.columns)
        meets = " and ".join(
            f"parent.{quote(theirs)} = child.{quote(mine)}"
            for mine, theirs in zip(key.columns, key.target_columns, strict=True)
        )
        columns = ", ".join(f"child.{quote(name)}" for name in shown)
        query = (
            f"select {columns} from {quote(table.name)} child where {given}"
            f" and not exists (select from {quote(key.target_table)} parent where {meets})"
            f" order by {columns} limit 3"
        )
        async with self._transaction(table.name) as connection:
            rows = await (await connection.execute(query.encode())).fetchall()
        if not table.primary_key:
            return "in a table without a primary key"
        return "first at " + "; ".join(", ".join(f"{name}={row[name]}" for name in shown) for row in rows)

    @asynccontextmanager
    async def _transaction(self, table: str | None) -> AsyncIterator[AsyncConnection[Row]]:
        try:
            async with self._store.connection() as connection, connection.transaction():
                await connection.execute(_SETTINGS.encode())
                yield connection
        except psycopg.Error as error:
            raise _translated(error, table) from None


def _translated(error: psycopg.Error, table: str | None) -> TransferError:
    """Build an error without values: the store's words, the constraint, and the place COPY names."""
    told = translate(error, operation="copy", table=table)
    place = _COPY_PLACE.search(error.diag.context or "")
    parts = [str(told)]
    if told.constraint:
        parts.append(f"constraint {told.constraint}")
    if told.columns:
        parts.append(f"column {', '.join(told.columns)}")
    if place is not None:
        parts.append(f"row {place[1]} of the source as read" + (f", column {place[2]}" if place[2] else ""))
    return TransferError("; ".join(parts), table=told.table)


def _refuse_long_names(tables: Sequence[Table]) -> None:
    for table in tables:
        names = ddl.long_names(table)
        if names:
            raise TransferError(
                f"{table.name}: PostgreSQL cuts names longer than {ddl.MAX_NAME_BYTES} bytes: {', '.join(names)};"
                " rename them in the source",
                table=table.name,
            )


async def _refuse_unknown_types(connection: AsyncConnection[Row], tables: Sequence[Table], source: StoreName) -> None:
    wanted = {(t.name, c.name): postgres_type(c.type, source) for t in tables for c in t.columns}
    cursor = await connection.execute(
        "select name from unnest(%s::text[]) as name where to_regtype(name) is null", [sorted(set(wanted.values()))]
    )
    unknown = {row["name"] for row in await cursor.fetchall()}
    lost = [f"{table}.{column} ({name})" for (table, column), name in wanted.items() if name in unknown]
    if lost:
        raise TransferError(
            f"the target does not have the type of {', '.join(lost)}; create the type or its extension there first"
        )


async def _is_unfinished(connection: AsyncConnection[Row], table: str) -> bool:
    cursor = await connection.execute("select obj_description(%s::regclass, 'pg_class') as said", [quote(table)])
    row = await cursor.fetchone()
    return row is not None and row["said"] == _UNFINISHED
