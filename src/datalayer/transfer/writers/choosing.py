"""The writer for a store."""

from __future__ import annotations

from datalayer.errors import TransferError
from datalayer.stores.contract import Store
from datalayer.transfer.writers.contract import Writer


def writer_for(store: Store) -> Writer:
    """Return what writes a copy into this store."""
    if store.name == "supabase":
        from datalayer.transfer.writers.supabase import SupabaseWriter

        return SupabaseWriter(store)
    if store.name == "postgres":
        from datalayer.stores.postgres import PostgresStore
        from datalayer.transfer.writers.postgres import PostgresWriter

        if isinstance(store, PostgresStore):
            return PostgresWriter(store)
    else:
        from datalayer.stores.sqlite import SqliteStore
        from datalayer.transfer.writers.sqlite import SqliteWriter

        if isinstance(store, SqliteStore):
            return SqliteWriter(store)
    raise TransferError(f"a copy cannot write into a {type(store).__name__}; give it the store itself")
