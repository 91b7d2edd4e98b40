"""How a connection to SQLite is opened: settings, functions, and when a file is switched to write-ahead logging."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote as quote_url

from datalayer.errors import ConfigurationError
from datalayer.stores.sqlite import functions, spellings

MEMORY = ":memory:"

#: RETURNING came with 3.35, pragma_table_list with 3.37.
OLDEST_VERSION = (3, 37, 0)

#: Seconds SQLite itself waits for a lock before it answers "busy". Short, because nothing can interrupt that wait: the
#: caller's deadline is kept by asking again.
BUSY_SECONDS = 0.05

_CACHED_STATEMENTS = 512


def check_version() -> None:
    """Refuse a SQLite library that lacks what the store's statements use."""
    if sqlite3.sqlite_version_info < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise ConfigurationError(
            f"SQLite {sqlite3.sqlite_version} is too old: {oldest} or newer is needed; use a newer Python or libsqlite3"
        )


def connect(path: str, *, writable: bool, create: bool, patience: float) -> sqlite3.Connection:
    """Open a connection in autocommit mode, for use on one thread at a time; only interrupt() comes from others.

    Args:
        path: of the file, or ``:memory:``.
        writable: False for a connection that only reads.
        create: whether a file that is missing is made.
        patience: seconds to wait here for another process's lock.
    """
    connection = sqlite3.connect(
        path if path == MEMORY else f"file:{quote_url(str(Path(path).absolute()))}?mode={'rwc' if create else 'rw'}",
        uri=path != MEMORY,
        timeout=patience,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_CACHED_STATEMENTS,
    )
    try:
        functions.register(connection)
        spellings.register(connection)
        connection.execute("pragma foreign_keys = on")
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma schema_version")
        if not writable:
            connection.execute("pragma query_only = on")
        wait_for_locks(connection, BUSY_SECONDS)
    except BaseException:
        connection.close()
        raise
    return connection


def use_write_ahead_log(connection: sqlite3.Connection) -> bool:
    """Switch the file to write-ahead logging, where possible: then nobody who reads waits for who writes.

    This is done before the first write: a file that is only read stays as it is, byte for byte.
    """
    try:
        return connection.execute("pragma journal_mode = wal").fetchone()[0] in ("wal", "memory")
    except sqlite3.OperationalError:
        return False


def wait_for_locks(connection: sqlite3.Connection, seconds: float) -> None:
    """Set how long SQLite itself waits for a lock."""
    connection.execute(f"pragma busy_timeout = {round(seconds * 1000)}")
