"""Capture inside of PostgreSQL: the script, triggers on each table, what is there, and how it goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final, TypeAlias

import psycopg
from psycopg import AsyncConnection, sql

from datalayer.errors import ConfigurationError, StoreTimeoutError
from datalayer.outbox.capture.status import CaptureStatus, Installed, status_from
from datalayer.outbox.scripts import read_script
from datalayer.outbox.tables import SCRIPT, followed
from datalayer.query import Row
from datalayer.stores.catalog import RELOAD_SCHEMA, Table
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.errors import STORE, translate

Connection: TypeAlias = AsyncConnection[Row]

_SCRIPTS: Final = ("outbox/postgres.sql", "outbox/postgres_journal.sql")
#: What only Supabase has goes first; wherever it is not, that does nothing.
UNINSTALL: Final = ("supabase/uninstall.sql", "outbox/postgres_uninstall.sql")
_POLL_SECONDS: Final = 0.05

#: One may stand before the database, whatever we were told that it is.
_TELL_POSTGREST: Final = RELOAD_SCHEMA.encode()
#: Where the bookkeeping is, or would be made; NULL where the search path names no schema that exists.
_HOME: Final = """
    select coalesce((select relnamespace::regnamespace::text from pg_class
                     where oid = to_regclass('datalayer_control')), quote_ident(current_schema())) as home
"""
_QUALIFIED: Final = """
    select coalesce(array_agg(c.oid::bigint), '{}') as tables from pg_class c
    where c.relkind in ('r', 'p') and not c.relispartition and pg_table_is_visible(c.oid)
        and c.relname = any (%s)
"""


async def install(
    store: PostgresStore,
    tables: Iterable[str] | None = None,
    *,
    scripts: Sequence[str] = _SCRIPTS,
    lock_timeout: float = 10.0,
    settle_timeout: float = 30.0,
) -> Installed:
    """Make the bookkeeping, arm the tables, and wait until older transactions are over; may be run again at any time.

    Each table is armed in a transaction of its own, which waits for those that have written the table; writers that
    come meanwhile wait behind it.

    Args:
        tables: None for all that have a usable key. Tables whose triggers are outdated get new ones in any case.
        scripts: what makes the bookkeeping.
        lock_timeout: seconds to wait for one table.
        settle_timeout: seconds to wait at the end for transactions that had begun before.

    Raises:
        SelectionError: a named table is not there, or cannot be followed.
        ConfigurationError: a table's key is deferrable, or the database has a newer script.
        StoreTimeoutError: a table was in use for too long; the tables before it stay armed.
    """
    chosen = followed(await store.catalog(refresh=True), None if tables is None else list(tables))
    async with _lent(store, "install") as connection:
        home = await _home(connection)
        await _refuse_newer(connection)
        async with connection.transaction():
            await _enter(connection, home, lock_timeout)
            await connection.execute("select pg_advisory_xact_lock(hashtext('datalayer.install'))")
            for script in scripts:
                await connection.execute(read_script(script).encode())
        outdated = (await status(store)).outdated
        catalog = await store.catalog()
        named = {table.name for table in chosen}
        chosen += [table for table in followed(catalog) if table.name in outdated and table.name not in named]
        armed = [table.name for table in chosen if await _arm(connection, home, table, lock_timeout)]
        await connection.execute(_TELL_POSTGREST)
        settled = await _settle(connection, settle_timeout)
    return Installed(tuple(armed), await status(store), settled)


async def uninstall(store: PostgresStore, *, lock_timeout: float = 10.0) -> bool:
    """Take away triggers, functions and bookkeeping, entries included; False where nothing was there.

    That is so in Supabase too, over the project's direct address.
    """
    async with _lent(store, "uninstall") as connection:
        if not await _is_installed(connection):
            return False
        async with connection.transaction():
            await _enter(connection, await _home(connection), lock_timeout)
            for script in UNINSTALL:
                await connection.execute(read_script(script).encode())
            await connection.execute(_TELL_POSTGREST)
    await store.catalog(refresh=True)
    return True


async def status(store: PostgresStore) -> CaptureStatus:
    """Say what is installed; changes nothing."""
    catalog = await store.catalog(refresh=True)
    answer = None
    async with _lent(store, "status") as connection:
        if await _is_installed(connection):
            found = await (await connection.execute(_QUALIFIED, [list(catalog.tables)])).fetchone()
            home = await _home(connection)
            answer = await _one(
                connection, f"select {home}.datalayer_status(%s::bigint[]::oid[]::regclass[])", [_only(found)]
            )
    return status_from(answer, catalog)


async def fence(store: PostgresStore, *, timeout: float | None = None) -> None:
    """Refuse writes to the armed tables from now on; returns when every transaction that wrote one is over."""
    await store.fetch_one("select datalayer_fence()", timeout=timeout)


async def unfence(store: PostgresStore, *, timeout: float | None = None) -> None:
    """Let writes happen again."""
    await store.fetch_one("select datalayer_unfence()", timeout=timeout)


@asynccontextmanager
async def _lent(store: PostgresStore, operation: str) -> AsyncIterator[Connection]:
    """Lend a connection; what psycopg raises in the block is raised in the library's words."""
    try:
        async with store.connection() as connection:
            yield connection
        return
    except psycopg.Error as error:
        failure = translate(error, operation=operation)
    raise failure


async def _home(connection: Connection) -> str:
    home = await _one(connection, _HOME)
    if home is None:
        raise ConfigurationError("the search path names no schema that exists; create one or set search_path")
    return str(home)


async def _is_installed(connection: Connection) -> bool:
    return bool(await _one(connection, "select to_regclass('datalayer_control') is not null"))


async def _refuse_newer(connection: Connection) -> None:
    if not await _is_installed(connection):
        return
    script = await _one(connection, "select script from datalayer_control")
    if script is not None and script > SCRIPT:
        raise ConfigurationError(
            f"the database has version {script} of the outbox's script, this package has {SCRIPT}; upgrade the package"
        )


async def _enter(connection: Connection, home: str, lock_timeout: float) -> None:
    await connection.execute(f"set local search_path = {home}, pg_temp".encode())
    await connection.execute(
        sql.SQL("set local lock_timeout = {}").format(sql.Literal(max(1, round(lock_timeout * 1000))))
    )


async def _arm(connection: Connection, home: str, table: Table, lock_timeout: float) -> bool:
    found = await (await connection.execute(_QUALIFIED, [[table.name]])).fetchone()
    try:
        async with connection.transaction():
            await _enter(connection, home, lock_timeout)
            return bool(await _one(connection, "select datalayer_arm(%s::bigint::oid::regclass)", [_only(found)[0]]))
    except psycopg.errors.LockNotAvailable:
        failure: Exception = StoreTimeoutError(
            "the table was in use for too long; nothing of it is kept",
            store=STORE,
            operation="install",
            table=table.name,
            sqlstate="55P03",
            hint="end long transactions on it, or allow more with --lock-timeout, and install again",
        )
    except psycopg.errors.FeatureNotSupported as error:
        failure = ConfigurationError(f"{error.diag.message_primary}; leave the table out")
    raise failure


async def _settle(connection: Connection, seconds: float) -> bool:
    """Wait until all transactions that were running are over; False when that took too long."""
    ends = monotonic() + seconds
    horizon = await _one(connection, "select pg_snapshot_xmax(pg_current_snapshot())::text")
    query = "select pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8"
    while not await _one(connection, query, [horizon]):
        if monotonic() > ends:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


async def _one(connection: Connection, query: str, parameters: Sequence[Any] = ()) -> Any:
    found = await (await connection.execute(query.encode(), parameters or None)).fetchone()
    return _only(found)


def _only(found: Row | None) -> Any:
    return None if found is None else next(iter(found.values()))
