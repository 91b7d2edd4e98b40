"""Databases with capture installed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from datalayer.stores.postgres import PostgresStore


@pytest.fixture
def door(datalayer_database: str) -> Iterator[psycopg.Connection]:
    """Lend a connection of the test's own to an empty PostgreSQL database."""
    with psycopg.connect(datalayer_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def postgres(datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend a store on the same database."""
    store = await PostgresStore.open(datalayer_database, max_size=4)
    yield store
    await store.close()
