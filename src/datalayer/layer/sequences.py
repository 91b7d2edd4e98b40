"""Generated keys of a store that takes over: the next one must be above all that were brought from the other store."""

from __future__ import annotations

import psycopg

from datalayer.errors import UnsupportedOperationError
from datalayer.stores.contract import Store


async def advance_keys(store: Store) -> None:
    """Move every sequence behind the largest stored number; none is moved back. SQLite counts from its rows anyway.

    Raises:
        UnsupportedOperationError: the store's sequences cannot be moved from here (Supabase).
    """
    if store.name == "supabase":
        raise UnsupportedOperationError(
            "supabase", "moving sequences over REST", "set them in Supabase's SQL editor and restart the application"
        )
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
