"""Which foreign key is broken: SQLite does not tell, so the rows are asked again after a failure."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from datalayer.errors import ForeignKeyViolationError
from datalayer.query import Filter
from datalayer.stores.catalog import ForeignKey
from datalayer.stores.sqlite import compile as compiler
from datalayer.stores.sqlite.catalog import Facts, Schema
from datalayer.stores.sqlite.codecs import quote
from datalayer.stores.sqlite.name import STORE


def is_foreign_key(error: sqlite3.IntegrityError) -> bool:
    """Whether a foreign key is what failed."""
    return error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY


def missing_parent(
    connection: sqlite3.Connection, facts: Facts, rows: Iterable[Mapping[str, Any]], operation: str
) -> ForeignKeyViolationError | None:
    """Find the foreign key whose referenced row is missing; its own columns are to blame."""
    for row in rows:
        for key in facts.table.foreign_keys:
            if all(row.get(name) is not None for name in key.columns) and not _has_parent(connection, facts, key, row):
                return _violation(facts, key, key.columns, operation)
    return None


def _has_parent(connection: sqlite3.Connection, facts: Facts, key: ForeignKey, row: Mapping[str, Any]) -> bool:
    found = " and ".join(f"{quote(name)} = ?" for name in key.target_columns)
    values = [facts.codecs[name].write(row[name]) for name in key.columns]
    sql = f"select 1 from {quote(key.target_table)} where {found} limit 1"
    return connection.execute(sql, values).fetchall() != []


def remaining_child(
    connection: sqlite3.Connection, schema: Schema, facts: Facts, where: Filter | None, operation: str
) -> ForeignKeyViolationError | None:
    """Find the foreign key that still refers to the rows; the columns it refers to are to blame."""
    for child in schema.catalog.tables.values():
        for key in child.foreign_keys:
            if key.target_table != facts.table.name or key.on_delete not in ("NO ACTION", "RESTRICT"):
                continue
            pairs = list(zip(key.columns, key.target_columns, strict=True))
            statement = compiler.referencing(where, facts, child.name, pairs)
            found, _ = statement.execute(connection, statement.bind(() if where is None else where.values()))
            if found:
                return _violation(facts, key, key.target_columns, operation)
    return None


def _violation(facts: Facts, key: ForeignKey, columns: tuple[str, ...], operation: str) -> ForeignKeyViolationError:
    return ForeignKeyViolationError(
        "a referenced row is missing, or the row is still referenced",
        store=STORE,
        operation=operation,
        table=facts.table.name,
        sqlstate="23503",
        constraint=key.name,
        columns=columns,
    )
