"""The verbs of the store contract on PostgreSQL, the same on a pooled connection and inside a transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, cast
from uuid import uuid4

import psycopg

from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.stores.checks import check_change, check_select
from datalayer.stores.contract import Isolation, StoreName
from datalayer.stores.postgres import compile as compiler
from datalayer.stores.postgres import writes
from datalayer.stores.postgres.compile import Statement
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.raw import RawQueries


class PostgresSession(RawQueries):
    """What PostgreSQL can be asked; see :class:`datalayer.stores.contract.Session`."""

    name: StoreName = "postgres"

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match."""
        statement = await self._select_statement(question, timeout)
        rows, _ = await self.run(
            "select",
            question.table,
            statement.sql,
            self.bind("select", question.table, statement, _select_values(question)),
            timeout,
        )
        return rows

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""
        where = question.where
        key = ("count", question.table, None if where is None else where.shape)
        statement = self.shared.statements.get(key)
        if statement is None:
            checked = Select(question.table, where)
            table = await self.table(
                question.table,
                "count",
                lambda t: check_select(checked, t, store=STORE, operation="count"),
                timeout=timeout,
            )
            statement = self.shared.keep(key, compiler.count(question, table))
        values = () if where is None else where.values()
        rows, _ = await self.run(
            "count", question.table, statement.sql, self.bind("count", question.table, statement, values), timeout
        )
        return cast("int", rows[0]["count"])

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none."""
        return await writes.insert(self, question, timeout)

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update all rows or none."""
        return await writes.upsert(self, question, timeout)

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match."""
        where = question.where
        shape = None if where is None else where.shape
        key = ("update", question.table, tuple(question.changes), shape, question.returning, question.every_row)
        statement = self.shared.statements.get(key)
        if statement is None:
            table = await self.table(
                question.table,
                "update",
                lambda t: check_change(question, t, store=STORE, operation="update"),
                timeout=timeout,
            )
            statement = self.shared.keep(key, compiler.update(question, table))
        values = [*question.changes.values(), *(() if where is None else where.values())]
        rows, count = await self.run(
            "update",
            question.table,
            statement.sql,
            self.bind("update", question.table, statement, values),
            timeout,
            has_rows=question.returning,
            writes=True,
        )
        return Written(count, rows)

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match."""
        where = question.where
        shape = None if where is None else where.shape
        key = ("delete", question.table, shape, question.returning, question.every_row)
        statement = self.shared.statements.get(key)
        if statement is None:
            table = await self.table(
                question.table,
                "delete",
                lambda t: check_change(question, t, store=STORE, operation="delete"),
                timeout=timeout,
            )
            statement = self.shared.keep(key, compiler.delete(question, table))
        values = () if where is None else where.values()
        rows, count = await self.run(
            "delete",
            question.table,
            statement.sql,
            self.bind("delete", question.table, statement, values),
            timeout,
            has_rows=question.returning,
            writes=True,
        )
        return Written(count, rows)

    async def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield rows from a server-side cursor: one snapshot, ``chunk_rows`` rows in memory at a time."""
        statement = await self._select_statement(question, None)
        values = self.bind("stream", question.table, statement, _select_values(question))
        async with self.connection() as connection:
            try:
                async with connection.transaction(), connection.cursor(name=f"stream_{uuid4().hex}") as cursor:
                    await cursor.execute(statement.sql, values)
                    while chunk := await cursor.fetchmany(chunk_rows):
                        for row in chunk:
                            yield row
            except psycopg.Error as error:
                raise translate(error, operation="stream", table=question.table) from None

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[PostgresSession]:
        """Open a transaction, or a savepoint inside one; see the store contract."""
        scope = self.scope(isolation=isolation, read_only=read_only, timeout=timeout)
        return cast("AbstractAsyncContextManager[PostgresSession]", scope)

    async def _select_statement(self, question: Select, timeout: float | None) -> Statement:
        where, limit = question.where, question.limit
        key = (
            question.table,
            None if where is None else where.shape,
            question.order,
            question.columns,
            limit is None,
            question.offset == 0,
        )
        statement = self.shared.statements.get(key)
        if statement is None or question.offset < 0 or (limit is not None and limit < 0):
            table = await self.table(
                question.table, "select", lambda t: check_select(question, t, store=STORE), timeout=timeout
            )
            statement = self.shared.keep(key, compiler.select(question, table))
        return statement


def _select_values(question: Select) -> list[Any]:
    values = [] if question.where is None else list(question.where.values())
    if question.limit is not None:
        values.append(question.limit)
    if question.offset:
        values.append(question.offset)
    return values
