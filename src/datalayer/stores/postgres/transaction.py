"""A PostgreSQL transaction: the same verbs on one connection; nested ones are savepoints."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from datalayer.errors import StoreError, StoreTimeoutError, UnsupportedOperationError
from datalayer.query import Row
from datalayer.stores.contract import Isolation
from datalayer.stores.nesting import Nesting
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.executor import Parameters, ResultT
from datalayer.stores.postgres.lending import Connection
from datalayer.stores.postgres.session import PostgresSession
from datalayer.stores.postgres.shared import Shared


class PostgresTransaction(PostgresSession):
    """An open transaction. It ends with its block; using it afterwards is refused."""

    autocommit = False

    def __init__(self, connection: Connection, shared: Shared, turn: asyncio.Lock | None = None) -> None:
        super().__init__(shared)
        self._connection = connection
        #: One statement at a time, savepoints included: a deadline must cancel its own statement and no other task's.
        self._turn = turn or asyncio.Lock()
        self._nesting = Nesting(STORE)
        #: Set by the block that opened the transaction, when it leaves.
        self.ended = False

    async def take(self, seconds: float | None) -> Connection:
        """Return the transaction's own connection."""
        if self.ended:
            raise UnsupportedOperationError(STORE, "a call on a transaction that has ended", "open a new transaction")
        return self._connection

    async def give_back(self, connection: Connection) -> None:
        """Keep it: the block that opened the transaction gives it back."""

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
        await self._take_turn(operation, table, ends)
        try:
            return await super()._run(operation, table, sql, parameters, ends, has_rows, writes)
        finally:
            self._turn.release()

    async def work(
        self, operation: str, table: str, do: Callable[[Connection], Awaitable[ResultT]], ends: float
    ) -> ResultT:
        """Do a part of a write, one task at a time."""
        await self._take_turn(operation, table, ends)
        try:
            return await super().work(operation, table, do, ends)
        finally:
            self._turn.release()

    async def _take_turn(self, operation: str, table: str, ends: float) -> None:
        try:
            await asyncio.wait_for(self._turn.acquire(), ends - monotonic() if self._turn.locked() else None)
        except TimeoutError:
            raise StoreTimeoutError(
                "another task's statement held the transaction", store=STORE, operation=operation, table=table or None
            ) from None

    @asynccontextmanager
    async def scope(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AsyncIterator[PostgresTransaction]:
        """Open a savepoint."""
        if isolation is not None or read_only:
            raise UnsupportedOperationError(
                STORE, "another isolation level inside a transaction", "give it to the outermost transaction"
            )
        with self._nesting.block():
            async with self.connection() as connection:
                nested = PostgresTransaction(connection, self.shared, self._turn)
                async with transaction_scope(nested, None, read_only=False, timeout=None):
                    yield nested


@asynccontextmanager
async def transaction_scope(
    transaction: PostgresTransaction, isolation: Isolation | None, *, read_only: bool, timeout: float | None
) -> AsyncIterator[None]:
    """Begin, set the transaction's mode and timeouts in one round trip, and commit or roll back at the end."""
    connection = transaction._connection
    committing = False
    try:
        async with connection.transaction():
            if timeout is not None:
                await connection.execute(_settings(isolation, read_only=read_only, timeout=timeout))
            yield
            if connection.pgconn.transaction_status != TransactionStatus.INTRANS:
                raise _lost()
            committing = True
        return
    except psycopg.ProgrammingError as error:
        failure = _open_stream() if error.sqlstate is None else translate(error, operation="transaction")
    except psycopg.Error as error:
        failure = translate(error, operation="commit" if committing else "transaction", wrote=committing)
    finally:
        transaction.ended = True
    raise failure


def _open_stream() -> StoreError:
    """Build the error for psycopg's complaint about transactions that end out of order."""
    return StoreError(
        "a stream was still open at the end of the transaction; nothing of it is kept",
        store=STORE,
        operation="transaction",
        sqlstate="25000",
        hint="close the stream, or take all its rows, inside the transaction",
    )


def _lost() -> StoreError:
    """Build the error for a block that swallowed a failure: the server would undo everything at COMMIT, silently."""
    return StoreError(
        "an earlier statement of the transaction failed, or its connection was lost; nothing of it is kept",
        store=STORE,
        operation="transaction",
        sqlstate="25P02",
        hint="put statements that may fail into a nested transaction()",
    )


def _settings(isolation: Isolation | None, *, read_only: bool, timeout: float) -> sql.Composed:
    milliseconds = sql.Literal(max(1, round(timeout * 1000)))
    parts = [
        sql.SQL("SET LOCAL statement_timeout = {}").format(milliseconds),
        sql.SQL("SET LOCAL lock_timeout = {}").format(milliseconds),
    ]
    modes = []
    if isolation is not None:
        modes.append(_ISOLATION[isolation])
    if read_only:
        modes.append(sql.SQL("READ ONLY"))
    if modes:
        parts.insert(0, sql.SQL("SET TRANSACTION ") + sql.SQL(", ").join(modes))
    return sql.SQL("; ").join(parts)


_ISOLATION: dict[Isolation, sql.SQL] = {
    "read committed": sql.SQL("ISOLATION LEVEL READ COMMITTED"),
    "repeatable read": sql.SQL("ISOLATION LEVEL REPEATABLE READ"),
    "serializable": sql.SQL("ISOLATION LEVEL SERIALIZABLE"),
}
