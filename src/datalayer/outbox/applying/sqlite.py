"""One batch applied to SQLite, in whose transactions nobody else writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from datalayer.outbox.applying.order import by_table, plan
from datalayer.outbox.applying.parking import park
from datalayer.outbox.entries import Change
from datalayer.outbox.keys import encode_key, key_of, keys_filter
from datalayer.outbox.tables import APPLYING, LEDGER
from datalayer.query import Delete, Select, Update, Upsert, col
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.contract import Session
from datalayer.stores.sqlite import SqliteStore

_LEDGER_KEY = ("origin", "aggregatetype", "aggregateid")


async def apply_in_transaction(
    store: SqliteStore,
    catalog: Catalog,
    origin: UUID,
    changes: Sequence[Change],
    timeout: float | None,
    *,
    parking: bool,
) -> int:
    """Advance the ledger and write what it had not seen; return how many changes that were."""
    async with store.transaction(timeout=timeout) as transaction:
        fresh = [
            change
            for name, group in by_table(changes).items()
            for change in await _advanced(transaction, catalog.tables[name], origin, group)
        ]
        if fresh:
            await transaction.defer_foreign_keys()
            await transaction.update(Update(APPLYING, {"active": True}, every_row=True))
            await _write(transaction, catalog, by_table(fresh), parking=parking)
            await transaction.update(Update(APPLYING, {"active": False}, every_row=True))
    return len(fresh)


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


async def _write(transaction: Session, catalog: Catalog, changes: Mapping[str, list[Change]], *, parking: bool) -> None:
    steps = plan(catalog, changes, circles=False)
    for step in steps:
        if step.kind == "delete":
            keys = [key_of(step.table, row) for row in step.rows]
            await transaction.delete(Delete(step.table.name, keys_filter(step.table, keys)))
    if parking:
        await park(transaction, catalog, changes)
    for step in steps:
        if step.kind == "upsert":
            await transaction.upsert(Upsert(step.table.name, step.rows, step.table.primary_key, returning=False))
