"""Applies changes to a store that has transactions: PostgreSQL or SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datalayer.errors import UniqueViolationError, UnsupportedOperationError
from datalayer.outbox.applying import postgres, sqlite
from datalayer.outbox.applying.schema import catalog_for
from datalayer.outbox.contract import Applier
from datalayer.outbox.entries import Change
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


class ServerApplier:
    """Writes another store's rows in a transaction; see :class:`datalayer.outbox.contract.Applier`."""

    def __init__(self, store: PostgresStore | SqliteStore) -> None:
        self._store = store

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Apply all changes or none; return how many were not outdated."""
        if not changes:
            return 0
        catalog = await catalog_for(self._store, changes)
        try:
            return await self._apply(catalog, origin, changes, timeout, parking=False)
        except UniqueViolationError:
            return await self._apply(catalog, origin, changes, timeout, parking=True)

    async def _apply(
        self, catalog: Catalog, origin: UUID, changes: Sequence[Change], timeout: float | None, *, parking: bool
    ) -> int:
        if isinstance(self._store, PostgresStore):
            return await postgres.apply_in_transaction(self._store, catalog, origin, changes, timeout, parking=parking)
        return await sqlite.apply_in_transaction(self._store, catalog, origin, changes, timeout, parking=parking)


def server_applier(store: Store) -> Applier:
    """Return what applies changes to this store.

    Raises:
        UnsupportedOperationError: the store has no transactions (Supabase).
    """
    if isinstance(store, PostgresStore | SqliteStore):
        return ServerApplier(store)
    raise UnsupportedOperationError(store.name, "guarded applies in a transaction", "use its apply function")
