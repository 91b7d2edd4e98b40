"""Who holds a connection of the pool, and who waits for one."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from datalayer.errors import UnavailableError
from datalayer.query import Row
from datalayer.stores.postgres.errors import STORE

Connection: TypeAlias = AsyncConnection[Row]
Pool: TypeAlias = AsyncConnectionPool[Connection]
#: What ends a wait: a connection from the hand of another caller, or None: a place among those who ask the pool.
_Waiter: TypeAlias = "asyncio.Future[Connection | None]"

#: Seconds after which one connection that is waited for goes through the pool, which serves those who ask it directly
#: and closes connections that have lived long enough.
_ROUND_SECONDS = 0.1


async def roll_back(connection: Connection) -> None:
    """Leave a transaction whose end nobody waits for; what ended its connection is told by whoever was using it."""
    with suppress(psycopg.Error):
        await connection.rollback()


class Lending:
    """Lends the pool's connections. As many callers as it can hold ask the pool, later ones wait in line here.

    A connection that is waited for goes from hand to hand: to wait here costs a future, to wait in the pool a task, a
    lock and a condition. Its fields change on the event loop's thread only.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        #: What errors tell the store by; set by the store.
        self.origin: object | None = None
        self._waiting: deque[_Waiter] = deque()
        #: Callers with a connection, or with a place among those who ask the pool for one.
        self._lent = 0
        #: Those of them who have none yet: they came before everyone in line.
        self._asking = 0
        self._next_round = 0.0

    async def take(self, seconds: float | None) -> Connection:
        """Return a connection to be given back; by default the pool's timeout says how long to wait for it.

        Raises:
            UnavailableError: none was free in time, or the pool is closed.
        """
        try:
            if self._lent < self._pool.max_size or self._pool.closed:
                self._lent += 1
            else:
                ends = monotonic() + (self._pool.timeout if seconds is None else seconds)
                connection = await self._wait_in_line(ends)
                if connection is not None:
                    return connection
                seconds = ends - monotonic()
            self._asking += 1
            try:
                return await self._pool.getconn(seconds)
            except BaseException:
                self._leave()
                raise
            finally:
                self._asking -= 1
        except (PoolTimeout, PoolClosed) as error:
            raise self._unavailable(error) from None

    async def give_back(self, connection: Connection) -> None:
        """Take a connection back, whatever state it is in."""
        if self._waiting and not self._asking:
            idle = connection.pgconn.transaction_status == TransactionStatus.IDLE
            now = monotonic()
            if idle and now < self._next_round and self._hand_on(connection):
                return
            self._next_round = now + _ROUND_SECONDS
        try:
            await self._pool.putconn(connection)
        finally:
            if self._waiting:
                self._leave()
            else:
                self._lent -= 1

    async def close(self) -> None:
        """Close the pool; whoever waits is told so."""
        await self._pool.close()
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_exception(PoolClosed())

    def stats(self) -> tuple[int, int]:
        """Return how many connections are open and how many callers wait for one."""
        stats = self._pool.get_stats()
        return stats.get("pool_size", 0), stats.get("requests_waiting", 0) + len(self._waiting)

    async def _wait_in_line(self, ends: float) -> Connection | None:
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(ends - monotonic(), _expire, waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.cancelled() or waiter.exception() is not None:
                self._step_out(waiter)
            else:
                await self._decline(waiter.result())
            raise
        finally:
            timer.cancel()

    def _step_out(self, waiter: _Waiter) -> None:
        with suppress(ValueError):
            self._waiting.remove(waiter)

    async def _decline(self, handed: Connection | None) -> None:
        """Pass on what a caller was given in the moment of being cancelled."""
        if handed is None:
            self._leave()
        else:
            await self.give_back(handed)

    def _leave(self) -> None:
        if not self._hand_on(None):
            self._lent -= 1

    def _hand_on(self, connection: Connection | None) -> bool:
        """Give the first in line the connection, or None: the place; say whether anyone is there."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _unavailable(self, error: PoolTimeout | PoolClosed) -> UnavailableError:
        closed = isinstance(error, PoolClosed)
        told = UnavailableError(
            "the store is closed" if closed else "no connection was free or could be opened in time",
            store=STORE,
            operation="connect",
            sqlstate="08003" if closed else "08001",
            hint=None if closed else "is the server running? raise POSTGRES_MAX_CONNECTIONS if callers wait",
        )
        told.origin = self.origin
        return told


def _expire(waiter: _Waiter) -> None:
    if not waiter.done():
        waiter.set_exception(PoolTimeout())
