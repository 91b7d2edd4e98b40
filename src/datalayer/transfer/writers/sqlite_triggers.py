"""Triggers of SQLite taken away while rows come in: a copied updated_at must stay what it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from datalayer.stores.sql_names import literal, quote


def triggers_of(connection: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    """Return name and definition of the triggers on a table."""
    query = f"select name, sql from sqlite_master where type = 'trigger' and tbl_name = {literal(table)} collate nocase"
    return connection.execute(query).fetchall()


@contextmanager
def triggers_away(connection: sqlite3.Connection, triggers: Sequence[tuple[str, str]]) -> Iterator[None]:
    """Take triggers away inside the caller's transaction, and put them back at its end."""
    for name, _ in triggers:
        connection.execute(f"drop trigger {quote(name)}")
    yield
    for _, definition in triggers:
        connection.execute(definition)
