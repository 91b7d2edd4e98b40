"""What several suites ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from datalayer.stores.postgres import PostgresStore


@pytest.fixture
async def postgres(datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend a store on an empty PostgreSQL database."""
    store = await PostgresStore.open(datalayer_database)
    yield store
    await store.close()
