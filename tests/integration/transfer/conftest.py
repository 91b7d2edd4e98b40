"""Stores for moving data: two empty PostgreSQL databases and room for SQLite files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer


@pytest.fixture
def second_database(datalayer_postgres: FoundServer) -> Iterator[str]:
    """Lend the DSN of another empty database."""
    with datalayer_postgres.fresh_database() as dsn:
        yield dsn


@pytest.fixture
async def target(datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend an empty PostgreSQL as the target."""
    store = await PostgresStore.open(datalayer_database, max_size=3)
    yield store
    await store.close()


@pytest.fixture
async def origin(second_database: str) -> AsyncIterator[PostgresStore]:
    """Lend an empty PostgreSQL as the source."""
    store = await PostgresStore.open(second_database, max_size=3)
    yield store
    await store.close()
