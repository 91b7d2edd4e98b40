"""The library without models: dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.model import Clients, clients_in
from datalayer.stores.postgres import PostgresStore


async def first_row(dsn: str) -> Any:
    """Open a store and read a row."""
    store = await PostgresStore.open(dsn)
    try:
        return await Clients(store).dicts.get(id=7)
    finally:
        await store.close()


async def read_all(dsn: str, table: str, use: Callable[[Any], None]) -> None:
    """Iterate over the repository's dicts."""
    store = await PostgresStore.open(dsn, timeout=600)
    try:
        async for row in clients_in(table)(store).dicts.iterate():
            use(row)
    finally:
        await store.close()
