"""Checksums by the script's function: equal segments cost no row."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
from tests.integration.outbox.supabase.project import TABLES, Project

from datalayer.query import Update, col
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.telemetry import CallEvent
from datalayer.transfer import verify

_ROWS = 3000


@pytest.fixture
async def compared(installed: Project, datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend another database with the same rows as the project's."""
    with psycopg.connect(datalayer_database, autocommit=True) as other:
        other.execute(TABLES)
        for door in (installed.door, other):
            door.execute(f"insert into items select n, 'n' || n, n / 7.0 from generate_series(1, {_ROWS}) n".encode())
            door.execute("""
                insert into prices select n, date '2025-01-01' + n, n, '{"a": [1, null], "b": "\u00fc"}'
                from generate_series(1, 50) n
            """)
    opened = await PostgresStore.open(datalayer_database, max_size=4)
    yield opened
    await opened.close()


async def test_verify_reads_no_rows_of_equal_segments(
    store: SupabaseStore, compared: PostgresStore, told: list[CallEvent]
) -> None:
    """With the script the server hashes its rows and adds them up, for every kind of key, and to 128 bits as well."""
    for strong in (False, True):
        told.clear()
        report = await verify(store, compared, tables=["items", "prices"], strong=strong)
        assert report.equal
        assert {event.operation for event in told} == {"count", "select", "datalayer_checksum"}
        # The ends of a whole-number key.
        assert sum(event.rows for event in told if event.operation == "select") == 2


async def test_verify_reads_only_unequal_segments(
    store: SupabaseStore, compared: PostgresStore, told: list[CallEvent]
) -> None:
    """A difference is found by the sums and named by its key; of a whole-number key only its neighbours are read."""
    await compared.update(Update("items", {"amount": 5}, col("id").eq(1700)))
    await compared.update(Update("prices", {"docs": {"b": 2}}, col("item").eq(7)))
    told.clear()
    report = await verify(store, compared, tables=["items", "prices"])
    found = {table.table: [(d.key, d.columns) for d in table.differences] for table in report.tables}
    assert found["items"] == [({"id": 1700}, ("amount",))]
    assert [columns for _, columns in found["prices"]] == [("docs",)]
    assert 1 <= sum(event.rows for event in told if event.table == "items" and event.operation == "select") < 100


async def test_verify_reads_the_rows_where_the_server_gives_up(
    installed: Project, store: SupabaseStore, compared: PostgresStore, told: list[CallEvent]
) -> None:
    """A statement that takes longer than its role may is ended; then the rows come over HTTP, page by page."""
    installed.door.execute("""
        create or replace function datalayer_checksum(
            name text, columns jsonb, key jsonb, cut jsonb, strong boolean default false
        ) returns json language plpgsql stable as
        $$ begin raise exception 'canceling statement due to statement timeout' using errcode = '57014'; end $$
    """)
    assert (await verify(store, compared, tables=["items"])).equal
    assert sum(event.rows for event in told if event.operation == "select") == _ROWS + 2
