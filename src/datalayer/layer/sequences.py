"""Generated keys of a store that takes over: the next one must be above all that were brought from the other store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import psycopg

from datalayer.errors import SchemaError, UnsupportedOperationError
from datalayer.stores.contract import Store

if TYPE_CHECKING:
    from datalayer.stores.postgres import PostgresStore


#: Keys that PostgreSQL generates while both stores generate some begin here, far above what the other one reaches.
_UPPER_BLOCK: Final = 1_000_000_000


async def use_upper_keys(store: PostgresStore) -> None:
    """Have PostgreSQL generate keys that the other store does not: two clients must not get one number."""
    catalog = await store.catalog()
    for table in catalog.tables.values():
        for column in table.columns:
            if column.identity:
                await store.fetch_one(
                    "select setval(name, greatest(coalesce(pg_sequence_last_value(name), 1), %(block)s))"
                    " from (select pg_get_serial_sequence(quote_ident(%(table)s), %(column)s)::regclass as name) as s"
                    " where name is not null",
                    {"table": table.name, "column": column.name, "block": _UPPER_BLOCK},
                )


async def advance_keys(store: Store) -> None:
    """Move every sequence behind the largest stored number; none is moved back. SQLite counts from its rows anyway.

    Raises:
        UnsupportedOperationError: the store's sequences cannot be moved from here (Supabase without the script).
    """
    if store.name == "supabase":
        await _advance_by_function(store)
        return
    if store.name != "postgres":
        return
    from datalayer.stores.postgres import PostgresStore
    from datalayer.stores.postgres.errors import translate
    from datalayer.transfer.writers.sequences import advance_sequences

    if not isinstance(store, PostgresStore):
        return
    catalog = await store.catalog()
    try:
        async with store.connection() as connection:
            for table in catalog.tables.values():
                await advance_sequences(connection, table)
    except psycopg.Error as error:
        failure = translate(error, operation="advance_keys", table=None)
    else:
        return
    raise failure


async def _advance_by_function(store: Store) -> None:
    from datalayer.stores.supabase import SupabaseStore

    if not isinstance(store, SupabaseStore):
        return
    try:
        await store.call_function("datalayer_advance_keys", {}, writes=True)
    except SchemaError:
        raise UnsupportedOperationError(
            "supabase",
            "moving sequences over REST",
            "run `datalayer supabase install`, or set them behind the largest keys in Supabase's SQL editor",
        ) from None
