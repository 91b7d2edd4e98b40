"""The verbs of the store contract on PostgreSQL, the same on a pooled connection and inside a transaction."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from time import monotonic
from typing import Any, TypeVar, cast
from uuid import uuid4

import psycopg

from datalayer.errors import StoreError
from datalayer.query import Count, Delete, Filter, Insert, Row, Select, Update, Upsert, Written
from datalayer.stores.catalog import Table
from datalayer.stores.checks import check_change, check_isolation, check_select
from datalayer.stores.contract import Isolation, StoreName
from datalayer.stores.postgres import compile as compiler
from datalayer.stores.postgres import writes
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.executor import unencodable
from datalayer.stores.postgres.lending import Connection
from datalayer.stores.postgres.raw import RawQueries
from datalayer.stores.postgres.statement import Statement

ChangeT = TypeVar("ChangeT", Update, Delete)


class PostgresSession(RawQueries):
    """What PostgreSQL can be asked; see :class:`datalayer.stores.contract.Session`."""

    name: StoreName = "postgres"

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match."""
        ends = self.ends(timeout)
        statement = await self._select_statement(question, ends)
        parameters = self.bind("select", question.table, statement, _select_values(question))
        rows, _ = await self.run("select", question.table, statement.sql, parameters, ends)
        return rows

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""
        ends = self.ends(timeout)
        where, name = question.where, question.table
        key = ("count", name, None if where is None else where.shape)
        statement = self.shared.statements.get(key)
        if statement is None:
            checked = Select(name, where)
            table = await self.table(
                name, "count", lambda t: check_select(checked, t, store=STORE, operation="count"), ends
            )
            statement = self.shared.keep(key, compiler.count(question, table))
        parameters = self.bind("count", name, statement, () if where is None else where.values())
        rows, _ = await self.run("count", name, statement.sql, parameters, ends)
        return cast("int", rows[0]["count"])

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none."""
        return await writes.insert(self, question, self.ends(timeout))

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update all rows or none."""
        return await writes.upsert(self, question, self.ends(timeout))

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match."""
        return await self._change(
            "update", question, tuple(question.changes), question.changes.values(), compiler.update, self.ends(timeout)
        )

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match."""
        return await self._change("delete", question, (), (), compiler.delete, self.ends(timeout))

    async def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield rows from a server-side cursor: one snapshot, ``chunk_rows`` rows in memory at a time.

        Only the wait for a connection has a deadline: rows come as fast as they are taken.
        """
        statement = await self._select_statement(question, self.ends(None))
        values = self.bind("stream", question.table, statement, _select_values(question))
        started, count, failure = monotonic(), 0, None
        try:
            async with self.connection() as connection:
                chunks = _chunks(connection, statement, values, question.table, chunk_rows)
                async with aclosing(chunks):
                    async for chunk in chunks:
                        for row in chunk:
                            count += 1
                            yield row
        except StoreError as error:
            failure = type(error).__name__
            raise
        finally:
            if self.shared.observers:
                self.tell("stream", question.table, monotonic() - started, count, failure)

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[PostgresSession]:
        """Open a transaction, or a savepoint inside one; see the store contract."""
        check_isolation(isolation)
        scope = self.scope(isolation=isolation, read_only=read_only, timeout=timeout)
        return cast("AbstractAsyncContextManager[PostgresSession]", scope)

    async def _change(
        self,
        operation: str,
        question: ChangeT,
        columns: tuple[str, ...],
        changes: Iterable[Any],
        compile_change: Callable[[ChangeT, Table], Statement],
        ends: float,
    ) -> Written:
        """Run an update of these columns, or a delete of none."""
        where: Filter | None = question.where
        name = question.table
        shape = None if where is None else where.shape
        key = (operation, name, columns, shape, question.returning, question.every_row)
        statement = self.shared.statements.get(key)
        if statement is None:
            table = await self.table(
                name, operation, lambda t: check_change(question, t, store=STORE, operation=operation), ends
            )
            statement = self.shared.keep(key, compile_change(question, table))
        parameters = self.bind(operation, name, statement, [*changes, *(() if where is None else where.values())])
        rows, count = await self.run(
            operation, name, statement.sql, parameters, ends, has_rows=question.returning, writes=True
        )
        return Written(count, rows)

    async def _select_statement(self, question: Select, ends: float) -> Statement:
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
            table = await self.table(question.table, "select", lambda t: check_select(question, t, store=STORE), ends)
            statement = self.shared.keep(key, compiler.select(question, table))
        return statement


def _select_values(question: Select) -> list[Any]:
    values = [] if question.where is None else list(question.where.values())
    if question.limit is not None:
        values.append(question.limit)
    if question.offset:
        values.append(question.offset)
    return values


async def _chunks(
    connection: Connection, statement: Statement, values: Sequence[Any], table: str, chunk_rows: int
) -> AsyncGenerator[list[Row]]:
    try:
        async with connection.transaction(), connection.cursor(name=f"stream_{uuid4().hex}") as cursor:
            await cursor.execute(statement.sql, values)
            while chunk := await cursor.fetchmany(chunk_rows):
                yield chunk
            return
    except psycopg.Error as error:
        failure: StoreError = translate(error, operation="stream", table=table)
    except UnicodeEncodeError:
        failure = unencodable("stream", table)
    raise failure
