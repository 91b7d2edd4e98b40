"""A SQLite transaction: the same verbs on one connection; nested ones are savepoints."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from time import monotonic
from typing import TypeVar

from datalayer.errors import DataLayerError, SchemaError, StoreError, UnsupportedOperationError
from datalayer.query import Row, Select, asc
from datalayer.stores.contract import Isolation
from datalayer.stores.nesting import Nesting
from datalayer.stores.sqlite.atomic import roll_back
from datalayer.stores.sqlite.by_value import ValueAsker
from datalayer.stores.sqlite.codecs import quote
from datalayer.stores.sqlite.errors import is_busy
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.session import SqliteSession
from datalayer.stores.sqlite.shared import Shared
from datalayer.stores.sqlite.snapshots import CopySnapshot, CursorSnapshot
from datalayer.stores.sqlite.worker import Job, Worker

T = TypeVar("T")


@dataclass(slots=True)
class Ground:
    """What a transaction and its savepoints stand on.

    Args:
        worker: the connection, whose lock the transaction holds.
        turn: taken for each statement, should several tasks share the transaction.
        copies: of streams that are not read to their end.
    """

    worker: Worker
    read_only: bool
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    savepoints: count[int] = field(default_factory=lambda: count(1))
    copies: set[CopySnapshot] = field(default_factory=set)


class SqliteTransaction(SqliteSession):
    """An open transaction. It ends with its block; using it afterwards is refused.

    As on PostgreSQL, a statement that failed spoils the transaction: put what may fail into a nested one.
    """

    def __init__(self, shared: Shared, ground: Ground, timeout: float) -> None:
        super().__init__(shared, timeout)
        self._ground = ground
        self._nesting = Nesting(STORE)
        self._failed = False
        self._ended = False

    def ask_by_value(self, asker: ValueAsker) -> None:
        """From here on compare keys and times by their values, also those that are spelt otherwise than usual."""
        self._shared = replace(self._shared, asker=asker)

    async def compares_as_stored(self, table: str, columns: Sequence[str]) -> bool:
        """Say whether each of these columns is compared by what is stored, so that an index may give their order."""
        asker, ordered = self._shared.asker, Select(table, order=tuple(map(asc, columns)))

        def look(connection: sqlite3.Connection) -> bool:
            facts = asker.comparing(connection, asker.schema(connection).facts[table], ordered)
            return all(facts.codecs[name].compared == quote(name) for name in columns)

        return await self.read(look)

    @asynccontextmanager
    async def _lend(self, *, writes: bool) -> AsyncIterator[Worker]:
        if self._ended:
            raise UnsupportedOperationError(STORE, "a call on a transaction that has ended", "open a new transaction")
        async with self._ground.turn:
            if self._failed:
                raise _aborted()
            try:
                yield self._ground.worker
            except (asyncio.CancelledError, sqlite3.Error, UnicodeEncodeError, StoreError) as error:
                # What the checks refuse was never sent.
                self._failed = self._failed or not isinstance(error, SchemaError)
                raise

    async def _run(self, worker: Worker, job: Job[T]) -> T:
        def inside(connection: sqlite3.Connection) -> T:
            # SQLite rolls back by itself when a write is interrupted: what follows must not run outside.
            if not connection.in_transaction:
                raise _aborted()
            return job(connection)

        return await worker.run(inside, again=False)

    async def _chunks(self, question: Select, chunk_rows: int) -> AsyncGenerator[list[Row], None]:
        ground, asker = self._ground, self._shared.asker
        snapshot = CursorSnapshot(asker, question) if ground.read_only else CopySnapshot(asker, question)
        if isinstance(snapshot, CopySnapshot):
            ground.copies.add(snapshot)
        else:
            ground.worker.opened.add(snapshot)
        try:
            while chunk := await self._answer(
                "stream", question.table, lambda connection: snapshot.chunk(connection, chunk_rows), None
            ):
                yield chunk
        finally:
            # A transaction that has ended or failed has let go of it, or will.
            if not self._ended:
                with suppress(DataLayerError):
                    await self._answer("stream", question.table, snapshot.close, None)

    @asynccontextmanager
    async def _scope(
        self, *, isolation: Isolation | None, read_only: bool, timeout: float | None
    ) -> AsyncIterator[SqliteTransaction]:
        if isolation is not None or read_only:
            raise UnsupportedOperationError(
                STORE, "another isolation level inside a transaction", "give it to the outermost transaction"
            )
        savepoint = f"datalayer_{next(self._ground.savepoints)}"
        nested = SqliteTransaction(self._shared, self._ground, self._seconds(timeout))
        with self._nesting.block():
            await self._answer(
                "transaction", "", lambda connection: connection.execute(f"savepoint {savepoint}").close(), None
            )
            async with nested.ending(f"release {savepoint}", f"rollback to {savepoint}; release {savepoint}"):
                yield nested

    @asynccontextmanager
    async def ending(self, commit: str, rollback: str) -> AsyncIterator[None]:
        """End the transaction with its block: keep what it did, or on any error undo it."""
        try:
            yield
            if self._failed:
                raise _aborted()
            await self._finish(commit)
        except BaseException:
            await self._undo(rollback)
            raise
        finally:
            self._ended = True

    async def _finish(self, commit: str) -> None:
        copies = self._ground.copies

        def end(connection: sqlite3.Connection) -> None:
            if not connection.in_transaction:
                raise _aborted()
            if commit == "commit":
                for copy in copies:
                    copy.close(connection)
            _execute_patiently(connection, commit, self._timeout)

        try:
            await self._ground.worker.run(end, again=False, interrupt=False)
        except sqlite3.Error as error:
            raise self._translated(error, "commit", "") from None

    async def _undo(self, rollback: str) -> None:
        """Roll back; when the connection has been closed or SQLite rolled back by itself, that is done already."""
        worker = self._ground.worker

        def undo(connection: sqlite3.Connection) -> None:
            if rollback == "rollback":
                # As long as a cursor is open an interrupt hits every statement, the rollback too.
                worker.let_go(connection)
                roll_back(connection)
            elif connection.in_transaction:
                for statement in rollback.split("; "):
                    connection.execute(statement)

        if not worker.closed:
            await worker.run(undo, interrupt=False)


def _execute_patiently(connection: sqlite3.Connection, commit: str, seconds: float) -> None:
    """Commit; without write-ahead logging another process that reads may be in the way for a while."""
    deadline = monotonic() + seconds
    while True:
        try:
            connection.execute(commit)
        except sqlite3.OperationalError as error:
            if not is_busy(error) or monotonic() >= deadline:
                raise
        else:
            return


def _aborted() -> StoreError:
    return StoreError(
        "an earlier statement of the transaction failed; nothing of it is kept",
        store=STORE,
        operation="transaction",
        sqlstate="25P02",
        hint="put statements that may fail into a nested transaction()",
    )
