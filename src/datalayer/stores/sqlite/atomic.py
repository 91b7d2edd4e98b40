"""All or nothing, for the several statements of one call."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def atomic(connection: sqlite3.Connection, *, needed: bool = True) -> Iterator[None]:
    """Hold the write lock over a block and keep all of it or nothing; a transaction around it does so anyway."""
    if not needed or connection.in_transaction:
        yield
        return
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Roll back, unless SQLite has done so itself: it does when a write is interrupted or the disk is full."""
    if connection.in_transaction:
        connection.execute("rollback")
