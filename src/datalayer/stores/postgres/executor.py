"""One statement on one connection: deadline, error translation, telemetry. The only place where SQL is sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import monotonic
from typing import Any, TypeAlias, TypeVar

import psycopg

from datalayer.collecting import MANY_ROWS, uncollected
from datalayer.errors import (
    DataLayerError,
    InvalidValueError,
    OutcomeUnknownError,
    SchemaError,
    StoreError,
    StoreTimeoutError,
    TransactionConflictError,
    UnfitValueError,
)
from datalayer.query import Row
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.checks import check_timeout
from datalayer.stores.contract import Isolation
from datalayer.stores.postgres.catalog import read_catalog
from datalayer.stores.postgres.deadline import Deadline
from datalayer.stores.postgres.errors import STORE, came_from, translate
from datalayer.stores.postgres.lending import Connection
from datalayer.stores.postgres.shared import Shared
from datalayer.stores.postgres.statement import Statement
from datalayer.telemetry import CallEvent, notify

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]
ResultT = TypeVar("ResultT")

#: "cached plan must not change result type": a column's type was altered after the statement was prepared.
_STALE_PLAN = "0A000"
#: psycopg sees this go by and forgets its own list of prepared statements.
_FORGET_PLANS = b"DEALLOCATE ALL"


class Executor(ABC):
    """Runs compiled statements on whatever connection a subclass lends.

    ``autocommit`` tells whether a statement stands alone: only then can a lost connection leave its outcome unknown.
    """

    autocommit = True

    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    @abstractmethod
    def take(self, seconds: float | None) -> Awaitable[Connection]:
        """Return a connection, to be given back, within so many seconds."""

    @abstractmethod
    def give_back(self, connection: Connection) -> Awaitable[None]:
        """Take a connection back, whatever state it is in."""

    @asynccontextmanager
    async def connection(self, *, timeout: float | None = None) -> AsyncIterator[Connection]:
        """Lend a psycopg connection for a block: dict rows, autocommit unless inside a transaction.

        For what the store itself cannot say.
        """
        try:
            connection = await self.take(timeout)
            try:
                yield connection
            finally:
                await self.give_back(connection)
        except (psycopg.Error, StoreError) as error:
            came_from(error, self.shared)
            raise

    @abstractmethod
    def scope(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[Executor]:
        """Open a transaction, or a savepoint inside one."""

    def ends(self, timeout: float | None) -> float:
        """Return the moment, on the monotonic clock, at which a call's budget runs out."""
        if timeout is None:
            return monotonic() + self.shared.timeout
        check_timeout(timeout)
        return monotonic() + timeout

    def run(
        self,
        operation: str,
        table: str,
        sql: bytes,
        parameters: Parameters | None,
        ends: float,
        *,
        has_rows: bool = True,
        writes: bool = False,
    ) -> Awaitable[tuple[list[Row], int]]:
        """Execute one statement and return its rows and the number of rows it touched."""
        work = self._run(operation, table, sql, parameters, ends, has_rows, writes)
        return self._observed(operation, table, work) if self.shared.observers else work

    async def _observed(
        self, operation: str, table: str, work: Awaitable[tuple[list[Row], int]]
    ) -> tuple[list[Row], int]:
        started = monotonic()
        count, failure = 0, None
        try:
            rows, count = await work
        except DataLayerError as error:
            failure = type(error).__name__
            raise
        finally:
            self.tell(operation, table, monotonic() - started, count, failure)
        return rows, count

    async def _run(
        self,
        operation: str,
        table: str,
        sql: bytes,
        parameters: Parameters | None,
        ends: float,
        has_rows: bool,
        writes: bool,
    ) -> tuple[list[Row], int]:
        connection = await self.take(max(ends - monotonic(), 0.0))
        deadline = Deadline(connection, ends - monotonic())
        try:
            cursor = connection.cursor()
            try:
                await cursor.execute(sql, parameters, prepare=self.shared.prepare)
            except psycopg.errors.FeatureNotSupported:
                if not self.autocommit:
                    raise
                await cursor.execute(_FORGET_PLANS)
                await cursor.execute(sql, parameters, prepare=self.shared.prepare)
            if has_rows and cursor.rownumber is not None:
                if cursor.rowcount < MANY_ROWS:
                    return await cursor.fetchall(), cursor.rowcount
                with uncollected():
                    return await cursor.fetchall(), cursor.rowcount
            return [], cursor.rowcount
        except psycopg.Error as error:
            failure = self._failure(error, operation, table, passed=deadline.passed, writes=writes)
            if error.sqlstate == _STALE_PLAN and not self.autocommit:
                await connection.close()
        except UnicodeEncodeError:
            failure = unencodable(operation, table)
        finally:
            try:
                if deadline.stop():
                    await deadline.finish()
            finally:
                await self.give_back(connection)
        came_from(failure, self.shared)
        # Raised out here, the error has no context, which would quote row values.
        raise failure

    async def work(
        self, operation: str, table: str, do: Callable[[Connection], Awaitable[ResultT]], ends: float
    ) -> ResultT:
        """Do a part of a write on the connection, several statements maybe, unheard by observers."""
        async with self.connection(timeout=max(ends - monotonic(), 0.0)) as connection:
            deadline = Deadline(connection, ends - monotonic())
            try:
                return await do(connection)
            except psycopg.Error as error:
                failure = self._failure(error, operation, table, passed=deadline.passed, writes=True)
            finally:
                if deadline.stop():
                    await deadline.finish()
        raise failure

    def bind(self, operation: str, table: str, statement: Statement, values: Iterable[Any]) -> list[Any]:
        """Return a statement's parameters, or raise UnfitValueError for one that would not be sent exactly."""
        try:
            return statement.bind(values)
        except psycopg.DataError as error:
            failure = translate(error, operation=operation, table=table)
        raise failure

    def _failure(self, error: psycopg.Error, operation: str, table: str, *, passed: bool, writes: bool) -> StoreError:
        translated = translate(error, operation=operation, table=table, wrote=writes and self.autocommit)
        if table and isinstance(translated, SchemaError):
            self.shared.know(None)
        if table and error.sqlstate == _STALE_PLAN and not self.autocommit:
            return TransactionConflictError(
                "the schema changed under a prepared statement",
                store=STORE,
                operation=operation,
                table=table,
                sqlstate=_STALE_PLAN,
                hint="run the transaction again",
            )
        lost = translated.sqlstate is None and not isinstance(translated, OutcomeUnknownError)
        if passed and lost:
            return StoreTimeoutError(
                "the server did not answer in time", store=STORE, operation=operation, table=table, sqlstate="57014"
            )
        return translated

    async def table(self, name: str, operation: str, check: Callable[[Table], None], ends: float) -> Table:
        """Return the table after ``check`` accepted it; a schema that seems too old is read again once."""
        fresh = self.shared.catalog is None
        while True:
            catalog = await self._known_catalog(ends, refresh=fresh)
            try:
                table = catalog.table(name, store=STORE, operation=operation)
                check(table)
            except RecursionError:
                raise InvalidValueError("the filter is nested too deeply") from None
            except SchemaError:
                if fresh:
                    raise
                fresh = True
            else:
                return table

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the live schema; kept after the first call until ``refresh``."""
        return await self._known_catalog(self.ends(None), refresh=refresh)

    async def _known_catalog(self, ends: float, *, refresh: bool) -> Catalog:
        known = self.shared.catalog
        if known is None or refresh:

            async def ask(sql: bytes) -> list[Row]:
                rows, _ = await self.run("catalog", "", sql, None, ends)
                return rows

            known = await read_catalog(ask)
            self.shared.know(known)
        return known

    def tell(self, operation: str, table: str, seconds: float, rows: int, failure: str | None) -> None:
        """Tell the observers of a finished call."""
        size, waiting = self.shared.pool_stats()
        event = CallEvent(STORE, operation, table, seconds, rows, failure, size, waiting)
        notify(self.shared.observers, event)


def unencodable(operation: str, table: str) -> UnfitValueError:
    """Build the error for text that has no UTF-8."""
    return UnfitValueError(
        "text must not contain half of a surrogate pair",
        store=STORE,
        operation=operation,
        table=table or None,
        sqlstate="22021",
    )
