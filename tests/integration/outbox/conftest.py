"""Databases with capture installed."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from datalayer.servers.postgrest import PostgrestServer
from datalayer.testing.servers import FoundServer


@pytest.fixture
def door(datalayer_database: str) -> Iterator[psycopg.Connection]:
    """Lend a connection of the test's own to an empty PostgreSQL database."""
    with psycopg.connect(datalayer_database, autocommit=True) as connection:
        yield connection


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
