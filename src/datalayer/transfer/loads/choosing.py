"""The target of a load for a store."""

from __future__ import annotations

from datalayer.errors import TransferError
from datalayer.stores.contract import Store
from datalayer.transfer.loads.contract import LoadTarget


def target_for(store: Store, load_id: str) -> LoadTarget:
    """Return what writes a load into this store."""
    if store.name == "supabase":
        from datalayer.transfer.loads.supabase import SupabaseTarget

        return SupabaseTarget(store)
    if store.name == "postgres":
        from datalayer.stores.postgres import PostgresStore
        from datalayer.transfer.loads.postgres import PostgresTarget

        if isinstance(store, PostgresStore):
            return PostgresTarget(store, load_id)
    else:
        from datalayer.stores.sqlite import SqliteStore
        from datalayer.transfer.loads.sqlite import SqliteTarget

        if isinstance(store, SqliteStore):
            return SqliteTarget(store, load_id)
    raise TransferError(f"a load cannot write into a {type(store).__name__}; give it the store itself")
