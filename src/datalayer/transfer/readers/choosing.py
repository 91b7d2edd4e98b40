"""The reader for a store."""

from __future__ import annotations

from datalayer.errors import TransferError
from datalayer.stores.contract import Store
from datalayer.transfer.readers.contract import Reader


def reader_for(store: Store) -> Reader:
    """Return what reads a copy out of this store."""
    if store.name == "supabase":
        from datalayer.stores.supabase import SupabaseStore
        from datalayer.transfer.readers.pages import PagesReader

        if isinstance(store, SupabaseStore):
            return PagesReader(store)
    elif store.name == "postgres":
        from datalayer.stores.postgres import PostgresStore
        from datalayer.transfer.readers.postgres import PostgresReader

        if isinstance(store, PostgresStore):
            return PostgresReader(store)
    else:
        from datalayer.stores.sqlite import SqliteStore
        from datalayer.transfer.readers.sqlite import SqliteReader

        if isinstance(store, SqliteStore):
            return SqliteReader(store)
    raise TransferError(f"a copy cannot read from a {type(store).__name__}; give it the store itself")
