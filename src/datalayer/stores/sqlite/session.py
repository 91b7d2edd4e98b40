"""The verbs of the store contract on SQLite, the same on a store and inside a transaction."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from time import perf_counter
from typing import Any, TypeVar, cast

from datalayer.errors import DataLayerError, InvalidValueError, SchemaError, StoreError, StoreTimeoutError
from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.stores.checks import check_isolation, check_timeout
from datalayer.stores.contract import Isolation, StoreName
from datalayer.stores.sqlite import writing
from datalayer.stores.sqlite.errors import is_busy, translate
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.shared import Shared
from datalayer.stores.sqlite.worker import Job, Worker
from datalayer.telemetry import CallEvent, notify

T = TypeVar("T")


class SqliteSession(ABC):
    """What SQLite can be asked; see :class:`datalayer.stores.contract.Session`."""

    name: StoreName = STORE

    def __init__(self, shared: Shared, timeout: float) -> None:
        self._shared = shared
        self._timeout = timeout

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match."""
        asker = self._shared.asker
        return await self._call(
            "select", question.table, lambda connection: asker.select(connection, question), timeout, len
        )

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""
        asker = self._shared.asker
        return await self._call(
            "count", question.table, lambda connection: asker.count(connection, question), timeout, lambda _: 1
        )

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none."""
        asker = self._shared.asker
        return await self._write(
            "insert", question.table, lambda connection: writing.insert(asker, connection, question), timeout
        )

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update all rows or none."""
        asker = self._shared.asker
        return await self._write(
            "upsert", question.table, lambda connection: writing.upsert(asker, connection, question), timeout
        )

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match."""
        asker = self._shared.asker
        return await self._write(
            "update", question.table, lambda connection: asker.update(connection, question), timeout
        )

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match."""
        asker = self._shared.asker
        return await self._write(
            "delete", question.table, lambda connection: asker.delete(connection, question), timeout
        )

    async def read(self, fn: Callable[[sqlite3.Connection], T], *, timeout: float | None = None) -> T:
        """Run a function that only reads: in a transaction on its connection, otherwise beside whoever writes.

        Args:
            fn: must not keep the connection; may be run again where another process's lock was in the way.
            timeout: seconds for the function; None takes the store's default.

        Raises:
            StoreError: what SQLite raised, translated.
        """
        return await self._answer("read", "", fn, timeout)

    async def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield rows of one snapshot, ``chunk_rows`` rows in memory at a time."""
        if chunk_rows < 1:
            raise InvalidValueError("must be at least 1", field="chunk_rows")
        started, rows, failure = perf_counter(), 0, None
        try:
            async with aclosing(self._chunks(question, chunk_rows)) as chunks:
                async for chunk in chunks:
                    for row in chunk:
                        rows += 1
                        yield row
        except DataLayerError as error:
            failure = type(error).__name__
            raise
        finally:
            if self._shared.observers:
                self._tell("stream", question.table, perf_counter() - started, rows, failure)

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[SqliteSession]:
        """Open a transaction, or a savepoint inside one; SQLite's are serializable whatever is asked for."""
        check_isolation(isolation)
        scope = self._scope(isolation=isolation, read_only=read_only, timeout=timeout)
        return cast("AbstractAsyncContextManager[SqliteSession]", scope)

    async def defer_foreign_keys(self) -> None:
        """Check foreign keys when the open transaction ends, not after each statement; nothing outside of one."""
        await self._answer(
            "transaction", "", lambda connection: connection.execute("pragma defer_foreign_keys = on").close(), None
        )

    @abstractmethod
    def _lend(self, *, writes: bool) -> AbstractAsyncContextManager[Worker]:
        """Lend a connection for one job."""

    @abstractmethod
    def _scope(
        self, *, isolation: Isolation | None, read_only: bool, timeout: float | None
    ) -> AbstractAsyncContextManager[Any]:
        """Open a transaction, or a savepoint inside one."""

    @abstractmethod
    def _chunks(self, question: Select, chunk_rows: int) -> AsyncGenerator[list[Row], None]:
        """Yield the rows of a stream, a chunk at a time."""

    async def _write(self, operation: str, table: str, job: Job[Written], timeout: float | None) -> Written:
        return await self._call(operation, table, job, timeout, lambda written: written.count, writes=True)

    async def _call(
        self,
        operation: str,
        table: str,
        job: Job[T],
        timeout: float | None,
        counted: Callable[[T], int],
        *,
        writes: bool = False,
    ) -> T:
        """Make one call of the contract: run its job, and tell who observes."""
        if not self._shared.observers:
            return await self._answer(operation, table, job, timeout, writes=writes)
        started, rows, failure = perf_counter(), 0, None
        try:
            answer = await self._answer(operation, table, job, timeout, writes=writes)
            rows = counted(answer)
            return answer
        except DataLayerError as error:
            failure = type(error).__name__
            raise
        finally:
            self._tell(operation, table, perf_counter() - started, rows, failure)

    async def _answer(
        self, operation: str, table: str, job: Job[T], timeout: float | None, *, writes: bool = False
    ) -> T:
        """Run a job on a connection of the session's choice."""
        return await self._answer_on(self._lend(writes=writes), operation, table, job, timeout)

    async def _answer_on(
        self,
        lending: AbstractAsyncContextManager[Worker],
        operation: str,
        table: str,
        job: Job[T],
        timeout: float | None,
    ) -> T:
        """Run a job on a lent connection before the deadline, and translate what goes wrong."""
        lent = False
        try:
            async with asyncio.timeout(self._seconds(timeout)), lending as worker:
                lent = True
                return await self._run(worker, job)
        except TimeoutError as error:
            raise too_late(operation, table, lent=lent, error=error) from None
        except (sqlite3.Error, UnicodeEncodeError) as error:
            raise self._translated(error, operation, table) from None

    def _seconds(self, timeout: float | None) -> float:
        check_timeout(timeout)
        return self._timeout if timeout is None else timeout

    async def _run(self, worker: Worker, job: Job[T]) -> T:
        return await worker.run(job)

    def _translated(self, error: sqlite3.Error | UnicodeEncodeError, operation: str, table: str) -> StoreError:
        asker = self._shared.asker
        translated = translate(error, operation=operation, table=table or None, facts=asker.facts(table))
        if isinstance(translated, SchemaError):
            asker.forget_schema()
        return translated

    def _tell(self, operation: str, table: str, seconds: float, rows: int, failure: str | None) -> None:
        event = CallEvent(STORE, operation, table, seconds, rows, failure)
        notify(self._shared.observers, event)


def too_late(operation: str, table: str, *, lent: bool, error: BaseException) -> StoreTimeoutError:
    """Build the error for a deadline that passed, waiting for a connection, for another process's lock, or at work."""
    cancelled = error.__cause__
    blocked = not lent or is_busy(cancelled.__cause__ if cancelled is not None else None)
    hint = "a transaction of this process is still open: ask inside it, or end it first" if not lent else None
    return StoreTimeoutError(
        "a lock was not free in time" if blocked else "the statement took longer than its timeout and was cancelled",
        store=STORE,
        operation=operation,
        table=table or None,
        sqlstate="55P03" if blocked else "57014",
        hint=hint,
    )
