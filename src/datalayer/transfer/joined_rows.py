"""Rows of a SQLite table by pages, each joined in one step by SQLite itself, which leaves Python's lock to others."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

#: Bytes at which SQLite gives a page up.
MOST_BYTES: Final = 8 << 20


class JoinedPage(NamedTuple):
    """How many rows, the last one's row id, and what they were joined to."""

    rows: int
    last: int
    joined: tuple[Any, ...]


class JoinedRows:
    """The rows of a table.

    Args:
        table: its name, quoted.
        row_id: a name of the row id that no column hides.
        spelled: SQL by name, of each row; the last is a text that no row lacks.
        joined: SQL of what is made of all of them, by these names.
    """

    def __init__(self, table: str, row_id: str, spelled: Mapping[str, str], joined: Sequence[str]) -> None:
        columns = ", ".join(f"{sql} as {name}" for name, sql in spelled.items())
        *_, text = spelled
        self._query = (
            f"select count({text}), count(*), max(place), {', '.join(joined)}"
            f" from (select {row_id} as place, {columns} from {table}"
            f" where {row_id} between ? and ? order by 1 limit ?)"
        )

    def page(self, connection: sqlite3.Connection, low: int, high: int, rows: int) -> JoinedPage | None:
        """Return the first rows in a range of row ids; None where they are too large together."""
        usual = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        try:
            spelled, found, last, *joined = connection.execute(self._query, (low, high, rows)).fetchone()
        except sqlite3.DataError:
            return None
        finally:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, usual)
        # printf() answers NULL where its text would be too long.
        return JoinedPage(found, last or 0, tuple(joined)) if spelled == found else None
