"""Applies changes to Supabase by its apply function: a request is one transaction, guarded by the ledger there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from datalayer.outbox.applying.order import Step, by_table, plan
from datalayer.outbox.applying.schema import catalog_for
from datalayer.outbox.entries import Change
from datalayer.outbox.keys import encode_key, key_of
from datalayer.query import Row
from datalayer.stores.catalog import Catalog, Column, Table
from datalayer.stores.documents import dump_document
from datalayer.stores.supabase import SupabaseStore
from datalayer.stores.supabase.values import encode


class FunctionApplier:
    """Writes another store's rows into Supabase; see :class:`datalayer.outbox.contract.Applier`."""

    def __init__(self, store: SupabaseStore) -> None:
        self._store = store

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Apply all changes or none; return how many were not outdated."""
        if not changes:
            return 0
        catalog = await catalog_for(self._store, changes)
        sent = {"origin": str(origin), "changes": _written(catalog, changes)}
        return int(await self._store.call_function("datalayer_apply", sent, writes=True, timeout=timeout))


def _written(catalog: Catalog, changes: Sequence[Change]) -> Row:
    keys = [
        {
            "table": change.table,
            "key": encode_key(catalog.tables[change.table], change.key),
            "version": change.version,
        }
        for change in changes
    ]
    return {"keys": keys, "steps": [_step(step) for step in plan(catalog, by_table(changes))]}


def _step(step: Step) -> Row:
    table = step.table
    return {
        "kind": step.kind,
        "table": table.name,
        "columns": list(step.columns or step.rows[0]),
        "keys": [encode_key(table, key_of(table, row)) for row in step.rows],
        "rows": [_row(table, row) for row in step.rows],
    }


def _row(table: Table, row: Mapping[str, Any]) -> Row:
    return {name: _value(value, table.by_name[name]) for name, value in row.items()}


def _value(value: Any, column: Column) -> Any:
    """Write a value as the function reads it: documents as text, so that their null is not taken for SQL NULL."""
    if value is None:
        return None
    if column.type.is_json:
        return dump_document(value)
    if column.type.array and column.type.kind.startswith("json"):
        return [None if element is None else dump_document(element) for element in value]
    return encode(value, column)
