"""Applies migration files to PostgreSQL: one process at a time, one transaction per file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import Diagnostic
from psycopg.pq import TransactionStatus

from datalayer.errors import DataLayerError, MigrationError, UnavailableError
from datalayer.migrations.failures import file_failure
from datalayer.migrations.files import NON_TRANSACTIONAL, MigrationFile, Series
from datalayer.migrations.ledger import LEDGER_TABLE, AppliedMigration, MigrationRecord, pending
from datalayer.migrations.statements import Statement
from datalayer.stores.postgres.errors import translate

Connection: TypeAlias = AsyncConnection[dict[str, Any]]

#: Key of the advisory lock, one per database: the first eight bytes of SHA-256 of "datalayer.migrations", signed.
TURN_KEY: Final = -2943694767040221663

_TURN_POLL_SECONDS = 0.2

#: What to do about some SQLSTATEs. Source: PostgreSQL 18 manual, appendix A.
_HINTS: Final = {
    "25001": f"make the first line of the file: {NON_TRANSACTIONAL}",
    "42P07": "it was made by other means, for example by a copy; start from an empty database, migrate, then copy",
    "55P03": "a table is in use; try again, or allow a longer lock_timeout",
}

_CREATE_LEDGER: LiteralString = f"""
    create table {LEDGER_TABLE} (
        series text not null,
        version text not null,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default now(),
        duration_seconds double precision not null,
        primary key (series, version)
    )
"""


async def apply_files(
    connection: Connection, series: Series, *, lock_timeout: float, turn_timeout: float
) -> list[AppliedMigration]:
    """Apply what is pending; see :func:`datalayer.migrations.apply`."""
    try:
        async with _turn(connection, turn_timeout):
            if not await _has_ledger(connection):
                await connection.execute(_CREATE_LEDGER)
            files = pending(series, await read_records(connection, series))
            return [await _apply_file(connection, series, file, lock_timeout) for file in files]
    except psycopg.Error as error:
        raise translate(error, operation="migrate", table=LEDGER_TABLE) from None


async def read_records(connection: Connection, series: Series) -> list[MigrationRecord]:
    """Return what is recorded as applied; nothing where there is no schema_migrations yet."""
    try:
        if not await _has_ledger(connection):
            return []
        cursor = await connection.execute(
            f"select version, name, checksum, applied_at, duration_seconds from {LEDGER_TABLE} where series = %s",
            (series.name,),
        )
    except psycopg.errors.UndefinedColumn:
        raise MigrationError(
            f"the table {LEDGER_TABLE} was made by another tool; give datalayer a schema of its own, for example with"
            " ?options=-csearch_path%3Ddatalayer in the URL"
        ) from None
    except psycopg.Error as error:
        raise translate(error, operation="migrate", table=LEDGER_TABLE) from None
    return [MigrationRecord(**row) for row in await cursor.fetchall()]


@asynccontextmanager
async def _turn(connection: Connection, seconds: float) -> AsyncIterator[None]:
    """Hold the advisory lock of this database.

    Waiting is a series of short questions: a session that waits inside of a statement holds a snapshot, and CREATE
    INDEX CONCURRENTLY in the process at work would wait for it, for ever.
    """
    deadline = time.monotonic() + seconds
    while not await _try_turn(connection):
        if time.monotonic() >= deadline:
            raise MigrationError(f"another process has been migrating this database for {seconds:g} s; try again later")
        await asyncio.sleep(_TURN_POLL_SECONDS)
    try:
        yield
    finally:
        # A closed connection has given its lock back already.
        if not connection.closed:
            await connection.execute("select pg_advisory_unlock(%s)", (TURN_KEY,))


async def _try_turn(connection: Connection) -> bool:
    cursor = await connection.execute("select pg_try_advisory_lock(%s) as mine", (TURN_KEY,))
    row = await cursor.fetchone()
    return bool(row and row["mine"])


async def _has_ledger(connection: Connection) -> bool:
    cursor = await connection.execute("select to_regclass(%s) as found", (LEDGER_TABLE,))
    row = await cursor.fetchone()
    return bool(row and row["found"])


async def _apply_file(
    connection: Connection, series: Series, file: MigrationFile, lock_timeout: float
) -> AppliedMigration:
    run = _run_in_transaction if file.transactional else _run_outside
    with _notices(connection) as notices:
        started = time.monotonic()
        try:
            await run(connection, series, file, lock_timeout)
        except psycopg.Error as error:
            raise _failure(error, file, None) from None
        return AppliedMigration(file.version, file.name, time.monotonic() - started, tuple(notices))


async def _run_in_transaction(connection: Connection, series: Series, file: MigrationFile, lock_timeout: float) -> None:
    started = time.monotonic()
    async with connection.transaction():
        await connection.execute(
            "select set_config('statement_timeout', '0', true), set_config('lock_timeout', %s, true)",
            (f"{round(lock_timeout * 1000)}ms",),
        )
        await _run_statements(connection, file)
        await _record(connection, series, file, time.monotonic() - started)


async def _run_outside(connection: Connection, series: Series, file: MigrationFile, _lock_timeout: float) -> None:
    """Run statement by statement, without timeouts: what builds concurrently waits for old transactions by locks."""
    started = time.monotonic()
    cursor = await connection.execute(
        "select current_setting('statement_timeout') as statements, current_setting('lock_timeout') as locks"
    )
    before = await cursor.fetchone() or {}
    await _set_timeouts(connection, "0", "0")
    try:
        await _run_statements(connection, file)
    finally:
        # The file may have opened a transaction and failed inside of it.
        if not connection.closed:
            if connection.info.transaction_status is not TransactionStatus.IDLE:
                await connection.rollback()
            await _set_timeouts(connection, before["statements"], before["locks"])
    await _record(connection, series, file, time.monotonic() - started)


async def _set_timeouts(connection: Connection, statements: str, locks: str) -> None:
    await connection.execute(
        "select set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false)", (statements, locks)
    )


async def _run_statements(connection: Connection, file: MigrationFile) -> None:
    for statement in file.statements:
        try:
            await connection.execute(statement.text.encode())
        except psycopg.Error as error:
            raise _failure(error, file, statement) from None


async def _record(connection: Connection, series: Series, file: MigrationFile, seconds: float) -> None:
    await connection.execute(
        f"insert into {LEDGER_TABLE} (series, version, name, checksum, duration_seconds) values (%s, %s, %s, %s, %s)",
        (series.name, file.version, file.name, file.checksum, seconds),
    )


@contextmanager
def _notices(connection: Connection) -> Iterator[list[str]]:
    """Collect what the server says beside its answers."""
    notices: list[str] = []

    def take(said: Diagnostic) -> None:
        notices.append(said.message_primary or "")

    connection.add_notice_handler(take)
    try:
        yield notices
    finally:
        connection.remove_notice_handler(take)


def _failure(error: psycopg.Error, file: MigrationFile, statement: Statement | None) -> DataLayerError:
    told = translate(error, operation="migrate")
    if isinstance(told, UnavailableError):
        return told
    # The server's own words, except of the classes whose words quote row values.
    quotes_values = (error.sqlstate or "")[:2] in {"22", "23"}
    reason = told.message if quotes_values else (error.diag.message_primary or told.message)
    return file_failure(file, _line(error, statement), reason, _HINTS.get(error.sqlstate or ""))


def _line(error: psycopg.Error, statement: Statement | None) -> int | None:
    """Return the line the server points at, else the statement's first."""
    if statement is None:
        return None
    position = int(error.diag.statement_position or 1)
    return statement.line + statement.text.count("\n", 0, position - 1)
