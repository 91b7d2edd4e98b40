"""One statement on one connection: deadline, error translation, telemetry. The only place where SQL is sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection

from datalayer.errors import (
    DataLayerError,
    OutcomeUnknownError,
    SchemaError,
    StoreError,
    StoreTimeoutError,
    UnfitValueError,
)
from datalayer.query import Row
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.contract import Isolation
from datalayer.stores.postgres.catalog import read_catalog
from datalayer.stores.postgres.compile import Statement
from datalayer.stores.postgres.deadline import Deadline
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.shared import Shared
from datalayer.telemetry import CallEvent

Connection: TypeAlias = AsyncConnection[Row]
Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]


class Executor(ABC):
    """Runs compiled statements on whatever connection a subclass lends.

    ``autocommit`` tells whether a statement stands alone: only then can a lost connection leave its outcome unknown.
    """

    autocommit = True

    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    @abstractmethod
    def connection(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]:
        """Lend a psycopg connection for a block: dict rows, autocommit unless inside a transaction."""

    @abstractmethod
    def scope(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[Executor]:
        """Open a transaction, or a savepoint inside one."""

    async def run(
        self,
        operation: str,
        table: str,
        sql: bytes,
        parameters: Parameters | None,
        timeout: float | None = None,
        *,
        has_rows: bool = True,
        writes: bool = False,
    ) -> tuple[list[Row], int]:
        """Execute one statement and return its rows and the number of rows it touched."""
        shared = self.shared
        seconds = shared.timeout if timeout is None else timeout
        started = perf_counter() if shared.observers else 0.0
        count, failure = 0, None
        try:
            async with self.connection(timeout=seconds) as connection:
                deadline = Deadline(connection, seconds)
                try:
                    cursor = await connection.execute(sql, parameters, prepare=shared.prepare)
                    rows = await cursor.fetchall() if has_rows else []
                except psycopg.Error as error:
                    raise self._failure(error, operation, table, passed=deadline.passed, writes=writes) from None
                except UnicodeEncodeError:
                    raise _unencodable(operation, table) from None
                finally:
                    await deadline.finish()
                count = cursor.rowcount
                return rows, count
        except DataLayerError as error:
            failure = type(error).__name__
            raise
        finally:
            if shared.observers:
                self._tell(operation, table, perf_counter() - started, count, failure)

    def bind(self, operation: str, table: str, statement: Statement, values: Iterable[Any]) -> list[Any]:
        """Return a statement's parameters, or raise UnfitValueError for one that would not be sent exactly."""
        try:
            return statement.bind(values)
        except psycopg.DataError as error:
            raise translate(error, operation=operation, table=table) from None

    def _failure(self, error: psycopg.Error, operation: str, table: str, *, passed: bool, writes: bool) -> StoreError:
        translated = translate(error, operation=operation, table=table, wrote=writes and self.autocommit)
        if table and isinstance(translated, SchemaError):
            self.shared.know(None)
        lost = translated.sqlstate is None and not isinstance(translated, OutcomeUnknownError)
        if passed and lost:
            return StoreTimeoutError(
                "the server did not answer in time", store=STORE, operation=operation, table=table, sqlstate="57014"
            )
        return translated

    async def table(
        self, name: str, operation: str, check: Callable[[Table], None], *, timeout: float | None = None
    ) -> Table:
        """Return the table after ``check`` accepted it; a schema that seems too old is read again once."""
        fresh = self.shared.catalog is None
        while True:
            catalog = await self._known_catalog(refresh=fresh, timeout=timeout)
            try:
                table = catalog.table(name, store=STORE, operation=operation)
                check(table)
            except SchemaError:
                if fresh:
                    raise
                fresh = True
            else:
                return table

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the live schema; kept after the first call until ``refresh``."""
        return await self._known_catalog(refresh=refresh, timeout=None)

    async def _known_catalog(self, *, refresh: bool, timeout: float | None) -> Catalog:
        known = self.shared.catalog
        if known is None or refresh:

            async def ask(sql: bytes) -> list[Row]:
                rows, _ = await self.run("catalog", "", sql, None, timeout)
                return rows

            known = await read_catalog(ask)
            self.shared.know(known)
        return known

    def _tell(self, operation: str, table: str, seconds: float, rows: int, failure: str | None) -> None:
        size, waiting = self.shared.pool_stats()
        event = CallEvent(STORE, operation, table, seconds, rows, failure, size, waiting)
        for observer in self.shared.observers:
            observer(event)


def _unencodable(operation: str, table: str) -> UnfitValueError:
    return UnfitValueError(
        "text must not contain half of a surrogate pair",
        store=STORE,
        operation=operation,
        table=table or None,
        sqlstate="22021",
    )
