"""SQLite as the target: chunks of rows on the writer's connection, foreign keys checked when everything is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from datalayer.errors import StoreError, TransferError
from datalayer.query import Row
from datalayer.stores.catalog import Table
from datalayer.stores.contract import StoreName
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.atomic import atomic
from datalayer.stores.sqlite.catalog import Facts, read_schema
from datalayer.stores.sqlite.unfit import Unfit
from datalayer.transfer.ddl import sqlite as ddl
from datalayer.transfer.ddl.names import literal, quote, quote_all
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.reading import CHUNK_ROWS
from datalayer.transfer.writers.contract import ForeignKeys, ReadRows

T = TypeVar("T")


class SqliteWriter:
    """Writes one copy into SQLite. While it loads, the store's writer does not enforce foreign keys."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Create missing tables with their foreign keys, all or none."""
        present = (await self._store.catalog()).tables
        missing = [table for table in tables if table.name not in present]
        _refuse_same_names(missing, {name.lower() for name in present})
        written = [ddl.create_table(table, foreign_keys[table.name], source) for table in missing]

        def create_all(connection: sqlite3.Connection) -> None:
            with atomic(connection):
                for statement, _ in written:
                    connection.execute(statement)

        await self._run(create_all, None)
        return [note for _, notes in written for note in notes]

    async def load(self, group: Sequence[TablePair], read: ReadRows) -> None:
        """Write the tables of a group, each chunk in a transaction of its own."""
        await self._run(lambda connection: connection.execute("pragma foreign_keys = off"), None)
        try:
            for pair in group:
                await self._load(pair, read)
        finally:
            await self._run(lambda connection: connection.execute("pragma foreign_keys = on"), None)

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Check the foreign keys of every loaded table."""
        for pair in pairs:
            broken = await self._run(partial(_broken_reference, pair), pair.name)
            if broken is not None:
                raise TransferError(
                    f"the rows are copied, but {pair.name} refers to rows of {broken}; repair the source or copy them"
                    " too, then run the copy again",
                    table=pair.name,
                )
        return []

    async def _load(self, pair: TablePair, read: ReadRows) -> None:
        facts = await self._run(lambda connection: read_schema(connection).facts[pair.name], pair.name)
        triggers = await self._run(lambda connection: triggers_of(connection, pair.name), pair.name)
        chunk: list[list[Any]] = []

        async def write() -> None:
            rows = list(chunk)
            await self._run(lambda connection: write_stored(connection, pair, triggers, rows), pair.name)
            chunk.clear()

        try:
            async with aclosing(read(pair)) as rows:
                async for row in rows:
                    chunk.append(stored_row(facts, pair, row))
                    if len(chunk) == CHUNK_ROWS:
                        await write()
            if chunk:
                await write()
        except BaseException:
            if not pair.key:
                # It was empty before, and without a key the next run could not tell what is there already.
                await self._run(lambda connection: connection.execute(f"delete from {quote(pair.name)}"), pair.name)
            raise

    async def _run(self, job: Callable[[sqlite3.Connection], T], table: str | None) -> T:
        try:
            return await self._store.run(job)
        except StoreError as error:
            about = f"; column {', '.join(error.columns)}" if error.columns else ""
            raise TransferError(f"{table or 'creating tables'}: {error}{about}", table=table) from error


def _refuse_same_names(tables: Sequence[Table], present: set[str]) -> None:
    """SQLite does not tell names apart by case."""
    seen = set(present)
    for table in tables:
        columns = {name.lower() for name in table.by_name}
        if table.name.lower() in seen or len(columns) < len(table.columns):
            raise TransferError(
                f"{table.name}: SQLite does not tell names apart by case, and this one or two of its columns would meet"
                " another; rename it in the source",
                table=table.name,
            )
        seen.add(table.name.lower())


def triggers_of(connection: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    """Return name and definition of the triggers on a table."""
    query = f"select name, sql from sqlite_master where type = 'trigger' and tbl_name = {literal(table)} collate nocase"
    return connection.execute(query).fetchall()


def stored_row(facts: Facts, pair: TablePair, row: Row) -> list[Any]:
    """Return the row's values as SQLite keeps them."""
    stored = []
    for name in pair.column_names:
        try:
            stored.append(None if row[name] is None else facts.codecs[name].write(row[name]))
        except Unfit as unfit:
            key = ", ".join(f"{part}={row[part]}" for part in pair.key)
            at = f", at {key}" if key else ""
            raise TransferError(f"{pair.name}.{name}: {unfit.reason}{at}", table=pair.name) from None
    return stored


def write_stored(
    connection: sqlite3.Connection, pair: TablePair, triggers: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]
) -> None:
    """Write a chunk with the table's triggers away: a copied updated_at must stay what it is."""
    with atomic(connection):
        for name, _ in triggers:
            connection.execute(f"drop trigger {quote(name)}")
        connection.executemany(_statement(pair), rows)
        for _, definition in triggers:
            connection.execute(definition)


def _statement(pair: TablePair) -> str:
    places = ", ".join("?" * len(pair.columns))
    statement = f"insert into {quote(pair.name)} ({quote_all(pair.column_names)}) values ({places})"
    if not pair.key:
        return statement
    others = [name for name in pair.column_names if name not in pair.key]
    statement += f" on conflict ({quote_all(pair.key)})"
    if not others:
        return f"{statement} do nothing"
    return f"{statement} do update set " + ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in others)


def _broken_reference(pair: TablePair, connection: sqlite3.Connection) -> str | None:
    """Return which table lacks a referred row, and the first rows that refer to nothing."""
    broken = connection.execute(f"pragma foreign_key_check({quote(pair.name)})").fetchmany(3)
    if not broken:
        return None
    parent = f"{broken[0][2]} that are not there"
    if not pair.key or broken[0][1] is None:
        return parent
    query = f"select {quote_all(pair.key)} from {quote(pair.name)} where rowid = ?"
    keys = [dict(zip(pair.key, connection.execute(query, (row[1],)).fetchone(), strict=True)) for row in broken]
    return f"{parent}, first at " + "; ".join(", ".join(f"{n}={v}" for n, v in key.items()) for key in keys)
