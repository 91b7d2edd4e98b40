"""Applies changes to SQLite, in whose transactions nobody else writes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datalayer.outbox.applying.order import by_table, deleted_keys, parents_first, stored_rows
from datalayer.outbox.entries import Change
from datalayer.outbox.keys import encode_key, keys_filter
from datalayer.outbox.tables import APPLYING, LEDGER
from datalayer.query import Delete, Select, Update, Upsert, col
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.contract import Session
from datalayer.stores.sqlite import SqliteStore

_LEDGER_KEY = ("origin", "aggregatetype", "aggregateid")


class SqliteApplier:
    """Writes another store's rows into SQLite; see :class:`datalayer.outbox.contract.Applier`."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Apply all changes or none; return how many were not outdated."""
        if not changes:
            return 0
        catalog = await self._catalog(changes)
        async with self._store.transaction(timeout=timeout) as transaction:
            fresh = [
                change
                for name, group in by_table(changes).items()
                for change in await _advanced(transaction, catalog.tables[name], origin, group)
            ]
            if fresh:
                await transaction.defer_foreign_keys()
                await transaction.update(Update(APPLYING, {"active": True}, every_row=True))
                await _write(transaction, catalog, fresh)
                await transaction.update(Update(APPLYING, {"active": False}, every_row=True))
        return len(fresh)

    async def _catalog(self, changes: Sequence[Change]) -> Catalog:
        catalog = await self._store.catalog()
        if any(change.table not in catalog.tables for change in changes):
            catalog = await self._store.catalog(refresh=True)
        for change in changes:
            catalog.table(change.table, store=self._store.name, operation="apply")
        return catalog


async def _advanced(transaction: Session, table: Table, origin: UUID, changes: Sequence[Change]) -> list[Change]:
    """Advance the ledger for keys of one table and return the changes that it had not seen."""
    keyed = {encode_key(table, change.key): change for change in changes}
    of_table = col("origin").eq(origin) & col("aggregatetype").eq(table.name)
    known = await transaction.select(
        Select(LEDGER, of_table & col("aggregateid").in_(keyed), columns=("aggregateid", "version"))
    )
    versions = {row["aggregateid"]: row["version"] for row in known}
    fresh = {key: change for key, change in keyed.items() if change.version > versions.get(key, -1)}
    if fresh:
        rows = [
            {"origin": origin, "aggregatetype": table.name, "aggregateid": key, "version": change.version}
            for key, change in fresh.items()
        ]
        await transaction.upsert(Upsert(LEDGER, rows, _LEDGER_KEY, returning=False))
    return list(fresh.values())


async def _write(transaction: Session, catalog: Catalog, fresh: Sequence[Change]) -> None:
    changes = by_table(fresh)
    order = parents_first(catalog, changes)
    for name in reversed(order):
        gone = deleted_keys(changes[name])
        if gone:
            await transaction.delete(Delete(name, keys_filter(catalog.tables[name], gone)))
    for name in order:
        table = catalog.tables[name]
        rows = stored_rows(table, changes[name])
        if rows:
            await transaction.upsert(Upsert(name, rows, table.primary_key, returning=False))
