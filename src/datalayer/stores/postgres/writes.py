"""How rows are written: one statement for one row, one JSON parameter for many, a transaction around several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from time import monotonic
from typing import Any

import psycopg

from datalayer.errors import MissingConflictTargetError, StoreError
from datalayer.query import Insert, Row, Upsert, Written
from datalayer.stores.catalog import Table
from datalayer.stores.checks import check_rows, merge_by_key
from datalayer.stores.postgres import compile as compiler
from datalayer.stores.postgres.compile import Statement
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.executor import Executor
from datalayer.stores.postgres.values import json_records

#: Rows in one statement of a large write: one JSON parameter of 5,000 rows measured 8.5x executemany's speed.
CHUNK_ROWS = 5000


async def insert(executor: Executor, question: Insert, ends: float) -> Written:
    """Insert all rows or none."""
    table = await executor.table(
        question.table, "insert", lambda t: check_rows(question, t, store=STORE, operation="insert"), ends
    )
    return await _Writer(executor, "insert", table, None, question.returning, ends).write(question.rows)


async def upsert(executor: Executor, question: Upsert, ends: float) -> Written:
    """Insert or update all rows or none; several rows with one key are laid over each other first."""
    table = await executor.table(question.table, "upsert", lambda t: _check_upsert(question, t), ends)
    writer = _Writer(executor, "upsert", table, question.target, question.returning, ends)
    if len(question.rows) == 1:
        return await writer.write(question.rows)
    merged = merge_by_key(question.rows, question.target)
    ordered = _in_key_order(merged)
    written = await writer.write(list(ordered.values()))
    if not question.returning:
        return written
    stored = dict(zip(ordered, written.rows, strict=True))
    if len(merged) == len(question.rows):
        return Written(written.count, [stored[key] for key in merged])
    return Written(written.count, [stored[tuple(row[name] for name in question.target)] for row in question.rows])


def _in_key_order(rows: dict[tuple[Any, ...], Row]) -> dict[tuple[Any, ...], Row]:
    """Sort rows by key, so that two batches over the same keys lock them in one order and cannot deadlock."""
    try:
        return dict(sorted(rows.items(), key=itemgetter(0)))
    except TypeError:
        return rows


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
        returning: bool,
        ends: float,
    ) -> None:
        self.executor = executor
        self.operation = operation
        self.table = table
        self.target = target
        self.returning = returning
        self.ends = ends

    async def write(self, rows: Sequence[Any]) -> Written:
        pieces = list(_pieces(rows))
        if len(pieces) == 1 and (len(rows) == 1 or self._many(pieces[0][0]) is not None):
            columns, _, piece = pieces[0]
            return await self._write_piece(self.executor, columns, piece)
        count, stored = 0, dict[int, Row]()
        async with self.executor.scope(timeout=max(self.ends - monotonic(), 0.001)) as scope:
            for columns, places, piece in pieces:
                written = await self._write_piece(scope, columns, piece)
                count += written.count
                stored.update(zip(places, written.rows, strict=self.returning))
        return Written(count, [stored[place] for place in sorted(stored)])

    async def _write_piece(self, executor: Executor, columns: tuple[str, ...], rows: Sequence[Row]) -> Written:
        partial = self.target is not None and bool(self.table.required_beyond(columns))
        many = self._many(columns) if len(rows) > 1 or partial else None
        if many is not None:
            return await self._send(executor, many, [self._records(columns, rows)], len(rows))
        one = self._one(columns)
        stored: list[Row] = []
        for row in rows:
            written = await self._send(executor, one, [row[name] for name in columns], 1)
            stored.extend(written.rows)
        return Written(len(rows), stored)

    async def _send(self, executor: Executor, statement: Statement, values: Sequence[Any], sent: int) -> Written:
        rows, count = await executor.run(
            self.operation,
            self.table.name,
            statement.sql,
            executor.bind(self.operation, self.table.name, statement, values),
            self.ends,
            has_rows=self.returning,
            writes=True,
        )
        if count != sent:
            raise StoreError(
                f"{count} of {sent} rows were written; a trigger or rule on the table withholds rows",
                store=STORE,
                operation=self.operation,
                table=self.table.name,
            )
        return Written(count, rows)

    def _records(self, columns: tuple[str, ...], rows: Sequence[Row]) -> str:
        try:
            return json_records(rows, [self.table.by_name[name] for name in columns]).decode()
        except psycopg.DataError as error:
            failure = translate(error, operation=self.operation, table=self.table.name)
        raise failure

    def _one(self, columns: tuple[str, ...]) -> Statement:
        key = (self.operation, self.table.name, columns, self.target, self.returning, "one")
        known = self.executor.shared.statements.get(key)
        if known is not None:
            return known
        statement = compiler.write_one(self.table, columns, self.target, wanted=self.returning)
        return self.executor.shared.keep(key, statement)

    def _many(self, columns: tuple[str, ...]) -> Statement | None:
        """Return the statement for many rows, or None where their types cannot travel as one parameter."""
        key = (self.operation, self.table.name, columns, self.target, self.returning, "many")
        known = self.executor.shared.statements.get(key)
        if known is not None or not compiler.fits_one_parameter(self.table, columns):
            return known
        statement = compiler.write_many(self.table, columns, self.target, wanted=self.returning)
        return self.executor.shared.keep(key, statement)


def _pieces(rows: Sequence[Any]) -> Iterator[tuple[tuple[str, ...], list[int], list[Row]]]:
    """Split rows by their columns and by the chunk size; yield columns, places in the batch, rows.

    The rows of one statement come back in the order they went in: INSERT takes its source's rows one by one and
    projects RETURNING for each (PostgreSQL 18 source, nodeModifyTable.c).
    """
    if len(rows) == 1:
        yield tuple(rows[0]), [0], [rows[0]]
        return
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, row in enumerate(rows):
        groups.setdefault(tuple(sorted(row)), []).append(place)
    for columns, places in groups.items():
        for start in range(0, len(places), CHUNK_ROWS):
            chunk = places[start : start + CHUNK_ROWS]
            yield columns, chunk, [rows[place] for place in chunk]
