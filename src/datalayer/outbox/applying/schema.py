"""The live schema that a batch is written by."""

from __future__ import annotations

from collections.abc import Sequence

from datalayer.outbox.entries import Change
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Store


async def catalog_for(store: Store, changes: Sequence[Change]) -> Catalog:
    """Return the store's catalog, read again where it lacks a table or a column of the changes.

    Raises:
        UnknownTableError: a table is not there.
        UnknownColumnError: a column is not there.
    """
    catalog = await store.catalog()
    if not all(_known(catalog, change) for change in changes):
        catalog = await store.catalog(refresh=True)
        for change in changes:
            table = catalog.table(change.table, store=store.name, operation="apply")
            table.check_columns(change.row or (), store=store.name, operation="apply")
    return catalog


def _known(catalog: Catalog, change: Change) -> bool:
    table = catalog.tables.get(change.table)
    return table is not None and (change.row is None or change.row.keys() <= table.by_name.keys())
