"""Where a copy into SQLite stands: which tables are finished, and which were empty when it began them.

A table with a key is simply written again; one without is emptied first where all of its rows came from this copy.
"""

from __future__ import annotations

import sqlite3

from datalayer.stores.sql_names import quote
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.writers.progress import PROGRESS_TABLE

_CREATE = f"""
    create table if not exists {PROGRESS_TABLE} (
        table_name text primary key, source_mark text not null, empty_before integer not null, rows integer
    )
"""


def create(connection: sqlite3.Connection) -> None:
    """Make the table that keeps the progress."""
    connection.execute(_CREATE)


def drop(connection: sqlite3.Connection) -> None:
    """Forget everything."""
    connection.execute(f"drop table if exists {PROGRESS_TABLE}")


def finished(connection: sqlite3.Connection, table: str, mark: str) -> int | None:
    """Return how many rows a finished table got from this very source; None where it is not, or was emptied since."""
    present = f"exists (select 1 from {quote(table)})"
    query = f"select rows from {PROGRESS_TABLE} where table_name = ? and source_mark = ? and (rows = 0 or {present})"
    row = connection.execute(query, (table, mark)).fetchone()
    return None if row is None else row[0]


def is_begun(table: str, connection: sqlite3.Connection) -> bool:
    """Whether an earlier run began the table when it was empty."""
    try:
        query = f"select 1 from {PROGRESS_TABLE} where table_name = ? and empty_before"
        return connection.execute(query, (table,)).fetchone() is not None
    except sqlite3.OperationalError:
        return False


def begin(connection: sqlite3.Connection, pair: TablePair, mark: str) -> bool:
    """Begin a table; False where it has rows of others that no key tells from this copy's."""
    filled = connection.execute(f"select 1 from {quote(pair.name)} limit 1").fetchone() is not None
    own = not filled or is_begun(pair.name, connection)
    if filled and own and not pair.key:
        connection.execute(f"delete from {quote(pair.name)}")
    connection.execute(f"insert or replace into {PROGRESS_TABLE} values (?, ?, ?, null)", (pair.name, mark, own))
    return own or bool(pair.key)


def finish(connection: sqlite3.Connection, table: str, rows: int) -> None:
    """Say that a table is written."""
    connection.execute(f"update {PROGRESS_TABLE} set rows = ? where table_name = ?", (rows, table))
