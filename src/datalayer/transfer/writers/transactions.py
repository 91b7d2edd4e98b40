"""The transactions in which a copy writes into PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg import AsyncConnection

from datalayer.errors import TransferError
from datalayer.query import Row
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.lending import roll_back
from datalayer.transfer.writers.failures import failure

_LOCK_SECONDS = 60
#: A killed copy's statement must not go on for long: the next run waits for it.
_SETTINGS = (
    f"set local statement_timeout = 0; set local lock_timeout = '{_LOCK_SECONDS}s';"
    " set local synchronous_commit = on; set local client_encoding = 'UTF8'"
)
_NOTICE_A_DEAD_CLIENT = "set local client_connection_check_interval = '1s'"
_NOTICES_SINCE = 140000

#: Key of the advisory lock that one copy or load into a database holds.
_COPY_LOCK = 0x6461_7461_6C61_7965
_BUSY = "55P03"
#: Long enough for the server to notice that a killed copy is gone.
_PATIENCE = "15s"


@asynccontextmanager
async def plain_transaction(store: PostgresStore) -> AsyncIterator[AsyncConnection[Row]]:
    """Open a transaction with a copy's settings; psycopg's errors come as they are."""
    async with store.connection() as connection, connection.transaction():
        await connection.execute(_SETTINGS.encode())
        if connection.info.server_version >= _NOTICES_SINCE:
            await connection.execute(_NOTICE_A_DEAD_CLIENT.encode())
        yield connection


@asynccontextmanager
async def transaction(store: PostgresStore, table: str | None = None) -> AsyncIterator[AsyncConnection[Row]]:
    """Open a transaction with a copy's settings; errors are ours."""
    try:
        async with plain_transaction(store) as connection:
            yield connection
    except psycopg.Error as error:
        raise failure(error, table) from None


@asynccontextmanager
async def one_at_a_time(store: PostgresStore) -> AsyncIterator[None]:
    """Keep other copies and loads out of the database over a block, in a transaction that does nothing else.

    The server lets go of the lock when this process dies; a pooler between them keeps it with the transaction.
    """
    async with store.connection() as connection:
        try:
            await connection.execute(
                f"begin; set local lock_timeout = '{_PATIENCE}';"
                " set local idle_in_transaction_session_timeout = 0".encode()
            )
            await connection.execute("select pg_advisory_xact_lock(%s)", [_COPY_LOCK])
        except psycopg.Error as error:
            await roll_back(connection)
            if error.sqlstate != _BUSY:
                raise failure(error, None) from None
            raise TransferError(
                "another copy or load into this database is at work; wait for its end or stop it"
            ) from None
        try:
            yield
        finally:
            await roll_back(connection)
