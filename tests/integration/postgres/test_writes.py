"""What is particular to writing on PostgreSQL: large batches, types that cannot travel as JSON, statement counts."""

import asyncio
from decimal import Decimal

import pytest

from datalayer.errors import InvalidValueError, StoreError, UnfitValueError, UniqueViolationError
from datalayer.query import Count, Filter, Group, Insert, Select, Upsert, col, where_equal
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.writes import CHUNK_ROWS
from datalayer.stores.retry import run_transaction


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


async def test_arrays_of_the_databases_own_types_are_lists(store: PostgresStore) -> None:
    """An enum's array is a list of texts, read, returned and written."""
    await store.execute("create type mood as enum ('good', 'so so')")
    await store.execute("create table days (id int primary key, mood mood, moods mood[])")
    row = {"id": 1, "mood": "good", "moods": ["so so", None, "good"]}
    assert (await store.insert(Insert("days", [row]))).rows == [row]
    assert await store.select(Select("days", col("moods").contains(["good"]))) == [row]


async def test_a_new_column_is_seen_without_reopening(store: PostgresStore) -> None:
    """An unknown column makes the store look at the live schema once more."""
    await store.insert(Insert("items", [{"name": "a"}]))
    await store.execute("alter table items add column colour text")
    written = await store.insert(Insert("items", [{"name": "b", "colour": "red"}]))
    assert written.rows[0]["colour"] == "red"


async def test_a_column_may_be_called_like_anything_the_statement_uses(store: PostgresStore) -> None:
    """Names inside the statement step aside for the table's own."""
    await store.execute("create table seats (id int primary key, place text not null, r int, old int)")
    await store.insert(Insert("seats", [{"id": 1, "place": "a"}, {"id": 2, "place": "b"}]))
    written = await store.upsert(Upsert("seats", [{"id": 2, "r": 2}, {"id": 1, "r": 1}], ("id",)))
    assert [(row["place"], row["r"]) for row in written.rows] == [("b", 2), ("a", 1)]


@pytest.mark.parametrize("count", [1, 2])
async def test_bytes_alone_go_into_bytea(store: PostgresStore, count: int) -> None:
    """Text would be read as hexadecimal or as escapes, by how it begins; one row and many alike."""
    await store.execute("create table blobs (id int primary key, content bytea)")
    for place, content in enumerate((b"ab", bytearray(b"ab"), memoryview(b"ab"))):
        rows = [{"id": place * 10 + number, "content": content} for number in range(count)]
        assert [row["content"] for row in (await store.insert(Insert("blobs", rows))).rows] == [b"ab"] * count
    with pytest.raises(UnfitValueError):
        await store.insert(Insert("blobs", [{"id": 90 + number, "content": "ab"} for number in range(count)]))


async def test_reals_are_compared_as_reals(store: PostgresStore) -> None:
    """No double equals 0.1 as a real; a keyset page over such a column must still come to its end."""
    await store.execute("create table measures (id int primary key, size real)")
    await store.insert(Insert("measures", [{"id": number, "size": number / 10} for number in range(5)]))
    assert await store.count(Count("measures", col("size").eq(0.1))) == 1
    assert await store.count(Count("measures", col("size").gt(0.1))) == 3
    assert await store.count(Count("measures", col("size").in_([0.1, 0.3]))) == 2


async def test_a_type_altered_elsewhere_does_not_break_a_warm_statement(store: PostgresStore) -> None:
    """A prepared plan that no longer fits is made anew; inside a transaction the conflict may be retried."""
    await store.insert(Insert("items", [{"name": "a", "amount": 1}]))
    for _ in range(3):
        await store.select(Select("items"))
    await store.execute("alter table items alter column amount type text")
    assert [row["amount"] for row in await store.select(Select("items"))] == ["1"]


async def test_a_type_altered_inside_a_transactions_life_is_a_conflict(store: PostgresStore) -> None:
    """The transaction cannot go on; run again it goes through."""
    await store.insert(Insert("items", [{"name": "a", "amount": 1}]))
    single = [await store.select(Select("items")) for _ in range(4)]
    assert single
    await store.execute("alter table items alter column amount type text")
    rows = await run_transaction(store, lambda tx: tx.select(Select("items")), attempts=5)
    assert [row["amount"] for row in rows] == ["1"]


async def test_more_values_than_a_statement_takes_are_refused_before_they_are_sent(store: PostgresStore) -> None:
    """The protocol counts parameters in sixteen bits."""
    where = Group("or", tuple(col("name").eq(str(number)) for number in range(70_000)))
    with pytest.raises(InvalidValueError, match="65,535"):
        await store.count(Count("items", where))


async def test_a_filter_nested_too_deeply_is_refused(store: PostgresStore) -> None:
    """No RecursionError reaches the caller."""
    where: Filter = col("name").eq("a")
    for _ in range(1500):
        where = ~where
    with pytest.raises(InvalidValueError, match="deep"):
        await store.count(Count("items", where))


async def test_a_translated_error_keeps_no_trace_of_the_servers_words(store: PostgresStore) -> None:
    """Psycopg's text quotes row values; neither cause nor context may carry it into a log."""
    with pytest.raises(UnfitValueError) as caught:
        await store.insert(Insert("items", [{"name": "x", "amount": "secret"}]))
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_decimals_inside_documents_are_refused(store: PostgresStore) -> None:
    """JSON numbers come back as floats: what would not come back as it was is not written."""
    for rows in (1, 2):
        with pytest.raises(InvalidValueError, match="Decimal"):
            await store.insert(Insert("items", [{"name": str(n), "data": {"a": Decimal("1.5")}} for n in range(rows)]))
