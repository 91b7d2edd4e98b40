"""What is installed in any store."""

from __future__ import annotations

from datalayer.outbox.capture import postgres, sqlite
from datalayer.outbox.capture.status import CaptureStatus
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


async def status_of(store: Store) -> CaptureStatus:
    """Say what is installed; changes nothing.

    Raises:
        TypeError: the store is not one of the three themselves.
    """
    if isinstance(store, PostgresStore):
        return await postgres.status(store)
    if isinstance(store, SqliteStore):
        return await sqlite.status(store)
    from datalayer.outbox.capture import supabase
    from datalayer.stores.supabase import SupabaseStore

    if isinstance(store, SupabaseStore):
        return await supabase.status(store)
    raise TypeError(f"not a store that triggers are in: {type(store).__name__}")
