"""How rows are written: by strategies that grow with their number, and a transaction around several statements.

    1 row                 one statement with a parameter for each value
    2 to 1,999 of a shape one statement with one JSON parameter
    2,000 and more        COPY into a temporary table and one statement from there, chunk by chunk

The sizes are measured; see docs/decisions/0004-bulk-writes.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from itertools import chain
from time import monotonic
from typing import Any, TypeAlias

import psycopg

from datalayer.collecting import uncollected
from datalayer.errors import DataLayerError, MissingConflictTargetError, StoreError
from datalayer.query import Insert, Row, Upsert, Written
from datalayer.stores.catalog import Table
from datalayer.stores.checks import check_rows
from datalayer.stores.duplicates import distinct
from datalayer.stores.postgres import compile_writes as compiler
from datalayer.stores.postgres.compile_writes import Answer
from datalayer.stores.postgres.copy_text import copy_text
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.executor import Executor, unencodable
from datalayer.stores.postgres.incoming import Incoming
from datalayer.stores.postgres.lending import Connection
from datalayer.stores.postgres.statement import Statement
from datalayer.stores.postgres.values import json_records

#: Rows in one statement of a large write.
CHUNK_ROWS = 2500

#: Columns, and where the rows that have them stand in the batch.
_Group: TypeAlias = tuple[tuple[str, ...], list[int]]

_MAY_COPY = b"SELECT has_database_privilege(current_database(), 'TEMPORARY') AS granted"


async def insert(executor: Executor, question: Insert, ends: float) -> Written:
    """Insert all rows or none."""
    table = await executor.table(
        question.table, "insert", lambda t: check_rows(question, t, store=STORE, operation="insert"), ends
    )
    answer: Answer = "rows" if question.returning else "nothing"
    written = await _Writer(executor, "insert", table, None, answer, ends).write(question.rows)
    return written if question.returning else Written(written.count, [], written.count)


async def upsert(executor: Executor, question: Upsert, ends: float) -> Written:
    """Insert or update all rows or none; of several rows with one key the question says which counts."""
    table = await executor.table(question.table, "upsert", lambda t: _check_upsert(question, t), ends)
    answer: Answer = "rows" if question.returning else "nothing" if table.partitioned else "counts"
    writer = _Writer(executor, "upsert", table, question.target, answer, ends)
    if len(question.rows) == 1:
        return await writer.write(question.rows)
    batch = distinct(question)
    order = _key_order(batch.keys)
    written = await writer.write([batch.rows[place] for place in order])
    if not question.returning:
        return written
    stored = dict(zip(order, written.rows, strict=True))
    return Written(written.count, batch.as_given([stored[place] for place in range(len(order))]))


def _key_order(keys: Sequence[Any]) -> list[int]:
    """Return places by key, so that two batches over the same keys lock their rows in one order and cannot deadlock."""
    try:
        return sorted(range(len(keys)), key=keys.__getitem__)
    except TypeError:
        return list(range(len(keys)))


def _check_upsert(question: Upsert, table: Table) -> None:
    check_rows(question, table, store=STORE, operation="upsert")
    if not table.has_key(question.target):
        columns = ", ".join(question.target)
        raise MissingConflictTargetError(
            f"no unique index matches the conflict target ({columns})",
            store=STORE,
            operation="upsert",
            table=table.name,
            sqlstate="42P10",
            columns=question.target,
            hint=f"create unique index on {table.name} ({columns})",
        )


class _Writer:
    """One write of many rows: what stays the same over its statements."""

    def __init__(
        self,
        executor: Executor,
        operation: str,
        table: Table,
        target: tuple[str, ...] | None,
        answer: Answer,
        ends: float,
    ) -> None:
        self.executor = executor
        self.operation = operation
        self.table = table
        self.target = target
        self.answer = answer
        self.ends = ends

    async def write(self, rows: Sequence[Any]) -> Written:
        if len(rows) == 1:
            return await self._write_rows(self.executor, tuple(rows[0]), rows)
        groups = _by_shape(rows)
        if len(groups) > 1:
            return await self._write_groups(groups, rows)
        [(columns, _)] = groups
        if await self._goes_by_copy(columns, len(rows)):
            if not self.executor.autocommit:
                return await self._copy(self.executor, columns, rows)
        elif len(rows) <= CHUNK_ROWS and self._many(columns) is not None:
            return await self._write_rows(self.executor, columns, rows)
        async with self._scope() as scope:
            return await self._write_group(scope, columns, rows)

    async def _write_groups(self, groups: Sequence[_Group], rows: Sequence[Any]) -> Written:
        """Write rows of several shapes; they come back in the order given."""
        written = []
        async with self._scope() as scope:
            for columns, places in groups:
                written.append(await self._write_group(scope, columns, [rows[place] for place in places]))
        whole = _together(written)
        if not whole.rows:
            return whole
        stored = dict(zip(chain.from_iterable(places for _, places in groups), whole.rows, strict=True))
        return replace(whole, rows=[stored[place] for place in range(len(rows))])

    def _scope(self) -> AbstractAsyncContextManager[Executor]:
        return self.executor.scope(timeout=max(self.ends - monotonic(), 0.001))

    async def _write_group(self, executor: Executor, columns: tuple[str, ...], rows: Sequence[Row]) -> Written:
        """Write rows of one shape inside a transaction."""
        if await self._goes_by_copy(columns, len(rows)):
            return await self._copy(executor, columns, rows)
        return _together([await self._write_rows(executor, columns, chunk) for chunk in _chunks(rows)])

    async def _goes_by_copy(self, columns: tuple[str, ...], rows: int) -> bool:
        shared = self.executor.shared
        if rows < shared.copy_rows or not compiler.fits_one_parameter(self.table, columns):
            return False
        if shared.may_copy is None:
            shared.may_copy = await self.executor.work(self.operation, self.table.name, _may_copy, self.ends)
        return shared.may_copy

    async def _copy(self, executor: Executor, columns: tuple[str, ...], rows: Sequence[Row]) -> Written:
        """Write rows of one shape by COPY, and tell the observers of it as one call."""
        started, count, failure = monotonic(), 0, None
        try:
            written = await self._copy_chunks(executor, columns, rows)
            count = written.count
        except DataLayerError as error:
            failure = type(error).__name__
            raise
        finally:
            if executor.shared.observers:
                executor.tell(self.operation, self.table.name, monotonic() - started, count, failure)
        return written

    async def _copy_chunks(self, executor: Executor, columns: tuple[str, ...], rows: Sequence[Row]) -> Written:
        """Fill the temporary table and merge it, chunk by chunk; the next is made ready while the server merges."""
        incoming = Incoming(executor, self.operation, self.table, columns, self.target, self.answer, self.ends)
        written = []
        chunks = _chunks(rows)
        text = self._text(columns, chunks[0])
        for chunk, following in zip(chunks, [*chunks[1:], ()], strict=True):
            if text is not None:
                await incoming.fill(text)
            merging = asyncio.create_task(
                self._write_rows(executor, columns, chunk) if text is None else self._merge(incoming, len(chunk))
            )
            try:
                await asyncio.sleep(0)  # the statement is sent
                text = self._text(columns, following) if following else None
            except BaseException:
                merging.cancel()
                await asyncio.wait([merging])
                raise
            written.append(await merging)
        if not self.executor.autocommit:
            await incoming.drop()
        return _together(written)

    async def _merge(self, incoming: Incoming, sent: int) -> Written:
        rows, count = await incoming.merge()
        return self._written(rows, count, sent)

    async def _write_rows(self, executor: Executor, columns: tuple[str, ...], rows: Sequence[Row]) -> Written:
        """Write rows of one shape in one statement, or in one for each where their types need that."""
        partial = self.target is not None and bool(self.table.required_beyond(columns))
        many = self._many(columns) if len(rows) > 1 or partial else None
        if many is not None:
            return await self._send(executor, many, [self._records(columns, rows)], len(rows))
        one = self._one(columns)
        if len(rows) == 1:
            return await self._send(executor, one, list(map(rows[0].__getitem__, columns)), 1)
        return _together([await self._send(executor, one, list(map(row.__getitem__, columns)), 1) for row in rows])

    async def _send(self, executor: Executor, statement: Statement, values: Sequence[Any], sent: int) -> Written:
        rows, count = await executor.run(
            self.operation,
            self.table.name,
            statement.sql,
            executor.bind(self.operation, self.table.name, statement, values),
            self.ends,
            has_rows=self.answer != "nothing",
            writes=True,
        )
        return self._written(rows, count, sent)

    def _written(self, rows: list[Row], count: int, sent: int) -> Written:
        """Make the answer of one statement; rows that are withheld are an error."""
        inserted = None
        if self.answer == "counts":
            count = rows[0]["count"] if rows else 0
            inserted = rows[0]["inserted"] if rows else 0
            rows = []
        if count != sent:
            raise StoreError(
                f"{count} of {sent} rows were written; a trigger or rule on the table withholds rows",
                store=STORE,
                operation=self.operation,
                table=self.table.name,
            )
        return Written(count, rows, inserted)

    def _text(self, columns: tuple[str, ...], rows: Sequence[Row]) -> bytes | None:
        failure: StoreError
        try:
            with uncollected():
                return copy_text(rows, [self.table.by_name[name] for name in columns])
        except psycopg.DataError as error:
            failure = translate(error, operation=self.operation, table=self.table.name)
        except UnicodeEncodeError:
            failure = unencodable(self.operation, self.table.name)
        raise failure

    def _records(self, columns: tuple[str, ...], rows: Sequence[Row]) -> str:
        try:
            return json_records(rows, [self.table.by_name[name] for name in columns]).decode()
        except psycopg.DataError as error:
            failure = translate(error, operation=self.operation, table=self.table.name)
        raise failure

    def _one(self, columns: tuple[str, ...]) -> Statement:
        key = (self.operation, self.table.name, columns, self.target, self.answer, "one")
        known = self.executor.shared.statements.get(key)
        if known is not None:
            return known
        statement = compiler.write_one(self.table, columns, self.target, answer=self.answer)
        return self.executor.shared.keep(key, statement)

    def _many(self, columns: tuple[str, ...]) -> Statement | None:
        """Return the statement for many rows, or None where their types cannot travel as one parameter."""
        key = (self.operation, self.table.name, columns, self.target, self.answer, "many")
        known = self.executor.shared.statements.get(key)
        if known is not None or not compiler.fits_one_parameter(self.table, columns):
            return known
        statement = compiler.write_many(self.table, columns, self.target, answer=self.answer)
        return self.executor.shared.keep(key, statement)


async def _may_copy(connection: Connection) -> bool:
    row = await (await connection.execute(_MAY_COPY)).fetchone()
    return row is not None and bool(row["granted"])


def _by_shape(rows: Sequence[Any]) -> list[_Group]:
    """Group rows by their columns; of a single group the places are left out.

    The rows of one statement come back in the order they went in: INSERT takes its source's rows one by one and
    projects RETURNING for each (PostgreSQL 18 source, nodeModifyTable.c).
    """
    columns_of = {shape: tuple(sorted(shape)) for shape in dict.fromkeys(map(tuple, rows))}
    groups: dict[tuple[str, ...], list[int]] = {columns: [] for columns in columns_of.values()}
    if len(groups) > 1:
        for place, shape in enumerate(map(tuple, rows)):
            groups[columns_of[shape]].append(place)
    return list(groups.items())


def _chunks(rows: Sequence[Row]) -> list[Sequence[Row]]:
    return [rows[start : start + CHUNK_ROWS] for start in range(0, len(rows), CHUNK_ROWS)]


def _together(parts: Sequence[Written]) -> Written:
    """Add up what the statements of one write did."""
    counts = [part.inserted for part in parts]
    inserted = None if None in counts else sum(count or 0 for count in counts)
    return Written(sum(part.count for part in parts), [row for part in parts for row in part.rows], inserted)
