"""Raw SQL on a store, for what tests put in and look up by hand."""

from __future__ import annotations

from datalayer.query import Row
from datalayer.stores.postgres import PostgresStore


async def run(store: PostgresStore, script: str) -> None:
    """Run statements on PostgreSQL and forget what the store knew of the schema."""
    async with store.connection() as connection:
        await connection.execute(script.encode())
    await store.catalog(refresh=True)


async def ask(store: PostgresStore, query: str) -> list[Row]:
    """Return the rows of a query on PostgreSQL."""
    async with store.connection() as connection:
        return await (await connection.execute(query.encode())).fetchall()
