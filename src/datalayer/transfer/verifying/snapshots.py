"""One side of a comparison at one moment: sessions that all see the same snapshot."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.rows import tuple_row

from datalayer.stores.contract import Session, Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.errors import translate
from datalayer.stores.postgres.session import PostgresSession
from datalayer.stores.sqlite.session import SqliteSession
from datalayer.transfer.readers.exactly import exactly, value_session

T = TypeVar("T")

#: Seconds for one statement: a table of any size is one statement, so only a stuck server should reach it.
PATIENCE: Final = 86_400.0

_SETTINGS: Final = (
    b"set local work_mem = '64MB'; set local jit = off; set local idle_in_transaction_session_timeout = 0;"
)
#: A server on this machine leaves processors to what hashes SQLite's rows here, a thread that another one helps.
_LEAVE_ROOM: Final = """
    select set_config('max_parallel_workers_per_gather', least(current_setting('max_parallel_workers_per_gather')::int,
                      greatest({processors} - 2, 0))::text, true)
    where inet_server_addr() is not distinct from inet_client_addr()
"""


class Side:
    """One store as it was when the comparison began; over REST, as it is at each page.

    Args:
        store: for what only the store itself can be asked.
        sessions: one for each job that may run at once; lent one at a time.
    """

    def __init__(self, store: Store, sessions: Sequence[Session]) -> None:
        self.store = store
        self._free: asyncio.Queue[Session] = asyncio.Queue()
        for session in sessions:
            self._free.put_nowait(session)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lend a session that nobody else uses."""
        session = await self._free.get()
        try:
            yield session
        finally:
            self._free.put_nowait(session)

    @asynccontextmanager
    async def sqlite(self) -> AsyncIterator[SqliteSession]:
        """Lend a session of SQLite."""
        async with self.session() as session:
            if not isinstance(session, SqliteSession):
                raise TypeError(f"a {session.name} store is not SQLite")
            yield session

    async def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query on PostgreSQL, values as the store reads them."""
        async with self.session() as session:
            if not isinstance(session, PostgresSession):
                raise TypeError(f"a {session.name} store takes no SQL here")
            async with session.connection() as connection:
                try:
                    async with connection.cursor(row_factory=tuple_row) as cursor:
                        await cursor.execute(sql.encode())
                        return await cursor.fetchall()
                except psycopg.Error as error:
                    raise translate(error, operation="verify") from None


async def together(first: Coroutine[Any, Any, T], second: Coroutine[Any, Any, T]) -> tuple[T, T]:
    """Run the same on both sides at once; the failure of one ends the other."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = group.create_task(first), group.create_task(second)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return tasks[0].result(), tasks[1].result()


@asynccontextmanager
async def snapshot(store: Store, jobs: int, *, beside: Store) -> AsyncGenerator[Side, None]:
    """Open a side for so many jobs at once; PostgreSQL exports one snapshot to all of its connections.

    Args:
        beside: the store of the other side.
    """
    async with AsyncExitStack() as stack:
        if isinstance(store, PostgresStore):
            connections = max(1, min(jobs, store.pool.max_size - 1))
            settings = _SETTINGS
            if beside.name == "sqlite":
                settings += _LEAVE_ROOM.format(processors=os.cpu_count() or 1).encode()
            yield Side(store, await _postgres_sessions(store, connections, settings, stack))
        elif store.name == "sqlite":
            yield Side(store, [await stack.enter_async_context(value_session(store, timeout=PATIENCE))])
        else:
            yield Side(store, [store] * jobs)


async def _postgres_sessions(
    store: PostgresStore, connections: int, settings: bytes, stack: AsyncExitStack
) -> list[PostgresSession]:
    sessions: list[PostgresSession] = []
    shared: str | None = None
    for _ in range(connections):
        session = await stack.enter_async_context(
            store.transaction(isolation="repeatable read", read_only=True, timeout=PATIENCE)
        )
        async with session.connection() as connection:
            try:
                if shared is not None:
                    await connection.execute(f"set transaction snapshot '{shared}'".encode())
                elif connections > 1:
                    cursor = await connection.execute(b"select pg_export_snapshot() as shared")
                    shared = (await cursor.fetchall())[0]["shared"]
                await connection.execute(settings)
                await stack.enter_async_context(exactly(connection))
            except psycopg.Error as error:
                raise translate(error, operation="snapshot") from None
        sessions.append(session)
    return sessions
