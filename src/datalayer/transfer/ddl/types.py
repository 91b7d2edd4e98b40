"""How a column's type is declared on the other kind of store."""

from __future__ import annotations

import re
from collections.abc import Mapping

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.stores.contract import StoreName
from datalayer.transfer.limits import modifiers

#: SQLite's integers have 64 bits and its floats double precision, whatever the column is declared as.
_POSTGRES: Mapping[Kind, str] = {
    **{kind: kind.value for kind in Kind},
    Kind.SMALLINT: "bigint",
    Kind.INTEGER: "bigint",
    Kind.REAL: "double precision",
}
#: Types by which the SQLite store knows how to keep a value exactly.
_SQLITE: Mapping[Kind, str] = {
    **{kind: kind.value for kind in Kind},
    Kind.NUMERIC: "decimal_text",
    Kind.JSON: "json_text",
    Kind.JSONB: "json_text",
}
_SQLITE_ELEMENTS: Mapping[Kind, str] = {**_SQLITE, Kind.INTEGER: "int"}
_PLAIN_WORDS = re.compile(r"^[A-Za-z_][\w ]*(\(\d+(, ?\d+)?\))?$", re.ASCII)


def postgres_type(column_type: ColumnType, source: StoreName) -> str:
    """Declare a column of PostgreSQL that holds every value of the source's column."""
    if source != "sqlite":
        return column_type.declared
    given = modifiers(column_type.declared)
    name = _POSTGRES[column_type.kind]
    if column_type.kind is Kind.TEXT and given is not None and "char" in given[0]:
        name = f"varchar({given[1]})"
    elif column_type.kind is Kind.NUMERIC and given is not None:
        name = f"numeric({given[1]},{given[2]})"
    return name + ("[]" if column_type.array else "")


def sqlite_type(column_type: ColumnType, source: StoreName) -> str:
    """Declare a column of SQLite, quoted where the type is more than plain words."""
    if source == "sqlite":
        declared = column_type.declared
    elif column_type.array:
        declared = _SQLITE_ELEMENTS[column_type.kind] + "[]"
    else:
        given = modifiers(column_type.declared)
        kept = given is not None and given[2] >= 0
        kept = kept and (column_type.kind is Kind.NUMERIC or "char" in column_type.declared)
        word = "varchar" if kept and column_type.kind is Kind.TEXT else _SQLITE[column_type.kind]
        size = "" if given is None or not kept else f"({given[1]}, {given[2]})" if given[2] else f"({given[1]})"
        declared = word + size
    return declared if not declared or _PLAIN_WORDS.match(declared) else '"' + declared.replace('"', '""') + '"'
