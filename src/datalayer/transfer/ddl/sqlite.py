"""Tables of SQLite made like a source's, foreign keys included: SQLite cannot add them later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datalayer.stores.catalog import Column, ForeignKey, Table
from datalayer.stores.contract import StoreName
from datalayer.stores.sql_names import quote, quote_all
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.ddl import PARTITIONED
from datalayer.transfer.ddl.defaults import is_null, read_default, sqlite_default
from datalayer.transfer.ddl.own_types import as_base, described, domain_checks, enum_of, label_check
from datalayer.transfer.ddl.types import sqlite_type


def create_table(table: Table, foreign_keys: Sequence[ForeignKey], source: StoreName) -> tuple[str, list[str]]:
    """Return the statement, and notes on what has no word in SQLite."""
    notes: list[str] = []
    numbered = _numbered_by_itself(table)
    lines = [_column(table, column, source, notes, numbered=column.name == numbered) for column in table.columns]
    if table.primary_key and numbered is None:
        lines.append(f"primary key ({quote_all(table.primary_key)})")
    lines.extend(f"unique ({quote_all(unique.columns)})" for unique in table.uniques)
    lines.extend(
        f"foreign key ({quote_all(key.columns)}) references {quote(key.target_table)}"
        f" ({quote_all(key.target_columns)}) {key.rules}"
        for key in foreign_keys
    )
    if table.partitioned:
        notes.append(PARTITIONED.format(table.name))
    return f"create table {quote(table.name)} (\n    " + ",\n    ".join(lines) + "\n)", notes


def _numbered_by_itself(table: Table) -> str | None:
    """Return the column that SQLite fills by itself when it is declared ``integer primary key``."""
    if len(table.primary_key) != 1:
        return None
    column = table.by_name[table.primary_key[0]]
    return column.name if column.identity and column.type.kind in INTEGERS else None


def _column(owner: Table, column: Column, source: StoreName, notes: list[str], *, numbered: bool) -> str:
    if numbered:
        return f"{quote(column.name)} integer primary key"
    table, enum = owner.name, enum_of(owner, column)
    notes += _lost_types(owner, column)
    column = as_base(owner, column)
    parts = [quote(column.name), sqlite_type(column.type, source)]
    if column.identity:
        notes.append(f"{table}.{column.name} is numbered by the source; SQLite numbers only a single primary key")
    elif column.generated:
        notes.append(f"{table}.{column.name} is computed in the source; the target keeps the values in a plain column")
    elif column.default is not None:
        written = _default(column, column.default, source)
        if written is None:
            notes.append(f"{table}.{column.name}: its default has no counterpart in the target and was left out")
        elif written:
            parts.append(f"default {written}")
    if not column.nullable:
        parts.append("not null")
    if enum is not None:
        parts.append(f"check ({label_check(column.name, enum)})")
    return " ".join(parts)


def _lost_types(table: Table, column: Column) -> Iterator[str]:
    """Yield what becomes of an enum or a domain."""
    own = table.own_type(column.type.declared)
    if own is None:
        return
    is_of = f"{table.name}.{column.name} is of the {described(own)} in the source"
    if column.type.array:
        yield f"{is_of}; the target keeps an array of texts, and checks none of them"
    elif enum_of(table, column) is not None:
        yield f"{is_of}; the target keeps text and checks that it is one of the labels, whose order is lost"
    else:
        yield f"{is_of}; the target keeps {as_base(table, column).type.declared}"
    for check in domain_checks(table, column):
        yield f"{table.name}.{column.name}: the check of its domain is left out: {check}"


def _default(column: Column, expression: str, source: StoreName) -> str | None:
    """Return the default's expression, empty where there is nothing to say, None where it is lost."""
    if is_null(expression):
        return ""
    if source == "sqlite":
        return f"({expression})"
    default = read_default(expression)
    return None if default is None else sqlite_default(default, column)
