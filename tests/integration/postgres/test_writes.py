"""What is particular to writing on PostgreSQL: large batches, types that cannot travel as JSON, statement counts."""

import asyncio

import pytest

from datalayer.errors import StoreError, UniqueViolationError
from datalayer.query import Count, Insert, Select, Upsert, where_equal
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.writes import CHUNK_ROWS


async def test_a_batch_larger_than_a_chunk_is_one_transaction(store: PostgresStore) -> None:
    """The last row of the second chunk is bad: nothing of the first stays."""
    rows = [{"name": str(number)} for number in range(CHUNK_ROWS + 1)]
    rows[-1] = {"name": "0"}
    with pytest.raises(UniqueViolationError):
        await store.insert(Insert("items", rows))
    assert await store.count(Count("items")) == 0


async def test_a_large_batch_comes_back_in_its_order(store: PostgresStore) -> None:
    """As many rows as given, in the order given, over several chunks."""
    rows = [{"name": str(number), "amount": -number} for number in range(CHUNK_ROWS * 2 + 7)]
    written = await store.upsert(Upsert("items", rows, ("name",)), timeout=30)
    assert [row["name"] for row in written.rows] == [row["name"] for row in rows]


async def test_a_partial_batch_comes_back_in_its_order(store: PostgresStore) -> None:
    """Rows that leave out a required column are joined to the stored ones, and still answer in the order given."""
    await store.execute("create table stock (id int primary key, label text not null, amount int)")
    await store.insert(Insert("stock", [{"id": number, "label": str(number)} for number in range(2000)]), timeout=30)
    await store.execute("analyze stock")
    rows = [{"id": number * 7 % 2000, "amount": number} for number in range(2000)]
    written = await store.upsert(Upsert("stock", rows, ("id",)), timeout=30)
    assert [(row["id"], row["amount"]) for row in written.rows] == [(row["id"], row["amount"]) for row in rows]


async def test_batches_in_opposite_orders_do_not_deadlock(store: PostgresStore) -> None:
    """Rows are locked in the order of their keys, whatever order a batch has them in."""
    rows = [{"name": str(number), "amount": number} for number in range(400)]
    batches = [rows, rows[::-1]] * 10
    await asyncio.gather(*(store.upsert(Upsert("items", batch, ("name",)), timeout=30) for batch in batches))
    assert await store.count(Count("items")) == 400


async def test_types_that_cannot_travel_as_json_are_written_one_by_one(store: PostgresStore) -> None:
    """Arrays of bytea and of jsonb keep every element, NULLs included."""
    await store.execute("create table parts (id int primary key, pieces bytea[], notes jsonb[])")
    rows = [
        {"id": 1, "pieces": [b"\x00\xff", None], "notes": [{"a": 1}, None]},
        {"id": 2, "pieces": [], "notes": None},
    ]
    assert (await store.insert(Insert("parts", rows))).rows == rows


async def test_a_trigger_that_withholds_rows_is_noticed(store: PostgresStore) -> None:
    """A row that a trigger swallowed must not look written."""
    await store.execute("create function refuse() returns trigger language plpgsql as $$ begin return null; end $$")
    await store.execute("create trigger refuse before insert on items for each row execute function refuse()")
    with pytest.raises(StoreError, match="0 of 1 rows"):
        await store.insert(Insert("items", [{"name": "x"}]))


async def test_types_without_a_portable_kind_are_text(store: PostgresStore) -> None:
    """Intervals, addresses and ranges come back as the server writes them, and go in again unchanged."""
    await store.execute("create table odd (id int primary key, span interval, host inet, days int4range, moods name[])")
    row = {"id": 1, "span": "1 mon 02:00:00", "host": "10.0.0.1", "days": "[1,5)", "moods": ["a"]}
    assert (await store.insert(Insert("odd", [row]))).rows == [row]
    assert (await store.select(Select("odd", where_equal(span="1 mon 02:00:00")))) == [row]


async def test_a_new_column_is_seen_without_reopening(store: PostgresStore) -> None:
    """An unknown column makes the store look at the live schema once more."""
    await store.insert(Insert("items", [{"name": "a"}]))
    await store.execute("alter table items add column colour text")
    written = await store.insert(Insert("items", [{"name": "b", "colour": "red"}]))
    assert written.rows[0]["colour"] == "red"
