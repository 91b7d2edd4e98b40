"""The PostgreSQL store: a psycopg pool in autocommit, its settings, and transactions."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from select import POLLIN, poll
from time import perf_counter
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader
from psycopg_pool import AsyncConnectionPool

from datalayer.errors import ConfigurationError, DataLayerError
from datalayer.query import Row
from datalayer.stores.checks import check_timeout
from datalayer.stores.contract import Health, Isolation
from datalayer.stores.postgres.catalog import KINDS
from datalayer.stores.postgres.discretion import quiet_name
from datalayer.stores.postgres.errors import connection_failure
from datalayer.stores.postgres.lending import Connection, Lending, Pool
from datalayer.stores.postgres.session import PostgresSession
from datalayer.stores.postgres.shared import Shared
from datalayer.stores.postgres.transaction import PostgresTransaction, transaction_scope
from datalayer.stores.postgres.values import load_json
from datalayer.telemetry import Observer

#: Connection settings that find out about a dead network, unless the DSN sets its own (seconds; milliseconds for
#: tcp_user_timeout). Source: PostgreSQL 18 manual, "Parameter Key Words".
_NETWORK = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
    "application_name": "datalayer",
}

_SESSION = "SELECT set_config('TimeZone', 'UTC', false)"


class PostgresStore(PostgresSession):
    """PostgreSQL through a connection pool. Open it with :meth:`open`, close it with :meth:`close`."""

    def __init__(self, pool: Pool, lending: Lending, shared: Shared) -> None:
        super().__init__(shared)
        #: The psycopg pool, for what it alone can tell or lend.
        self.pool = pool
        self._lending = lending

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        min_size: int = 1,
        max_size: int = 10,
        timeout: float = 5.0,
        prepare: bool = True,
        observers: Sequence[Observer] = (),
    ) -> Self:
        """Connect, and fail at once where that is impossible.

        Args:
            dsn: a ``postgresql://`` URL or libpq key words.
            min_size: connections kept open.
            max_size: connections at most; further callers wait.
            timeout: default deadline of a call in seconds, waiting for a connection included; also the connect timeout.
            prepare: False for a pooler that cannot carry prepared statements (PgBouncer before 1.21).
            observers: who hears of each call.

        Raises:
            ConfigurationError: the DSN is malformed, or a parameter has a value that there is not.
            AccessDeniedError: the server refused the user or the password.
            UnavailableError: the server cannot be reached.
        """
        conninfo = _conninfo(dsn, timeout)
        first = await _connect(conninfo)
        await first.close()
        pool: Pool = AsyncConnectionPool(
            conninfo,
            name=quiet_name(),
            kwargs={"autocommit": True, "row_factory": dict_row, "context": _adapters()},
            min_size=min_size,
            max_size=max_size,
            timeout=timeout,
            # After it the pool tries again whenever it is asked, instead of pausing twice as long each time.
            reconnect_timeout=timeout,
            configure=_configure,
            check=_check_idle,
            open=False,
        )
        await pool.open()
        lending = Lending(pool)
        shared = Shared(timeout=timeout, prepare=prepare, observers=observers, pool_stats=lending.stats)
        lending.origin = shared
        return cls(pool, lending, shared)

    def take(self, seconds: float | None) -> Awaitable[Connection]:
        """Return a connection of the pool."""
        return self._lending.take(seconds)

    def give_back(self, connection: Connection) -> Awaitable[None]:
        """Take the connection back."""
        return self._lending.give_back(connection)

    @asynccontextmanager
    async def scope(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AsyncIterator[PostgresTransaction]:
        """Open a transaction; see the store contract."""
        check_timeout(timeout)
        seconds = self.shared.timeout if timeout is None else timeout
        async with self.connection(timeout=seconds) as connection:
            transaction = PostgresTransaction(connection, self.shared)
            async with transaction_scope(transaction, isolation, read_only=read_only, timeout=seconds):
                yield transaction

    async def health(self, *, timeout: float = 5.0) -> Health:
        """Ask ``select 1``."""
        started = perf_counter()
        ends = self.ends(timeout)
        try:
            await self.run("health", "", b"SELECT 1", None, ends)
        except DataLayerError as error:
            return Health(
                self.name, healthy=False, response_seconds=perf_counter() - started, error=type(error).__name__
            )
        return Health(self.name, healthy=True, response_seconds=perf_counter() - started)

    async def close(self) -> None:
        """Close every connection; calls that wait for one fail."""
        await self._lending.close()


_UNKNOWN_PARAMETER = re.compile(r"invalid URI query parameter: \"(\w+)\"")


def _conninfo(dsn: str, timeout: float) -> str:
    try:
        given = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        unknown = _UNKNOWN_PARAMETER.search(str(error))
        # Behind a ? that belongs to a password is no parameter.
        if unknown is not None and "@" not in dsn.partition("?")[2]:
            raise ConfigurationError(
                f"libpq knows no parameter {unknown[1]}, which the PostgreSQL URL has", variables=("DATABASE_URL",)
            ) from None
        raise ConfigurationError(
            "the PostgreSQL URL is malformed; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters"
            " as % codes, and behind a ? only parameters that libpq knows, such as sslmode",
            variables=("DATABASE_URL",),
        ) from None
    if not all(_is_port(part) for part in str(given.get("port") or "").split(",")):
        raise ConfigurationError(
            "the PostgreSQL URL has a port that is none; write a whole number from 1 to 65535",
            variables=("DATABASE_URL",),
        )
    defaults: dict[str, Any] = _NETWORK | {"connect_timeout": max(2, round(timeout))}
    return make_conninfo(**{**defaults, **given})


def _is_port(text: str) -> bool:
    """Whether libpq takes this for a port; nothing at all stands for its default."""
    return not text or (text.isdecimal() and 1 <= int(text) <= 65535)


async def _connect(conninfo: str) -> AsyncConnection[Any]:
    try:
        return await AsyncConnection.connect(conninfo, autocommit=True)
    except psycopg.Error as error:
        raise connection_failure(error) from None


async def _configure(connection: AsyncConnection[Row]) -> None:
    await connection.execute(_SESSION)


def _adapters() -> AdaptersMap:
    """Build what turns the server's text into values: as the contract says, and text for types it has no word for.

    An interval or a range would come as a psycopg object that no other store knows, and a timedelta has no months.
    """
    adapters = AdaptersMap(psycopg.adapters)
    set_json_loads(load_json, adapters)
    for info in psycopg.adapters.types:
        if info.name not in KINDS:
            adapters.register_loader(info.oid, TextLoader)
    return adapters


async def _check_idle(connection: AsyncConnection[Row]) -> None:
    """Refuse a connection that the server closed while it lay idle; costs a poll, seldom a round trip.

    An idle connection has nothing to read but a notice, the server's farewell or the end of the stream.
    """
    idle = poll()
    idle.register(connection.pgconn.socket, POLLIN)
    if idle.poll(0):
        await AsyncConnectionPool.check_connection(connection)
