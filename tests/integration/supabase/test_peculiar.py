"""What is peculiar to PostgREST: odd types, conflict targets unseen, no transactions, writes that hide their result."""

from __future__ import annotations

import math
from decimal import Decimal

import psycopg
import pytest

from datalayer.errors import (
    MissingConflictTargetError,
    NotNullViolationError,
    UnfitValueError,
    UnknownColumnError,
    UnsupportedOperationError,
)
from datalayer.query import JSON_NULL, Count, Insert, Select, Update, Upsert, asc, col
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.supabase import SupabaseStore
from datalayer.telemetry import CallEvent


async def test_types_without_a_portable_kind_come_as_text(store: SupabaseStore) -> None:
    """Intervals, enums, addresses as PostgreSQL writes them; arrays of numerics and documents exactly."""
    row = {
        "span": "1 day 02:00:00",
        "feeling": "glad",
        "feelings": ["calm", None],
        "address": "10.0.0.0/8",
        "plain": {"b": 1, "a": [1.5]},
        "documents": [{"a": 1}, "text", None],
        "amounts": [Decimal("1.10"), None],
        "zero": -0.0,
    }
    [stored] = (await store.insert(Insert("odd", [row]))).rows
    assert {name: stored[name] for name in row} == row
    assert [type(value) for value in stored["amounts"]] == [Decimal, type(None)]
    assert math.copysign(1, stored["zero"]) == -1
    assert stored["twice"] == 2
    for name in ("span", "feeling", "feelings", "address", "amounts"):
        assert await store.count(Count("odd", col(name).eq(row[name]))) == 1, name


async def test_column_names_with_quotes_spaces_and_stars(store: SupabaseStore) -> None:
    """A name is sent as it is; PostgREST has no filter on a column that is named like all columns."""
    row = {"id": 1, 'a" b': "x", "*": "y"}
    assert (await store.insert(Insert("named", [row]))).rows == [row]
    assert await store.select(Select("named", col('a" b').eq("x"), order=(asc('a" b'),))) == [row]
    assert await store.count(Count("named", col('a" b').eq("x"))) == 1
    with pytest.raises(UnsupportedOperationError, match=r"named \*"):
        await store.select(Select("named", col("*").eq("y")))


async def test_stored_json_null_is_read_as_such(store: SupabaseStore, database: psycopg.Connection) -> None:
    """In a column and in an array, apart from SQL NULL."""
    database.execute("""insert into odd (plain, documents) values ('null', array['null'::jsonb, null, '[null]'])""")
    [row] = await store.select(Select("odd"))
    assert row["plain"] is JSON_NULL
    assert row["documents"] == [JSON_NULL, None, [None]]


async def test_conflict_target_can_be_checked_without_a_row(store: SupabaseStore, database: psycopg.Connection) -> None:
    """The catalog cannot see unique indexes; an upsert of no rows can."""
    assert await store.check_conflict_target("pairs", ("a", "b"))
    assert await store.check_conflict_target("pairs", ("b", "c"))
    assert not await store.check_conflict_target("pairs", ("a",))
    with pytest.raises(UnknownColumnError):
        await store.check_conflict_target("pairs", ("x",))
    with pytest.raises(MissingConflictTargetError, match="create unique index on pairs"):
        await store.upsert(Upsert("pairs", [{"a": 1, "b": "x"}], ("a",)))
    assert database.execute("select count(*) from pairs").fetchone() == (0,)


async def test_transaction_is_refused_and_says_what_to_use(store: SupabaseStore) -> None:
    """Never half a transaction."""
    with pytest.raises(UnsupportedOperationError, match="SQL function"):
        async with store.transaction():
            raise AssertionError("not reached")


async def test_update_counts_and_returns_rows_that_no_longer_match(store: SupabaseStore) -> None:
    """PostgREST filters its answer once more; the store answers as the contract says."""
    await store.insert(Insert("notes", [{"id": n, "number": n % 3} for n in range(60)]))
    either = col("number").eq(0) | col("number").eq(1)
    changed = await store.update(Update("notes", {"number": 2}, either, returning=True))
    assert (changed.count, sorted(row["id"] for row in changed.rows)) == (40, [n for n in range(60) if n % 3 < 2])
    again = await store.update(Update("notes", {"number": 5}, ~(col("number").eq(5) & col("id").gte(0))))
    assert again.count == 60


async def test_hidden_update_without_a_key_is_refused(store: SupabaseStore) -> None:
    """Where rows cannot be told apart the count would be a guess; a plain conjunction is fine."""
    await store.insert(Insert("log", [{"line": 1}, {"line": 2}]))
    with pytest.raises(UnsupportedOperationError, match="plain conjunction"):
        await store.update(Update("log", {"line": 3}, col("line").eq(1) | col("line").eq(2)))
    changed = await store.update(Update("log", {"line": 3}, col("line").in_([1, 2]), returning=True))
    assert (changed.count, changed.rows) == (2, [{"line": 3}, {"line": 3}])


async def test_update_through_a_list_longer_than_a_url_counts_each_row_once(store: SupabaseStore) -> None:
    """Also when it writes a value of the list."""
    await store.insert(Insert("notes", [{"id": n, "number": n} for n in range(100)], returning=False))
    changed = await store.update(Update("notes", {"number": 4_999}, col("number").in_(range(5_000)), returning=True))
    assert (changed.count, len(changed.rows)) == (100, 100)


async def test_partial_upsert_of_a_new_row_is_still_a_missing_column(
    rest: PostgrestServer, store: SupabaseStore, database: psycopg.Connection
) -> None:
    """Required columns may be left out of stored rows only; one new row among them and nothing is written."""
    database.execute("insert into pairs values (1, 'x', 1), (2, 'x', 2)")
    rows = [{"c": 1, "b": "x"}, {"c": 2, "b": "x"}]
    written = await store.upsert(Upsert("pairs", rows, ("c", "b")))
    assert [row["a"] for row in written.rows] == [1, 2]
    with pytest.raises(NotNullViolationError) as caught:
        await store.upsert(Upsert("pairs", [*rows, {"c": 3, "b": "x"}], ("c", "b")))
    assert caught.value.columns == ("a",)
    assert database.execute("select count(*) from pairs").fetchone() == (2,)


async def test_view_is_not_a_table(store: SupabaseStore, rest: PostgrestServer, database: psycopg.Connection) -> None:
    """A view that cannot be written to is left out of the catalog, which is read again on request."""
    database.execute("create view totals as select count(*) from notes; create table late (id integer primary key)")
    try:
        rest.reload_schema()
        tables = (await store.catalog(refresh=True)).tables
        assert "late" in tables
        assert "totals" not in tables
        assert not tables["late"].keys_known
    finally:
        database.execute("drop view totals; drop table late")
        rest.reload_schema()


async def test_observers_hear_of_each_call(rest: PostgrestServer, database: psycopg.Connection) -> None:
    """One event per call, with rows and the error's name; none of the store's own requests."""
    events: list[CallEvent] = []
    store = await SupabaseStore.open(rest.url, rest.service_key, observers=(events.append,))
    await store.insert(Insert("notes", [{"id": 1}, {"id": 2}]))
    await store.select(Select("notes"))
    with pytest.raises(UnknownColumnError):
        await store.select(Select("notes", order=(asc("nope"),)))
    assert [row async for row in store.stream(Select("notes", columns=("id",)))] == [{"id": 1}, {"id": 2}]
    await store.close()
    assert [(e.operation, e.table, e.rows, e.error) for e in events] == [
        ("insert", "notes", 2, None),
        ("select", "notes", 2, None),
        ("select", "notes", 0, "UnknownColumnError"),
        ("stream", "notes", 2, None),
    ]
    assert all(event.store == "supabase" and event.duration_seconds > 0 for event in events)


async def test_negated_list_longer_than_any_server_takes_is_a_clear_error(store: SupabaseStore) -> None:
    """A list that must not hold cannot be split; the error says to ask with fewer values."""
    words = [f"слово {n}" for n in range(5_000)]
    with pytest.raises(UnfitValueError, match="fewer values") as caught:
        await store.select(Select("notes", ~col("word").in_(words)))
    assert (caught.value.operation, caught.value.table) == ("select", "notes")
