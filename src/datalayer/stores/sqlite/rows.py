"""Rows as they are stored once everything that a write set off has ended."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from datalayer.errors import StoreError
from datalayer.query import Row
from datalayer.stores.sqlite import compile as compiler
from datalayer.stores.sqlite.catalog import Facts
from datalayer.stores.sqlite.name import STORE
from datalayer.stores.sqlite.statements import Statement


def stored_rows(
    connection: sqlite3.Connection, statement: Statement, facts: Facts, returned: Sequence[Any]
) -> list[Row]:
    """Make rows of what RETURNING gave.

    On a table with triggers that is only where the rows are: SQLite answers RETURNING before the triggers have run.
    """
    if statement.reader is not None:
        return statement.rows(returned)
    again = compiler.reread(facts, statement.operation)
    found = [row for locator in returned for row in again.execute(connection, locator)[0]]
    if len(found) != len(returned):
        raise withheld(statement)
    return again.rows(found)


def withheld(statement: Statement) -> StoreError:
    """Build the error for a row that a trigger kept from being written."""
    return StoreError(
        "not all rows were written; a trigger on the table withholds rows",
        store=STORE,
        operation=statement.operation,
        table=statement.table,
    )
