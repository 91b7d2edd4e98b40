"""Migrated databases, each test with its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.integration.layer.places import PostgresPlace, migrate
from tests.integration.routing.salons import install

from datalayer.migrations import apply
from datalayer.outbox.capture import sqlite as sqlite_capture
from datalayer.stores.sqlite import SqliteStore
from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="session")
async def salon_template(datalayer_postgres: FoundServer) -> str:
    """Migrate one database and return its name; the others are copies of it."""
    dsn = datalayer_postgres.create_database()
    await migrate(dsn)
    return str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def postgres(datalayer_postgres: FoundServer, salon_template: str) -> Iterator[PostgresPlace]:
    """Lend a migrated database."""
    with datalayer_postgres.fresh_database(template=salon_template) as dsn:
        yield PostgresPlace(dsn)


@pytest.fixture
async def pair(postgres: PostgresPlace, tmp_path: Path) -> dict[str, Any]:
    """Prepare both stores, and return the settings that name them."""
    await install(postgres.dsn)
    file = tmp_path / "salon.sqlite3"
    store = await SqliteStore.open(file)
    await apply(store)
    await sqlite_capture.install(store)
    await store.close()
    return {"database_url": postgres.dsn, "datalayer_sqlite_path": file, "enable_dual_write": True}
