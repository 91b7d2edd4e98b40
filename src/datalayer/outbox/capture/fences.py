"""The fence of any store that has the triggers: while it stands, nobody but a relay writes to the armed tables."""

from __future__ import annotations

from datalayer.errors import AccessDeniedError
from datalayer.outbox.capture import postgres, sqlite
from datalayer.outbox.tables import CONTROL
from datalayer.query import Select
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


async def is_fenced(store: Store) -> bool | None:
    """Whether the fence stands; None where there is none, or where we may not see it."""
    if CONTROL not in (await store.catalog()).tables:
        return None
    try:
        rows = await store.select(Select(CONTROL, columns=("fenced",)))
    except AccessDeniedError:
        return None
    return bool(rows[0]["fenced"]) if rows else None


async def fence(store: Store, *, timeout: float | None = None) -> None:
    """Refuse writes from now on; returns when every transaction that wrote an armed table is over."""
    if isinstance(store, PostgresStore):
        await postgres.fence(store, timeout=timeout)
    elif isinstance(store, SqliteStore):
        await sqlite.fence(store, timeout=timeout)
    else:
        await _call(store, "datalayer_fence", timeout)


async def unfence(store: Store, *, timeout: float | None = None) -> None:
    """Let writes happen again."""
    if isinstance(store, PostgresStore):
        await postgres.unfence(store, timeout=timeout)
    elif isinstance(store, SqliteStore):
        await sqlite.unfence(store, timeout=timeout)
    else:
        await _call(store, "datalayer_unfence", timeout)


async def _call(store: Store, name: str, timeout: float | None) -> None:
    from datalayer.stores.supabase import SupabaseStore

    if not isinstance(store, SupabaseStore):
        raise TypeError(f"not a store that triggers are in: {type(store).__name__}")
    await store.call_function(name, {}, writes=True, timeout=timeout)
