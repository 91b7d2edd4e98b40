"""Databases with capture installed, and pairs of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from tests.integration.outbox.pairs import Pair, postgres_pair

from datalayer.servers.postgrest import PostgrestServer
from datalayer.testing.servers import FoundServer


@pytest.fixture
def door(datalayer_database: str) -> Iterator[psycopg.Connection]:
    """Lend a connection of the test's own to an empty PostgreSQL database."""
    with psycopg.connect(datalayer_database, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def pair(datalayer_postgres: FoundServer) -> AsyncIterator[Pair]:
    """Lend a pair on empty tables."""
    with datalayer_postgres.fresh_database() as one, datalayer_postgres.fresh_database() as other:
        async with postgres_pair(one, other) as opened:
            yield opened


@pytest.fixture(scope="session")
def outbox_postgrest(datalayer_postgres: FoundServer) -> Iterator[PostgrestServer]:
    """Lend a PostgREST before a database that no other tests use; see :func:`emptied`."""
    with datalayer_postgres.fresh_postgrest() as server:
        yield server


def emptied(server: PostgrestServer) -> None:
    """Take everything out of a PostgREST's database; what is made there next is the service role's to use."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("""
            drop schema public cascade;
            create schema public;
            grant usage on schema public to anon, service_role;
            alter default privileges in schema public grant all on tables to service_role;
            alter default privileges in schema public grant all on sequences to service_role;
            alter default privileges in schema public grant all on routines to service_role;
        """)
