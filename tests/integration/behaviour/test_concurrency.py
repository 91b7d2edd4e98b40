"""Many tasks on one store."""

from __future__ import annotations

import asyncio

from tests.integration.behaviour.asking import read

from datalayer.query import Count, Insert, Select, Upsert, col
from datalayer.stores.contract import Store

KEY = ("company_id", "external_id")


async def test_concurrent_upserts_of_one_key_make_one_row(store: Store) -> None:
    """Twenty tasks that upsert one new key all succeed, and the row is whole."""
    rows = [{"company_id": 1, "external_id": 1, "name": f"n{n}", "age": n} for n in range(20)]
    written = await asyncio.gather(*(store.upsert(Upsert("people", [row], KEY)) for row in rows))
    assert len({w.rows[0]["id"] for w in written}) == 1
    [stored] = await read(store, "people")
    assert stored["name"] == f"n{stored['age']}"


async def test_concurrent_batches_that_overlap_all_succeed(store: Store) -> None:
    """Batches that make and change the same rows in the same order neither fail nor lose a row."""

    async def write(tag: int) -> None:
        rows = [{"company_id": 1, "external_id": n, "name": f"{tag}"} for n in range(tag, tag + 30)]
        written = await store.upsert(Upsert("people", rows, KEY))
        assert [row["external_id"] for row in written.rows] == list(range(tag, tag + 30))

    await asyncio.gather(*(write(tag) for tag in range(8)))
    assert await store.count(Count("people")) == 37


async def test_concurrent_reads_and_writes_do_not_mix_up_answers(store: Store) -> None:
    """Each of a hundred tasks gets the answer to its own question."""

    async def write_and_read(n: int) -> None:
        await store.insert(Insert("samples", [{"id": n, "word": f"w{n}"}]))
        rows = await store.select(Select("samples", col("word").eq(f"w{n}")))
        assert [row["id"] for row in rows] == [n]

    await asyncio.gather(*(write_and_read(n) for n in range(100)))
    assert await store.count(Count("samples")) == 100
