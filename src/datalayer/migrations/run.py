"""Plan, status and apply over a store: the same three questions on PostgreSQL and SQLite."""

from __future__ import annotations

from pathlib import Path

from datalayer.errors import UnsupportedOperationError
from datalayer.migrations import postgres, sqlite
from datalayer.migrations.files import MigrationFile, Series, read_series
from datalayer.migrations.ledger import AppliedMigration, MigrationRecord, MigrationStatus, compare, pending
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


async def plan(store: Store, directory: Path | str | None = None) -> list[MigrationFile]:
    """Return the files that :func:`apply` would apply, in order; changes nothing.

    Raises:
        MigrationError: a file cannot be used, was edited after it was applied, or is numbered below an applied one.
        UnsupportedOperationError: the store is not PostgreSQL or SQLite.
    """
    series = _series(store, directory)
    return pending(series, await _records(store, series))


async def status(store: Store, directory: Path | str | None = None) -> list[MigrationStatus]:
    """Return every version on disk or on record with its state, in order; changes nothing."""
    series = _series(store, directory)
    return compare(series.files, await _records(store, series))


async def apply(
    store: Store,
    directory: Path | str | None = None,
    *,
    lock_timeout: float = 10.0,
    turn_timeout: float = 300.0,
) -> list[AppliedMigration]:
    """Apply the pending files in order and return them; an empty list where nothing was to do.

    Each file is one transaction and is recorded in it. A file whose first line is ``-- datalayer: non-transactional``
    runs statement by statement outside of one and is recorded after its last; when it fails half-way it runs again from
    its first line, so its statements must bear repeating. Of several processes one applies, the others wait for it.

    Args:
        store: an open PostgreSQL or SQLite store. On PostgreSQL its connection must be the server's own or a session
            pooler's: a pooler that changes servers between statements loses the lock.
        directory: the application's own files; None for the package's own tables. Both are numbered apart.
        lock_timeout: seconds that a statement of a transactional file may wait for a table's lock (PostgreSQL).
        turn_timeout: seconds to wait for another process that is migrating.

    Raises:
        MigrationError: a file failed, with its name and line; the files before it stay applied.
        UnsupportedOperationError: the store is not PostgreSQL or SQLite.
    """
    series = _series(store, directory)
    if isinstance(store, PostgresStore):
        async with store.connection() as connection:
            done = await postgres.apply_files(connection, series, lock_timeout=lock_timeout, turn_timeout=turn_timeout)
    elif isinstance(store, SqliteStore):
        done = await sqlite.apply_files(store, series, turn_timeout=turn_timeout)
    else:
        raise _unsupported(store)
    if done:
        await store.catalog(refresh=True)
    return done


async def _records(store: Store, series: Series) -> list[MigrationRecord]:
    if isinstance(store, PostgresStore):
        async with store.connection() as connection:
            return await postgres.read_records(connection, series)
    if isinstance(store, SqliteStore):
        return await store.run(lambda connection: sqlite.read_records(connection, series))
    raise _unsupported(store)


def _series(store: Store, directory: Path | str | None) -> Series:
    if not isinstance(store, PostgresStore | SqliteStore):
        raise _unsupported(store)
    return read_series(store.name, directory)


def _unsupported(store: Store) -> UnsupportedOperationError:
    return UnsupportedOperationError(
        store.name, "migrations", "give the database's own postgresql:// address, which Supabase shows under Connect"
    )
