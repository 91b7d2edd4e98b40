"""SQLite as the target: chunks of rows on the writer's connection, foreign keys checked when everything is there."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from datalayer.errors import RefusedError, StoreError, TransferError
from datalayer.query import Count, Row
from datalayer.stores.catalog import Table
from datalayer.stores.contract import StoreName
from datalayer.stores.sql_names import quote, quote_all
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.atomic import atomic
from datalayer.stores.sqlite.catalog import Facts, read_schema
from datalayer.stores.sqlite.row_ids import row_id_beside
from datalayer.stores.sqlite.unfit import BAD_DATE, Unfit
from datalayer.transfer.ddl import sqlite as ddl
from datalayer.transfer.locks import alone_in_file
from datalayer.transfer.naming import key_text
from datalayer.transfer.odd_moments import OddMoment
from datalayer.transfer.pace import Pace
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Reader, Rows
from datalayer.transfer.taken_names import refuse_taken_names
from datalayer.transfer.writers import sqlite_keyless, sqlite_progress
from datalayer.transfer.writers.contract import BrokenReference, BrokenReferencesError, ForeignKeys
from datalayer.transfer.writers.sqlite_spellings import refuse_other_spellings
from datalayer.transfer.writers.sqlite_triggers import triggers_away, triggers_of

T = TypeVar("T")

#: Rows that are named of a broken reference.
_MOST_NAMED = 3


class RefusedRowError(TransferError):
    """A row breaks a rule of its table.

    Args:
        told: SQLite's words, which have names and no values.
        place: of the row among those that were to be written, counted from 0; None where it could not be found.
        key: of the row, in words.
    """

    def __init__(self, table: str, told: sqlite3.IntegrityError, place: int | None, key: str) -> None:
        super().__init__(f"{table} refuses a row: {told}" + (f", at {key}" if key else ""), table=table)
        self.told = told
        self.place = place


class SqliteWriter:
    """Writes one copy into SQLite. While it loads, the store's writer does not enforce foreign keys."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.written: dict[str, int] = {}
        #: Tables that an earlier run finished; filled by begin.
        self._done: set[str] = set()
        #: Tables without a key that others have put rows into; filled by begin.
        self._whole: set[str] = set()

    async def preview(self, tables: Sequence[Table], source: StoreName) -> list[str]:
        """Refuse names that would meet; return notes on what has no word in SQLite."""
        present = {name.lower() for name in (await self._store.catalog()).tables}
        missing = [table for table in tables if table.name.lower() not in present]
        _refuse_same_names(missing, present)
        await refuse_taken_names(self._store, missing)
        return [note for table in tables for note in ddl.create_table(table, (), source)[1]]

    async def method(self, pair: TablePair, reader: Reader) -> str:
        """Return in words how rows will be written."""
        if not await self._store.count(Count(pair.name)):
            return "insert, value by value"
        if pair.key:
            return f"upsert by ({', '.join(pair.key)}), value by value"
        if await self._store.read(partial(sqlite_progress.is_begun, pair.name)):
            return "insert, value by value; an earlier run begins this table again"
        return "insert into a temporary table, then the missing rows, by all of their values"

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Keep other copies and loads out of this file."""
        return one_at_a_time(self._store)

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Create missing tables with their foreign keys, all or none; return what has no counterpart."""
        present = (await self._store.catalog()).tables
        missing = [table for table in tables if table.name not in present]
        _refuse_same_names(missing, {name.lower() for name in present})
        await refuse_taken_names(self._store, missing)
        made = [ddl.create_table(table, foreign_keys[table.name], source) for table in missing]

        def create_all(connection: sqlite3.Connection) -> None:
            with atomic(connection):
                for statement, _ in made:
                    connection.execute(statement)

        await self._run(create_all, None)
        return [note for _, notes in made for note in notes]

    async def begin(self, pairs: Sequence[TablePair], reader: Reader, part_rows: int | None = None) -> None:
        """Leave out tables that an earlier run finished; empty those without a key that it began when they were."""
        marks = {pair.name: await reader.mark(pair.source) for pair in pairs}

        def begin_all(connection: sqlite3.Connection) -> None:
            for pair in pairs:
                refuse_other_spellings(connection, pair)
            with atomic(connection):
                sqlite_progress.create(connection)
                for pair in pairs:
                    rows = sqlite_progress.finished(connection, pair.name, marks[pair.name])
                    if rows is not None:
                        self._done.add(pair.name)
                        self.written[pair.name] = rows
                    elif not sqlite_progress.begin(connection, pair, marks[pair.name]):
                        self._whole.add(pair.name)

        await self._run(begin_all, None)

    async def load(self, pairs: Sequence[TablePair], reader: Reader, pace: Pace, jobs: int) -> None:
        """Write the tables one after the other, each chunk in a transaction of its own."""
        await self._run(lambda connection: connection.execute("pragma foreign_keys = off"), None)
        try:
            for pair in pairs:
                if pair.name not in self._done:
                    await self._load(pair, reader, pace)
        finally:
            await self._run(lambda connection: connection.execute("pragma foreign_keys = on"), None)

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Check the foreign keys of every loaded table."""
        broken = [
            reference for pair in pairs for reference in await self._run(partial(_broken_references, pair), pair.name)
        ]
        if broken:
            raise BrokenReferencesError(broken)
        return []

    async def present(self, table: str) -> int | None:
        """Count the rows of a table."""
        query = f"select count(*) from {quote(table)}"
        return int((await self._run(lambda connection: connection.execute(query).fetchone(), table))[0])

    async def forget(self) -> None:
        """Remove the progress."""
        await self._run(sqlite_progress.drop, None)

    async def _load(self, pair: TablePair, reader: Reader, pace: Pace) -> None:
        facts = await self._run(lambda connection: read_schema(connection).facts[pair.name], pair.name)
        triggers = await self._run(lambda connection: triggers_of(connection, pair.name), pair.name)
        whole = pair.name in self._whole
        if whole:
            await self._run(partial(sqlite_keyless.begin, pair=pair), pair.name)
        written = 0
        for strand in reader.strands(pair, await reader.layout(pair.source), {}):
            async for part in strand():
                async with aclosing(part.rows()) as blocks:
                    async for block in blocks:
                        rows = [_stored(facts, pair, row) for row in block]
                        write = partial(write_stored, pair=pair, triggers=triggers, rows=rows)
                        await self._run(partial(sqlite_keyless.take, rows=rows) if whole else write, pair.name)
                        written += len(rows)
                        self.written[pair.name] = written
                        await pace.passed(pair.name, len(rows))
        if whole:
            add = partial(sqlite_keyless.add_lacking, pair=pair, facts=facts, triggers=triggers)
            await self._run(add, pair.name)
        self.written[pair.name] = written
        await self._run(partial(sqlite_progress.finish, table=pair.name, rows=written), pair.name)

    async def _run(self, job: Callable[[sqlite3.Connection], T], table: str | None) -> T:
        try:
            return await self._store.run(job)
        except StoreError as error:
            about = f"; column {', '.join(error.columns)}" if error.columns else ""
            raise TransferError(f"{table or 'creating tables'}: {error}{about}", table=table) from error


@asynccontextmanager
async def one_at_a_time(store: SqliteStore) -> AsyncIterator[None]:
    """Keep other copies and loads out of a file over a block; a database in memory has nobody else."""
    query = "select file from pragma_database_list where seq = 0"
    (file,) = await store.read(lambda connection: connection.execute(query).fetchone())
    if not file:
        yield
        return
    with alone_in_file(file):
        yield


def _refuse_same_names(tables: Sequence[Table], present: set[str]) -> None:
    """SQLite does not tell names apart by case."""
    seen = set(present)
    for table in tables:
        columns = {name.lower() for name in table.by_name}
        if table.name.lower() in seen or len(columns) < len(table.columns):
            raise RefusedError(
                f"{table.name}: SQLite does not tell names apart by case, and this one or two of its columns would meet"
                " another; rename it in the source",
                table=table.name,
            )
        seen.add(table.name.lower())


def stored_row(facts: Facts, pair: TablePair, row: Row) -> list[Any]:
    """Return a row's values as SQLite keeps them."""
    return _stored(facts, pair, [row[name] for name in pair.column_names])


def _stored(facts: Facts, pair: TablePair, row: Sequence[Any]) -> list[Any]:
    stored = []
    for name, value in zip(pair.column_names, row, strict=True):
        try:
            if type(value) is OddMoment:
                raise Unfit(BAD_DATE, "a date or time beyond those that SQLite's columns keep, as infinity or one BC")
            stored.append(None if value is None else facts.codecs[name].write(value))
        except Unfit as unfit:
            key = key_text({part: row[pair.column_names.index(part)] for part in pair.key})
            at = f", at {key}" if key else ""
            raise TransferError(f"{pair.name}.{name}: {unfit.reason}{at}", table=pair.name) from None
    return stored


def written_rows(connection: sqlite3.Connection, pair: TablePair, rows: Rows) -> None:
    """Write rows inside the caller's transaction, by key where there is one, with the table's triggers away."""
    facts = read_schema(connection).facts[pair.name]
    write_stored(connection, pair, triggers_of(connection, pair.name), [_stored(facts, pair, row) for row in rows])


def write_stored(
    connection: sqlite3.Connection, pair: TablePair, triggers: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]
) -> None:
    """Write a chunk with the table's triggers away: a copied updated_at must stay what it is.

    Raises:
        RefusedRowError: a row breaks a rule of the table.
    """
    with atomic(connection):
        connection.execute("savepoint datalayer_chunk")
        try:
            with triggers_away(connection, triggers):
                connection.executemany(_statement(pair), rows)
        except sqlite3.IntegrityError as error:
            # A table may have its own way with conflicts, ON CONFLICT ROLLBACK.
            if connection.in_transaction:
                connection.execute("rollback to datalayer_chunk")
            raise _refused(connection, pair, triggers, rows, error) from None
        connection.execute("release datalayer_chunk")


def _refused(
    connection: sqlite3.Connection,
    pair: TablePair,
    triggers: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Any]],
    error: sqlite3.IntegrityError,
) -> RefusedRowError:
    """Find the row that is refused: SQLite does not say which of many it was, so each is written by itself.

    The caller's transaction does not outlive the error.
    """
    with triggers_away(connection, triggers):
        for place, row in enumerate(rows):
            try:
                connection.execute(_statement(pair), row)
            except sqlite3.IntegrityError as alone:
                named = dict(zip(pair.column_names, row, strict=True))
                return RefusedRowError(pair.name, alone, place, key_text({part: named[part] for part in pair.key}))
    return RefusedRowError(pair.name, error, None, "")


def _statement(pair: TablePair) -> str:
    places = ", ".join("?" * len(pair.columns))
    statement = f"into {quote(pair.name)} ({quote_all(pair.column_names)}) values ({places})"
    if not pair.key:
        # A table's own way with conflicts, ON CONFLICT REPLACE, would have one row take the place of another.
        return f"insert or abort {statement}"
    others = [name for name in pair.column_names if name not in pair.key]
    statement = f"insert {statement} on conflict ({quote_all(pair.key)})"
    if not others:
        return f"{statement} do nothing"
    return f"{statement} do update set " + ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in others)


def _broken_references(pair: TablePair, connection: sqlite3.Connection) -> list[BrokenReference]:
    """Return which references of a table lead nowhere, each with the first such rows."""
    rows: dict[int, list[int | None]] = {}
    parents: dict[int, str] = {}
    for _, row, parent, number in connection.execute(f"pragma foreign_key_check({quote(pair.name)})"):
        parents[number] = parent
        first = rows.setdefault(number, [])
        if len(first) < _MOST_NAMED:
            first.append(row)
    columns: dict[int, list[str]] = defaultdict(list)
    listed = 'select id, "from" from pragma_foreign_key_list(?) order by id, seq'
    for number, column in connection.execute(listed, (pair.name,)):
        columns[number].append(column)
    row_id = row_id_beside(pair.target.by_name)
    query = f"select {quote_all(pair.key)} from {quote(pair.name)} where {row_id} = ?"

    def named(row: int) -> str:
        return key_text(dict(zip(pair.key, connection.execute(query, (row,)).fetchone(), strict=True)))

    return [
        BrokenReference(
            pair.name,
            tuple(columns[number]),
            parents[number],
            "; ".join(named(row) for row in first if pair.key and row_id and row is not None),
        )
        for number, first in sorted(rows.items())
    ]
