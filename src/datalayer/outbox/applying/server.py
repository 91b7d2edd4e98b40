"""The applier of a store that has transactions: PostgreSQL or SQLite."""

from __future__ import annotations

from datalayer.errors import UnsupportedOperationError
from datalayer.outbox.applying.postgres import PostgresApplier
from datalayer.outbox.applying.sqlite import SqliteApplier
from datalayer.outbox.contract import Applier
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


def server_applier(store: Store) -> Applier:
    """Return what applies changes to this store.

    Raises:
        UnsupportedOperationError: the store has no transactions (Supabase).
    """
    if isinstance(store, PostgresStore):
        return PostgresApplier(store)
    if isinstance(store, SqliteStore):
        return SqliteApplier(store)
    raise UnsupportedOperationError(store.name, "guarded applies in a transaction", "use its apply function")
