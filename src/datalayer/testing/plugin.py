"""The pytest plugin: real servers as fixtures. It is loaded with the package; nothing starts before a test asks.

    def test_something(datalayer_database):       # DSN of an empty PostgreSQL database, dropped after the test
        ...

Which server: the DSN in ``DATALAYER_TEST_DSN``, else Docker where an engine answers, else the embedded wheel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from datalayer.servers.postgrest import PostgrestServer
    from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="session")
def datalayer_postgres() -> Iterator[FoundServer]:
    """Lend a PostgreSQL server for the whole run: ``.dsn``, ``.create_database()``, ``.fresh_database()``."""
    from datalayer.testing.servers import postgres_for_tests

    with postgres_for_tests() as server:
        yield server


@pytest.fixture
def datalayer_database(datalayer_postgres: FoundServer) -> Iterator[str]:
    """Lend the DSN of an empty database, dropped after the test."""
    with datalayer_postgres.fresh_database() as dsn:
        yield dsn


@pytest.fixture(scope="session")
def datalayer_postgrest(datalayer_postgres: FoundServer) -> Iterator[PostgrestServer]:
    """Lend a PostgREST before a database of its own (``.dsn``), Supabase's REST interface.

    Where npm cannot bring it the test is skipped; with ``DATALAYER_REQUIRE_POSTGREST=true`` it fails.
    """
    with datalayer_postgres.fresh_postgrest() as server:
        yield server
