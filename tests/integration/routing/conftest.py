"""Migrated databases, each test with its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.integration.layer.places import PostgresPlace, migrate

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
