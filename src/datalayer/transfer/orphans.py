"""Rows that refer to nothing, asked in SQL that PostgreSQL and SQLite both understand."""

from __future__ import annotations

from collections.abc import Mapping

from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.sql_names import quote
from datalayer.transfer.conversions import INTEGERS


def select_orphans(table: str, key: ForeignKey, columns: str = "1") -> str:
    """Return the query for the rows of a table, called ``child`` in it, whose reference is broken."""
    given = " and ".join(f"child.{quote(name)} is not null" for name in key.columns)
    meets = " and ".join(
        f"parent.{quote(theirs)} = child.{quote(mine)}"
        for mine, theirs in zip(key.columns, key.target_columns, strict=True)
    )
    return (
        f"select {columns} from {quote(table)} child where {given}"
        f" and not exists (select 1 from {quote(key.target_table)} parent where {meets})"
    )


def can_be_asked(key: ForeignKey, child: Table, present: Mapping[str, Table]) -> bool:
    """Whether both ends of a reference are there, of types that compare."""
    parent = present.get(key.target_table)
    if parent is None or len(key.columns) != len(key.target_columns):
        return False
    if not (set(key.columns) <= child.by_name.keys() and set(key.target_columns) <= parent.by_name.keys()):
        return False
    kinds = [
        {child.by_name[mine].type.kind, parent.by_name[theirs].type.kind}
        for mine, theirs in zip(key.columns, key.target_columns, strict=True)
    ]
    return all(len(both) == 1 or both <= INTEGERS for both in kinds)
