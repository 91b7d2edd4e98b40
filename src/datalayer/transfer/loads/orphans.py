"""Rows that refer to nothing, asked in SQL that PostgreSQL and SQLite both understand."""

from __future__ import annotations

from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.sql_names import quote


def count_orphans(table: Table, key: ForeignKey) -> str:
    """Return the query; its one column is ``orphans``."""
    given = " and ".join(f"child.{quote(name)} is not null" for name in key.columns)
    meets = " and ".join(
        f"parent.{quote(theirs)} = child.{quote(mine)}"
        for mine, theirs in zip(key.columns, key.target_columns, strict=True)
    )
    return (
        f"select count(*) as orphans from {quote(table.name)} child where {given}"
        f" and not exists (select 1 from {quote(key.target_table)} parent where {meets})"
    )
