"""Large writes, which go by COPY: exact values, transactions, races, roles that may not, tables of every kind."""

import asyncio
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pytest
from psycopg.conninfo import make_conninfo

from datalayer.errors import InvalidValueError, StoreError, UnfitValueError, UniqueViolationError
from datalayer.query import JSON_NULL, Count, Insert, Row, Select, Upsert, asc, col
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.shared import COPY_ROWS
from datalayer.stores.postgres.writes import CHUNK_ROWS
from datalayer.telemetry import CallEvent

UNTIL_SOMEBODY_WAITS = """
    do $$ begin
        while not exists (select from pg_locks where not granted) loop perform pg_sleep(0.01); end loop;
    end $$
"""


@pytest.fixture
def copying(store: PostgresStore) -> PostgresStore:
    """Lend the store with every write of two rows and more going by COPY."""
    store.shared.copy_rows = 2
    return store


def items(count: int, **columns: Any) -> list[Row]:
    """Return so many rows of `items`."""
    return [{"name": f"{number:06}", **columns} for number in range(count)]


@pytest.mark.parametrize("count", [COPY_ROWS - 1, COPY_ROWS, CHUNK_ROWS + 1, 2 * CHUNK_ROWS + 7])
async def test_every_size_is_written_whole_and_counted(store: PostgresStore, count: int) -> None:
    """On both sides of each border between strategies."""
    await store.upsert(Upsert("items", items(count)[::2], ("name",), returning=False), timeout=30)
    rows = items(count, amount=Decimal("1.50"), data={"a": [1, None]})
    written = await store.upsert(Upsert("items", rows, ("name",), returning=False), timeout=30)
    assert (written.count, written.inserted) == (count, count // 2)
    assert await store.count(Count("items", col("amount").eq(Decimal("1.5")))) == count


async def test_rows_come_back_in_the_order_given(copying: PostgresStore) -> None:
    """Over several chunks, whatever the order of their keys."""
    rows = items(2 * CHUNK_ROWS + 7)[::-1]
    written = await copying.upsert(Upsert("items", rows, ("name",)), timeout=30)
    assert [row["name"] for row in written.rows] == [row["name"] for row in rows]


async def test_a_bad_row_in_the_last_chunk_undoes_the_first(copying: PostgresStore) -> None:
    """One transaction, whether the value cannot be sent or the server refuses it."""
    for bad in ("x\0", 5, "x\ud800"):
        with pytest.raises(UnfitValueError):
            await copying.upsert(Upsert("items", [*items(CHUNK_ROWS + 1), {"name": bad}], ("name",)), timeout=30)
        assert await copying.count(Count("items")) == 0
    with pytest.raises(UnfitValueError) as caught:
        await copying.upsert(Upsert("items", [*items(CHUNK_ROWS), {"name": "x", "amount": "secret"}], ("name",)))
    assert "secret" not in str(caught.value)
    with pytest.raises(UniqueViolationError):
        await copying.insert(Insert("items", [*items(CHUNK_ROWS + 1), {"name": "000000"}]), timeout=30)
    assert await copying.count(Count("items")) == 0


async def test_the_temporary_table_goes_with_the_write(copying: PostgresStore) -> None:
    """Outside of a transaction and inside a long one, which may hold many large writes."""
    await copying.upsert(Upsert("items", items(3), ("name",)))
    async with copying.transaction() as transaction:
        for amount in range(3):
            await transaction.upsert(Upsert("items", items(3, amount=amount), ("name",)))
        found = await transaction.fetch_all("select relname from pg_class where relname like 'datalayer_incoming%'")
    assert found == []
    assert {row["amount"] for row in await copying.select(Select("items"))} == {Decimal(2)}


async def test_two_tasks_may_write_in_one_transaction(copying: PostgresStore) -> None:
    """Their temporary tables are apart, and their statements take turns."""
    async with copying.transaction() as transaction:
        await asyncio.gather(
            *(
                transaction.upsert(Upsert("items", [{"name": f"{task} {n}"} for n in range(50)], ("name",)))
                for task in range(4)
            )
        )
    assert await copying.count(Count("items")) == 200


async def test_a_write_that_fails_in_a_savepoint_leaves_the_transaction_usable(copying: PostgresStore) -> None:
    """The temporary table goes with the savepoint, and the next write makes another."""
    async with copying.transaction() as transaction:
        await transaction.upsert(Upsert("items", items(2), ("name",)))
        with pytest.raises(UnfitValueError):
            async with transaction.transaction() as nested:
                await nested.upsert(Upsert("items", items(2, amount="x"), ("name",)))
        await transaction.upsert(Upsert("items", items(3), ("name",)))
    assert await copying.count(Count("items")) == 3


async def test_writers_at_the_same_time_end_as_if_in_turn(copying: PostgresStore, datalayer_database: str) -> None:
    """Overlapping batches in any order: no deadlock, no lost row, each row counted as new exactly once."""
    another = await PostgresStore.open(datalayer_database, max_size=4)
    another.shared.copy_rows = 2
    try:
        whole = [{"name": str(number), "amount": number} for number in range(600)]
        batches = [whole[start : start + 400][:: 1 if start % 200 else -1] for start in (0, 100, 200)] * 6
        written = await asyncio.gather(
            *(
                store.upsert(Upsert("items", batch, ("name",), returning=False), timeout=60)
                for batch, store in zip(batches, [copying, another] * 9, strict=True)
            )
        )
    finally:
        await another.close()
    assert sum(part.inserted or 0 for part in written) == 600
    assert sum(part.count for part in written) == 400 * len(batches)
    rows = await copying.select(Select("items", order=(asc("id"),)))
    assert {row["name"]: row["amount"] for row in rows} == {str(number): number for number in range(600)}


async def test_a_row_that_appears_meanwhile_is_updated(copying: PostgresStore, datalayer_database: str) -> None:
    """A batch waits for another transaction's row of the same key, and then writes over it."""
    another = await PostgresStore.open(datalayer_database)
    try:
        async with another.transaction() as transaction:
            await transaction.insert(Insert("items", [{"name": "000001", "amount": 7}]))
            batch = Upsert("items", items(3, data={}), ("name",), returning=False)
            writing = asyncio.create_task(copying.upsert(batch, timeout=30))
            await another.execute(UNTIL_SOMEBODY_WAITS)
    finally:
        await another.close()
    assert (await writing).inserted == 2
    assert [row["amount"] for row in await copying.select(Select("items", order=(asc("name"),)))] == [None, 7, None]


async def test_a_role_without_temporary_tables_writes_all_the_same(
    copying: PostgresStore, datalayer_database: str
) -> None:
    """The rows travel as JSON instead."""
    await copying.execute("create role plain login password 'x'")
    await copying.execute("grant select, insert, update on items to plain")
    (row,) = await copying.fetch_all("select current_database() as name")
    async with copying.connection() as connection:
        await connection.execute(f'revoke temporary on database "{row["name"]}" from public'.encode())
    limited = await PostgresStore.open(make_conninfo(datalayer_database, options="-c role=plain"))
    try:
        written = await limited.upsert(Upsert("items", items(COPY_ROWS), ("name",), returning=False))
        assert (written.count, limited.shared.may_copy) == (COPY_ROWS, False)
    finally:
        await limited.close()
        await copying.execute("drop owned by plain")
        await copying.execute("drop role plain")


async def test_partitioned_tables_are_written_without_telling_what_was_new(copying: PostgresStore) -> None:
    """Their rows do not show what they were before; no number is made up."""
    await copying.execute("create table parted (id int primary key, note text) partition by range (id)")
    await copying.execute("create table parted_1 partition of parted for values from (0) to (1000)")
    rows = [{"id": number, "note": "x"} for number in range(20)]
    for _ in range(2):
        written = await copying.upsert(Upsert("parted", rows, ("id",), returning=False))
        assert (written.count, written.inserted) == (20, None)
    assert await copying.count(Count("parted")) == 20


async def test_values_of_a_type_of_their_own_travel_as_json(copying: PostgresStore) -> None:
    """Text that a subclass may print as anything is not guessed."""

    class Colour(StrEnum):
        RED = "red"

        def __str__(self) -> str:
            return "not red"

    await copying.upsert(Upsert("items", [{"name": Colour.RED}, {"name": "blue"}], ("name",)))
    assert {row["name"] for row in await copying.select(Select("items"))} == {"red", "blue"}


async def test_every_kind_of_value_is_exact(copying: PostgresStore) -> None:
    """What COPY's format would take for its own signs, NULL beside empty, arrays of anything."""
    await copying.execute("""
        create table kinds (id int primary key, t text, v varchar(5), b bytea, n numeric, f float8, r real, d date,
            c time, m timestamp, z timestamptz, u uuid, j jsonb, k json, ok boolean, ts text[], ns int[],
            ms timestamptz[], ds numeric[], span interval, host inet, days int4range)""")
    rows: list[Row] = [
        {
            "id": 1, "t": "\\N", "v": "\\.", "b": b"\\x00\n\t\0", "n": Decimal("NaN"), "f": float("inf"), "r": 0.5,
            "d": date(1, 1, 1), "c": time(23, 59, 59, 999999), "m": datetime(2026, 1, 2, 3, 4, 5, 6),
            "z": datetime(2026, 1, 2, tzinfo=UTC), "u": UUID(int=1), "j": JSON_NULL, "k": {"a": "\\\n\t\"'"},
            "ok": True, "ts": ["", "NULL", None, 'a"b', "\\", "{,}", "\t\r\n", " x "],
            "ns": [1, None, -1], "ms": [], "ds": [Decimal("1.50")], "span": "1 mon", "host": "10.0.0.1",
            "days": "[1,5)",
        },
        {
            "id": 2, "t": "", "v": "ящик", "b": b"", "n": Decimal("1E+40"), "f": 1e-320, "r": float("nan"),
            "d": date(9999, 12, 31), "c": time(0), "m": datetime(1, 1, 1), "z": datetime(9999, 12, 30, tzinfo=UTC),
            "u": UUID(int=2**128 - 1), "j": ["\u2028", {"a": JSON_NULL}], "k": "text", "ok": False, "ts": [], "ns": [],
            "ms": [datetime(2026, 1, 2, tzinfo=UTC), None], "ds": None, "span": None, "host": None, "days": None,
        },
        {"id": 3, **dict.fromkeys(["t", "v", "b", "n", "f", "r", "d", "c", "m", "z", "u", "j", "k", "ok", "ts", "ns"])}
        | dict.fromkeys(["ms", "ds", "span", "host", "days"]),
    ]  # fmt: skip
    await copying.insert(Insert("kinds", rows, returning=False))
    by_copy = await copying.select(Select("kinds", order=(asc("id"),)))
    await copying.execute("truncate kinds")
    for row in rows:
        await copying.insert(Insert("kinds", [row], returning=False))
    one_by_one = await copying.select(Select("kinds", order=(asc("id"),)))
    assert repr(by_copy) == repr(one_by_one)
    assert by_copy[0]["j"] is JSON_NULL
    assert by_copy[2]["j"] is None


@pytest.mark.parametrize(
    ("column", "value"),
    [("t", 5), ("t", True), ("ok", 1), ("ok", "yes"), ("i", 1.5), ("i", "x"), ("d", datetime(2026, 1, 1)), ("b", "ab")],
)
async def test_values_of_the_wrong_type_are_refused(copying: PostgresStore, column: str, value: Any) -> None:
    """Like a single row's; the server would have made something of them."""
    await copying.execute("create table strict (id int primary key, t text, ok boolean, i int, d date, b bytea)")
    with pytest.raises(UnfitValueError):
        await copying.insert(Insert("strict", [{"id": 1, column: None}, {"id": 2, column: value}]))
    assert await copying.count(Count("strict")) == 0


async def test_documents_that_have_no_exact_form_are_refused(copying: PostgresStore) -> None:
    """As in a single row."""
    with pytest.raises(InvalidValueError, match="Decimal"):
        await copying.upsert(Upsert("items", items(2, data={"a": Decimal(1)}), ("name",)))


async def test_a_trigger_that_withholds_rows_is_noticed(copying: PostgresStore) -> None:
    """A row that a trigger swallowed must not look written."""
    await copying.execute("create function refuse() returns trigger language plpgsql as $$ begin return null; end $$")
    await copying.execute("create trigger refuse before insert on items for each row execute function refuse()")
    for returning in (True, False):
        with pytest.raises(StoreError, match="0 of 2 rows"):
            await copying.upsert(Upsert("items", items(2), ("name",), returning=returning))


async def test_observers_hear_of_a_large_write_once(copying: PostgresStore, datalayer_database: str) -> None:
    """Its parts are no calls; a failure is heard like any other."""
    heard: list[CallEvent] = []
    store = await PostgresStore.open(datalayer_database, observers=[heard.append])
    try:
        await store.upsert(Upsert("items", items(CHUNK_ROWS + 1), ("name",), returning=False), timeout=30)
        with pytest.raises(UnfitValueError):
            await store.upsert(Upsert("items", items(COPY_ROWS, amount="x"), ("name",)))
    finally:
        await store.close()
    told = [(event.operation, event.rows, event.error) for event in heard if event.operation != "catalog"]
    assert told == [("upsert", CHUNK_ROWS + 1, None), ("upsert", 0, "UnfitValueError")]
