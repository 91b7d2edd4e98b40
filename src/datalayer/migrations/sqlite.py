"""Applies migration files to SQLite: the file's write lock is the turn, taken anew for every migration file."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

from datalayer.errors import MigrationError
from datalayer.migrations.failures import file_failure
from datalayer.migrations.files import MigrationFile, Series
from datalayer.migrations.ledger import LEDGER_TABLE, AppliedMigration, MigrationRecord, pending
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.errors import is_busy, translate

T = TypeVar("T")

_TURN_POLL_SECONDS = 0.05

_CREATE_LEDGER: Final = f"""
    create table if not exists {LEDGER_TABLE} (
        series text not null,
        version text not null,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default (strftime('%Y-%m-%d %H:%M:%f000+00:00', 'now')),
        duration_seconds double precision not null,
        primary key (series, version)
    )
"""


class _BusyError(Exception):
    """Another process holds the file; nothing of the job has happened."""


async def apply_files(store: SqliteStore, series: Series, *, turn_timeout: float) -> list[AppliedMigration]:
    """Apply what is pending; see :func:`datalayer.migrations.apply`.

    A non-transactional file holds no lock between its statements: two processes may run it side by side.
    """
    deadline = time.monotonic() + turn_timeout
    await _in_turn(store, _create_ledger, deadline)
    files = pending(series, await store.run(lambda connection: read_records(connection, series)))
    done = [await _in_turn(store, _job(series, file), deadline) for file in files]
    return [applied for applied in done if applied is not None]


async def _in_turn(store: SqliteStore, job: Callable[[sqlite3.Connection], T], deadline: float) -> T:
    """Run a job as soon as no other process holds the file; the job has done nothing when it was in the way.

    Waiting goes on here and not inside of SQLite, where nothing could interrupt it.
    """
    while True:
        try:
            return await store.run(lambda connection: _translating(connection, job))
        except _BusyError:
            if time.monotonic() >= deadline:
                raise MigrationError(
                    "another process holds this database and did not let go; try again later"
                ) from None
        await asyncio.sleep(_TURN_POLL_SECONDS)


def _translating(connection: sqlite3.Connection, job: Callable[[sqlite3.Connection], T]) -> T:
    try:
        return job(connection)
    except sqlite3.Error as error:
        if is_busy(error):
            raise _BusyError from None
        raise translate(error, operation="migrate", table=LEDGER_TABLE) from None


def read_records(connection: sqlite3.Connection, series: Series) -> list[MigrationRecord]:
    """Return what is recorded as applied; nothing where there is no schema_migrations yet."""
    found = _rows(connection, "select name from pragma_table_info(?)", (LEDGER_TABLE,))
    if not found:
        return []
    if ("series",) not in found:
        raise MigrationError(f"the table {LEDGER_TABLE} was made by another tool; give datalayer a file of its own")
    rows = _rows(
        connection,
        f"select version, name, checksum, applied_at, duration_seconds from {LEDGER_TABLE} where series = ?",
        (series.name,),
    )
    return [
        MigrationRecord(version, name, checksum, datetime.fromisoformat(applied_at), seconds)
        for version, name, checksum, applied_at, seconds in rows
    ]


def _create_ledger(connection: sqlite3.Connection) -> None:
    with _transaction(connection):
        connection.execute(_CREATE_LEDGER)


def _job(series: Series, file: MigrationFile) -> Callable[[sqlite3.Connection], AppliedMigration | None]:
    return lambda connection: _apply_file(connection, series, file)


def _apply_file(connection: sqlite3.Connection, series: Series, file: MigrationFile) -> AppliedMigration | None:
    """Apply one file; None where another process was quicker."""
    started = time.monotonic()
    try:
        if file.transactional:
            with _transaction(connection):
                if any(record.version == file.version for record in read_records(connection, series)):
                    return None
                _run_statements(connection, file)
                _record(connection, series, file, time.monotonic() - started)
        else:
            _run_outside(connection, file)
            _record(connection, series, file, time.monotonic() - started)
    except sqlite3.Error as error:
        raise _failure(error, file, None) from None
    return AppliedMigration(file.version, file.name, time.monotonic() - started)


def _run_outside(connection: sqlite3.Connection, file: MigrationFile) -> None:
    """Run statement by statement; the file may switch foreign keys off and open transactions, both end with it."""
    foreign_keys = _pragma(connection, "foreign_keys")
    try:
        _run_statements(connection, file)
    finally:
        if connection.in_transaction:
            connection.execute("rollback")
        connection.execute(f"pragma foreign_keys = {foreign_keys}")


def _run_statements(connection: sqlite3.Connection, file: MigrationFile) -> None:
    for statement in file.statements:
        try:
            # A statement that returns rows has run only after its last one.
            deque(connection.execute(statement.text), maxlen=0)
        except sqlite3.Error as error:
            raise _failure(error, file, statement.line) from None


def _record(connection: sqlite3.Connection, series: Series, file: MigrationFile, seconds: float) -> None:
    connection.execute(
        f"insert into {LEDGER_TABLE} (series, version, name, checksum, duration_seconds) values (?, ?, ?, ?, ?)"
        " on conflict do nothing",
        (series.name, file.version, file.name, file.checksum, seconds),
    )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from the first statement on; keep all or nothing."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def _failure(error: sqlite3.Error, file: MigrationFile, line: int | None) -> Exception:
    if is_busy(error):
        return error
    # The plain error code is about the SQL, and its words help; the words of others may quote row values.
    about_sql = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR
    return file_failure(file, line, str(error) if about_sql else translate(error, operation="migrate").message)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(_rows(connection, f"pragma {name}")[0][0])


def _rows(connection: sqlite3.Connection, statement: str, values: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """Return rows as tuples, whatever the connection's own row factory is."""
    cursor = connection.cursor()
    cursor.row_factory = None
    return cursor.execute(statement, values).fetchall()
