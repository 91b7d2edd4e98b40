"""The library without models: a store's own dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datalayer import where_equal
from datalayer.query import Select
from datalayer.stores.postgres import PostgresStore


async def first_row(dsn: str) -> Any:
    """Open a store and read a row."""
    store = await PostgresStore.open(dsn)
    try:
        return await store.select(Select("clients", where_equal(id=7), limit=1))
    finally:
        await store.close()


async def read_all(dsn: str, table: str, use: Callable[[Any], None]) -> None:
    """Stream from the store."""
    store = await PostgresStore.open(dsn, timeout=600)
    try:
        async for row in store.stream(Select(table)):
            use(row)
    finally:
        await store.close()
