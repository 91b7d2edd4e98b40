"""Streams: rows of one moment in chunks, without keeping them all in memory."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import count

from datalayer.query import Row, Select
from datalayer.stores.sqlite.asking import Asker
from datalayer.stores.sqlite.row_ids import row_id_beside
from datalayer.stores.sqlite.statements import Statement

_numbers = count(1)


class CursorSnapshot:
    """An open cursor, for a connection on which nobody writes meanwhile."""

    def __init__(self, asker: Asker, question: Select) -> None:
        self._asker = asker
        self._question = question
        self._opened: tuple[Statement, sqlite3.Cursor] | None = None

    def chunk(self, connection: sqlite3.Connection, size: int) -> list[Row]:
        """Return the next rows, none at the end."""
        if self._opened is None:
            statement, values = self._asker.selecting(connection, self._question)
            self._opened = statement, connection.execute(statement.sql, values)
        statement, cursor = self._opened
        return statement.rows(cursor.fetchmany(size))

    def close(self, connection: sqlite3.Connection) -> None:
        """Let go of the cursor."""
        if self._opened is not None:
            self._opened[1].close()


class CopySnapshot:
    """A temporary copy of the answer, for a connection on which others write between two chunks.

    An open cursor would see some of their changes and not others. SQLite keeps the copy in a file where it is large.
    """

    def __init__(self, asker: Asker, question: Select) -> None:
        self._asker = asker
        self._question = question
        self._name = f"temp.datalayer_stream_{next(_numbers)}"
        self._statement: Statement | None = None
        #: Set with the statement.
        self._page = ""
        self._last = 0

    def chunk(self, connection: sqlite3.Connection, size: int) -> list[Row]:
        """Return the next rows, none at the end."""
        if self._statement is None:
            statement, values = self._asker.selecting(connection, self._question)
            connection.execute(f"create temp table {self._name} as {statement.sql}", values)
            self._page = self._paged_by(connection)
            self._statement = statement
        with closing(connection.execute(self._page, (self._last, size))) as cursor:
            found = cursor.fetchall()
        self._last += len(found)
        return self._statement.rows(found)

    def _paged_by(self, connection: sqlite3.Connection) -> str:
        """Return the query of a page; a column may hide a name of the row id, and three of them all."""
        with closing(connection.execute(f"select * from {self._name} limit 0")) as cursor:
            row_id = row_id_beside(column[0] for column in cursor.description)
        if row_id is None:
            return f"select * from {self._name} limit ?2 offset ?1"
        return f"select * from {self._name} where {row_id} > ?1 order by {row_id} limit ?2"

    def close(self, connection: sqlite3.Connection) -> None:
        """Drop the copy."""
        connection.execute(f"drop table if exists {self._name}")
