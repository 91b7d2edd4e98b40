"""The SQLite store: one connection that writes, a few that read, each on a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Self, TypeVar

from datalayer.errors import DataLayerError, StoreError
from datalayer.query import Row, Select
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Health, Isolation
from datalayer.stores.sqlite.atomic import roll_back
from datalayer.stores.sqlite.connection import (
    BUSY_SECONDS,
    MEMORY,
    check_version,
    use_write_ahead_log,
    wait_for_locks,
)
from datalayer.stores.sqlite.errors import cannot_open
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.readers import Readers
from datalayer.stores.sqlite.session import SqliteSession, too_late
from datalayer.stores.sqlite.shared import Shared
from datalayer.stores.sqlite.snapshots import CopySnapshot, CursorSnapshot
from datalayer.stores.sqlite.transaction import Ground, SqliteTransaction
from datalayer.stores.sqlite.worker import Worker
from datalayer.telemetry import Observer

T = TypeVar("T")


class SqliteStore(SqliteSession):
    """A SQLite file, or a database in memory. Open it with :meth:`open`, close it with :meth:`close`.

    ``_logged``, whether the file has write-ahead logging, changes under the writer's lock. ``_abandoned`` are copies of
    ended streams; who has the writer's lock next drops them, should the stream have been cancelled while it did.
    """

    def __init__(self, writer: Worker, readers: Readers | None, shared: Shared) -> None:
        super().__init__(shared, shared.timeout)
        self._writer = writer
        self._readers = readers
        self._logged = readers is None
        self._abandoned: set[CopySnapshot] = set()

    @classmethod
    async def open(
        cls, path: str | Path, *, create: bool = True, timeout: float = 5.0, observers: Sequence[Observer] = ()
    ) -> Self:
        """Open a file, or ``":memory:"``.

        Args:
            path: of the file.
            create: whether a file that is missing is made.
            timeout: default deadline of a call in seconds, waiting for locks included.
            observers: who hears of each call.

        Raises:
            ConfigurationError: Python's SQLite library is too old, or a file that is not to be made is missing.
            UnavailableError: the file cannot be opened or is not a database.
        """
        check_version()
        name = str(path)
        try:
            writer = await Worker.start(name, writable=True, create=create, patience=timeout)
        except sqlite3.Error as error:
            raise cannot_open(error, name, create=create) from None
        readers = None if name == MEMORY else Readers(name, timeout)
        return cls(writer, readers, Shared(timeout, tuple(observers)))

    async def run(self, fn: Callable[[sqlite3.Connection], T], *, timeout: float | None = None) -> T:
        """Run a function on the connection that writes, on its thread, while nobody else writes.

        The connection is in autocommit mode. A transaction that the function leaves open is rolled back and reported.

        Args:
            fn: must not keep the connection.
            timeout: seconds for the function; None lets it take its time. Waiting for its turn has the store's timeout.

        Raises:
            StoreError: what SQLite raised, translated.
        """

        def job(connection: sqlite3.Connection) -> T:
            wait_for_locks(connection, self._timeout)
            try:
                answer = fn(connection)
                if connection.in_transaction:
                    raise StoreError("the function left a transaction open", store=STORE, operation="run")
                return answer
            finally:
                roll_back(connection)
                wait_for_locks(connection, BUSY_SECONDS)

        async with self._turn("run", self._timeout) as writer:
            try:
                async with asyncio.timeout(timeout):
                    return await writer.run(job, again=False)
            except TimeoutError as error:
                raise too_late("run", "", lent=True, error=error) from None
            except sqlite3.Error as error:
                raise self._translated(error, "run", "") from None
            finally:
                self._shared.asker.forget_schema()

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the live schema; kept after the first call until ``refresh``."""
        asker = self._shared.asker
        schema = await self._answer("catalog", "", lambda connection: asker.schema(connection, refresh=refresh), None)
        return schema.catalog

    async def health(self, *, timeout: float = 5.0) -> Health:
        """Ask ``select 1``."""
        started = perf_counter()
        try:
            await self._call("health", "", lambda connection: connection.execute("select 1").fetchone(), timeout, len)
        except DataLayerError as error:
            return Health(
                self.name, healthy=False, response_seconds=perf_counter() - started, error=type(error).__name__
            )
        return Health(self.name, healthy=True, response_seconds=perf_counter() - started)

    async def close(self) -> None:
        """Close every connection; what is running is interrupted, open transactions are rolled back."""
        if self._readers is not None:
            await self._readers.close()
        await self._writer.close()

    @asynccontextmanager
    async def _lend(self, *, writes: bool) -> AsyncIterator[Worker]:
        if self._readers is not None and not writes:
            async with self._readers.lend() as reader:
                yield reader
            return
        async with self._writer.lock:
            await self._prepare_to_write()
            yield self._writer

    @asynccontextmanager
    async def _turn(self, operation: str, seconds: float) -> AsyncIterator[Worker]:
        """Wait for the turn to write, so many seconds, and keep it over a block."""
        lock = self._writer.lock
        try:
            async with asyncio.timeout(seconds):
                await lock.acquire()
        except TimeoutError as error:
            raise too_late(operation, "", lent=False, error=error) from None
        try:
            await self._prepare_to_write()
            yield self._writer
        finally:
            lock.release()

    async def _prepare_to_write(self) -> None:
        if not self._logged:
            self._logged = await self._writer.run(use_write_ahead_log, again=False)
        if self._abandoned:
            abandoned = frozenset(self._abandoned)
            await self._writer.run(partial(_drop, abandoned), again=False)
            self._abandoned -= abandoned

    async def _drop_abandoned(self) -> None:
        """Drop the copies of ended streams; in a store that is closed they are gone already."""
        try:
            if not self._writer.closed:
                async with self._turn("stream", self._timeout):
                    pass
        except (StoreError, sqlite3.Error):
            if not self._writer.closed:
                raise

    @asynccontextmanager
    async def _scope(
        self, *, isolation: Isolation | None, read_only: bool, timeout: float | None
    ) -> AsyncIterator[SqliteTransaction]:
        seconds = self._seconds(timeout)
        async with self._ground(seconds, read_only=read_only) as ground:
            transaction = SqliteTransaction(self._shared, ground, seconds)
            async with transaction.ending("commit", "rollback"):
                await self._begin(ground, seconds)
                yield transaction

    async def _begin(self, ground: Ground, seconds: float) -> None:
        def begin(connection: sqlite3.Connection) -> None:
            connection.execute("begin" if ground.read_only else "begin immediate")
            if ground.read_only:
                # The snapshot is taken by the first read.
                connection.execute("select count(*) from sqlite_master").fetchone()

        await self._answer_on(nullcontext(ground.worker), "transaction", "", begin, seconds)

    @asynccontextmanager
    async def _ground(self, seconds: float, *, read_only: bool) -> AsyncIterator[Ground]:
        if self._readers is not None and read_only:
            async with self._readers.own() as reader:
                yield Ground(reader, read_only=True)
            return
        async with self._turn("transaction", seconds) as writer:
            if not read_only:
                yield Ground(writer, read_only=False)
                return
            try:
                await writer.run(_only_read, interrupt=False)
                yield Ground(writer, read_only=True)
            finally:
                if not writer.closed:
                    await writer.run(_read_and_write, interrupt=False)

    async def _chunks(self, question: Select, chunk_rows: int) -> AsyncGenerator[list[Row], None]:
        asker, table = self._shared.asker, question.table
        if self._readers is None:
            copy = CopySnapshot(asker, question)
            try:
                while chunk := await self._answer(
                    "stream", table, lambda connection: copy.chunk(connection, chunk_rows), None
                ):
                    yield chunk
            finally:
                self._abandoned.add(copy)
                await self._drop_abandoned()
            return
        async with self._readers.own() as reader:
            cursor = CursorSnapshot(asker, question)
            reader.opened.add(cursor)
            while chunk := await self._answer_on(
                nullcontext(reader), "stream", table, lambda connection: cursor.chunk(connection, chunk_rows), None
            ):
                yield chunk


def _drop(copies: Iterable[CopySnapshot], connection: sqlite3.Connection) -> None:
    for copy in copies:
        copy.close(connection)


def _only_read(connection: sqlite3.Connection) -> None:
    connection.execute("pragma query_only = on")


def _read_and_write(connection: sqlite3.Connection) -> None:
    connection.execute("pragma query_only = off")
