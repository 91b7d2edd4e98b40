"""Answers longer than the server's row cap."""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest

from datalayer.query import Count, Delete, Insert, Select, Update, asc, col, desc
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.supabase import SupabaseStore


@pytest.fixture(params=[1000, 150])
async def capped(
    request: pytest.FixtureRequest, rest: PostgrestServer, database: psycopg.Connection
) -> AsyncIterator[SupabaseStore]:
    """Lend a store on 2,500 rows, behind a cap of 1,000 and of 150."""
    database.execute("insert into notes select n, 'w' || n % 10, n % 7 from generate_series(1, 2500) n")
    database.execute("insert into log select n % 5 from generate_series(1, 2500) n")
    if request.param == 1000:
        store = await SupabaseStore.open(rest.url, rest.service_key)
        yield store
        await store.close()
        return
    with PostgrestServer(rest.dsn, max_rows=request.param) as server:
        store = await SupabaseStore.open(server.url, server.service_key)
        yield store
        await store.close()


async def test_select_reads_to_the_end_by_key(capped: SupabaseStore) -> None:
    """All rows, in order, whatever the order is; columns that nobody asked for stay away."""
    rows = await capped.select(Select("notes", order=(desc("number"), asc("word")), columns=("number", "word")))
    assert len(rows) == 2500
    assert rows == sorted(rows, key=lambda row: (-row["number"], row["word"]))
    assert set(rows[0]) == {"number", "word"}
    assert {row["id"] for row in await capped.select(Select("notes"))} == set(range(1, 2501))


async def test_select_reads_to_the_end_without_a_key(capped: SupabaseStore) -> None:
    """A table without a primary key is paged by offset; equal rows are all there."""
    rows = await capped.select(Select("log"))
    assert sorted(row["line"] for row in rows) == sorted(n % 5 for n in range(1, 2501))
    assert len(await capped.select(Select("log", offset=2000))) == 500


async def test_limit_and_offset_above_the_cap_are_filled(capped: SupabaseStore) -> None:
    """1,500 rows are 1,500 rows; an end that falls on a full page is an end."""
    rows = await capped.select(Select("notes", order=(asc("id"),), limit=1500, offset=900))
    assert [row["id"] for row in rows] == list(range(901, 2401))
    assert len(await capped.select(Select("notes", col("id").lte(300)))) == 300
    assert len(await capped.select(Select("notes", col("id").lte(2000)))) == 2000


async def test_stream_yields_every_row_once(capped: SupabaseStore) -> None:
    """In chunks smaller and larger than the cap, also by a list longer than a URL."""
    for chunk_rows in (100, 1000):
        seen = [row["id"] async for row in capped.stream(Select("notes", order=(asc("id"),)), chunk_rows=chunk_rows)]
        assert seen == list(range(1, 2501))
    listed = Select("notes", col("id").in_(range(5_000)))
    assert {row["id"] async for row in capped.stream(listed)} == set(range(1, 2501))
    last = Select("notes", col("id").in_(range(5_000)), order=(desc("id"),), limit=3)
    assert [row["id"] async for row in capped.stream(last)] == [2500, 2499, 2498]
    assert [row async for row in capped.stream(Select("notes", limit=0))] == []


async def test_writes_return_more_rows_than_the_cap(capped: SupabaseStore) -> None:
    """What was written comes back in full."""
    assert await capped.count(Count("notes")) == 2500
    written = await capped.insert(Insert("notes", [{"id": n} for n in range(3000, 4200)]))
    assert [row["id"] for row in written.rows] == list(range(3000, 4200))
    changed = await capped.update(Update("notes", {"word": "x"}, col("id").gte(1), returning=True))
    assert (changed.count, len(changed.rows)) == (3700, 3700)
    gone = await capped.delete(Delete("notes", every_row=True, returning=True))
    assert (gone.count, len(gone.rows)) == (3700, 3700)
