"""A PostgreSQL transaction: the same verbs on one connection; nested ones are savepoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.pq import TransactionStatus

from datalayer.errors import StoreError, UnsupportedOperationError
from datalayer.query import Row
from datalayer.stores.contract import Isolation
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.session import PostgresSession
from datalayer.stores.postgres.shared import Shared


class PostgresTransaction(PostgresSession):
    """An open transaction. It ends with its block; using it afterwards is refused."""

    autocommit = False

    def __init__(self, connection: AsyncConnection[Row], shared: Shared) -> None:
        super().__init__(shared)
        self._connection = connection
        #: Set by the block that opened the transaction, when it leaves.
        self.ended = False

    @asynccontextmanager
    async def connection(self, *, timeout: float | None = None) -> AsyncIterator[AsyncConnection[Row]]:
        """Lend the transaction's own connection."""
        if self.ended:
            raise UnsupportedOperationError(STORE, "a call on a transaction that has ended", "open a new transaction")
        yield self._connection

    @asynccontextmanager
    async def scope(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AsyncIterator[PostgresTransaction]:
        """Open a savepoint."""
        if isolation is not None or read_only:
            raise UnsupportedOperationError(
                STORE, "another isolation level inside a transaction", "give it to the outermost transaction"
            )
        async with self.connection() as connection:
            nested = PostgresTransaction(connection, self.shared)
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
            if connection.pgconn.transaction_status == TransactionStatus.INERROR:
                raise _aborted()
            committing = True
    except psycopg.Error as error:
        raise translate(error, operation="commit" if committing else "transaction", wrote=committing) from None
    finally:
        transaction.ended = True


def _aborted() -> StoreError:
    """Build the error for a block that swallowed a failed statement: the server would undo it at COMMIT, silently."""
    return StoreError(
        "an earlier statement of the transaction failed; nothing of it is kept",
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
