"""SQL of PostgreSQL for any number of rows as one JSON parameter, with what the contract's verbs leave out.

Rows are another store's, complete: identity columns get their numbers, and a row is found by its primary key alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from datalayer.stores.catalog import Column, Table
from datalayer.stores.postgres.names import names, quote
from datalayer.stores.postgres.values import record_type, record_value


def upsert_records(table: Table, columns: Sequence[str]) -> str:
    """Insert rows, or update those that are there."""
    placed = [table.by_name[name] for name in columns]
    values = ", ".join(record_value(column, f"r.{quote(column.name)}") for column in placed)
    changed = [name for name in columns if name not in table.primary_key]
    assigned = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in changed)
    return (
        f"insert into {quote(table.name)} ({names(columns)}) overriding system value"
        f" select {values} from {_records(placed)}"
        f" on conflict ({names(table.primary_key)}) do {f'update set {assigned}' if changed else 'nothing'}"
    )


def delete_records(table: Table) -> str:
    """Delete the rows with these keys."""
    records, same = _matched(table)
    return f"delete from {quote(table.name)} as t using {records} where {same}"


def clear_records(table: Table, columns: Sequence[str]) -> str:
    """Put NULL into columns of the rows with these keys."""
    records, same = _matched(table)
    cleared = ", ".join(f"{quote(name)} = null" for name in columns)
    return f"update {quote(table.name)} as t set {cleared} from {records} where {same}"


def _matched(table: Table) -> tuple[str, str]:
    key = [table.by_name[name] for name in table.primary_key]
    same = " and ".join(f"t.{quote(c.name)} = {record_value(c, f'r.{quote(c.name)}')}" for c in key)
    return _records(key), same


def _records(columns: Sequence[Column]) -> str:
    fields = ", ".join(f"{quote(column.name)} {_escaped(record_type(column))}" for column in columns)
    return f"jsonb_to_recordset(%s::jsonb) as r({fields})"


def _escaped(type_name: str) -> str:
    return type_name.replace("%", "%%")
