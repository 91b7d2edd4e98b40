"""Foreign keys of PostgreSQL added when the rows are there; rows that refer to nothing are named."""

from __future__ import annotations

import psycopg

from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import StoreName
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sql_names import quote
from datalayer.transfer.ddl import postgres as ddl
from datalayer.transfer.naming import key_text
from datalayer.transfer.orphans import select_orphans
from datalayer.transfer.writers.contract import BrokenReference
from datalayer.transfer.writers.failures import failure
from datalayer.transfer.writers.transactions import plain_transaction, transaction


async def add_reference(
    store: PostgresStore, table: Table, key: ForeignKey, source: StoreName
) -> BrokenReference | None:
    """Add a foreign key to a loaded table; return what breaks it, where it could not be added."""
    try:
        async with plain_transaction(store) as connection:
            await connection.execute(ddl.add_foreign_key(table, key, source).encode())
    except psycopg.errors.ForeignKeyViolation:
        return BrokenReference(table.name, key.columns, key.target_table, await _orphans(store, table, key))
    except psycopg.Error as error:
        raise failure(error, table.name) from None
    return None


async def _orphans(store: PostgresStore, table: Table, key: ForeignKey) -> str:
    """Name the first rows that refer to nothing."""
    if not table.primary_key:
        return ""
    columns = ", ".join(f"child.{quote(name)}" for name in table.primary_key)
    query = f"{select_orphans(table.name, key, columns)} order by {columns} limit 3"
    async with transaction(store, table.name) as connection:
        rows = await (await connection.execute(query.encode())).fetchall()
    return "; ".join(map(key_text, rows))
