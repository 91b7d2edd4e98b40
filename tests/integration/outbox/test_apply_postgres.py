"""PostgreSQL as the store that follows: exact rows, never an older state over a newer one, no echo."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from datalayer import migrations
from datalayer.errors import ForeignKeyViolationError, UniqueViolationError, UnknownTableError
from datalayer.outbox.applying.postgres import PostgresApplier
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.entries import Change
from datalayer.query import JSON_NULL, Row, Select, asc
from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer

ORIGIN = UUID(int=1)
TABLES = """
create table parents (id integer primary key, boss integer references parents (id), name text unique);
create table kids (id integer primary key, parent integer not null references parents (id), note text);
create table things (
    id bigint generated always as identity primary key, exact numeric, price numeric(12, 2), single real,
    double double precision, flag boolean, day date, clock time, moment timestamp, instant timestamptz, token uuid,
    doc jsonb, plain json, raw bytea, tags text[], numbers integer[],
    twice bigint generated always as (id * 2) stored);
create table blobs (id integer primary key, pieces bytea[], docs jsonb[]);
create table pairs (a integer, "two words" text, primary key (a, "two words"));
"""


@pytest.fixture
async def store(datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend a store with the bookkeeping and some tables, armed themselves."""
    opened = await PostgresStore.open(datalayer_database, max_size=4)
    async with opened.connection() as connection:
        await connection.execute(TABLES.encode())
    await capture.install(opened)
    yield opened
    await opened.close()


@pytest.fixture
def applier(store: PostgresStore) -> PostgresApplier:
    """Lend what applies to it."""
    return PostgresApplier(store)


def parent(number: int, version: int, *, boss: int | None = None, name: str | None = None) -> Change:
    """Make a change of a parent."""
    return Change("parents", (number,), version, {"id": number, "boss": boss, "name": name})


async def rows(store: PostgresStore, table: str, order: str = "id") -> list[Row]:
    """Read a table in the order of its key."""
    return await store.select(Select(table, order=(asc(order),)))


async def test_rows_come_out_as_they_went_in(store: PostgresStore, applier: PostgresApplier) -> None:
    """Every kind keeps its value to the last digit; an identity column takes the number, a generated one is made."""
    row: Row = {
        "id": 7, "exact": Decimal("12345678901234567890.12345678901234567890"), "price": Decimal("1.50"),
        "single": 0.5, "double": 0.1, "flag": True, "day": dt.date(2025, 1, 31), "clock": dt.time(10, 0, 0, 1),
        "moment": dt.datetime(2025, 1, 31, 10, 0, 0, 1), "instant": dt.datetime(2025, 1, 31, 10, tzinfo=dt.UTC),
        "token": uuid4(), "doc": {"a": [1, None]}, "plain": JSON_NULL, "raw": b"\x00\xff", "tags": ["a", None, '"'],
        "numbers": [1, -2], "twice": 14,
    }  # fmt: skip
    empty: Row = dict.fromkeys(row) | {"id": 8, "twice": 16, "double": math.inf, "doc": JSON_NULL, "tags": []}
    assert await applier.apply(ORIGIN, [Change("things", (r["id"],), 1, r) for r in (row, empty)]) == 2
    assert await rows(store, "things") == [row, empty]
    odd = {"id": 9, "exact": Decimal("NaN"), "single": math.nan}
    await applier.apply(ORIGIN, [Change("things", (9,), 3, dict.fromkeys(row) | odd)])
    stored = (await rows(store, "things"))[-1]
    assert stored["exact"].is_nan()
    assert math.isnan(stored["single"])


async def test_arrays_of_bytes_and_documents_come_out_exactly(store: PostgresStore, applier: PostgresApplier) -> None:
    """Types that cannot travel in one JSON parameter travel row by row."""
    changes = [
        Change("blobs", (n,), 1, {"id": n, "pieces": [b"\x00", None], "docs": [{"a": n}, JSON_NULL, None]})
        for n in (1, 2)
    ]
    await applier.apply(ORIGIN, changes)
    assert await rows(store, "blobs") == [change.row for change in changes]


async def test_applying_again_changes_nothing(store: PostgresStore, applier: PostgresApplier) -> None:
    """A change that was applied is outdated from then on, and so is an older one."""
    new, old = parent(1, 5, name="new"), parent(1, 4, name="old")
    assert await applier.apply(ORIGIN, [new]) == 1
    assert await applier.apply(ORIGIN, [new]) == 0
    assert await applier.apply(ORIGIN, [old]) == 0
    assert await applier.apply(ORIGIN, [Change("parents", (1,), 3, None)]) == 0
    assert [row["name"] for row in await rows(store, "parents")] == ["new"]
    assert await applier.apply(uuid4(), [old]) == 1


async def test_deleted_row_does_not_return(store: PostgresStore, applier: PostgresApplier) -> None:
    """The ledger remembers a key without a row: a late apply of its former state is refused."""
    await applier.apply(ORIGIN, [parent(1, 1)])
    assert await applier.apply(ORIGIN, [Change("parents", (1,), 2, None)]) == 1
    assert await applier.apply(ORIGIN, [parent(1, 1)]) == 0
    assert await rows(store, "parents") == []


async def test_children_and_parents_arrive_in_one_batch_in_any_order(
    store: PostgresStore, applier: PostgresApplier
) -> None:
    """Parents are written before children and deleted after them, references within a table included."""
    kids = [Change("kids", (n,), 1, {"id": n, "parent": n, "note": None}) for n in (1, 2, 3)]
    family = [parent(1, 1, boss=2), parent(2, 1, boss=3), parent(3, 1)]
    await applier.apply(ORIGIN, [*kids, *family])
    assert [row["boss"] for row in await rows(store, "parents")] == [2, 3, None]
    gone = [Change("parents", (n,), 2, None) for n in (3, 2, 1)] + [Change("kids", (n,), 2, None) for n in (1, 2, 3)]
    await applier.apply(ORIGIN, gone)
    assert await rows(store, "kids") == await rows(store, "parents") == []


async def test_batch_that_cannot_be_there_yet_leaves_nothing(store: PostgresStore, applier: PostgresApplier) -> None:
    """All or nothing, the ledger included: when the parent has come, the same batch goes through."""
    batch = [parent(1, 1), Change("kids", (1,), 2, {"id": 1, "parent": 9, "note": None})]
    with pytest.raises(ForeignKeyViolationError):
        await applier.apply(ORIGIN, batch)
    assert await rows(store, "parents") == []
    await applier.apply(ORIGIN, [parent(9, 3)])
    assert await applier.apply(ORIGIN, batch) == 2


async def test_taken_unique_value_is_an_error_of_its_class(store: PostgresStore, applier: PostgresApplier) -> None:
    """The relay looks for the holder when it is told so."""
    await applier.apply(ORIGIN, [parent(1, 1, name="a")])
    with pytest.raises(UniqueViolationError) as caught:
        await applier.apply(ORIGIN, [parent(2, 2, name="a")])
    assert caught.value.table == "parents"
    assert caught.value.columns == ("name",)


async def test_nothing_that_is_applied_is_captured(store: PostgresStore, applier: PostgresApplier) -> None:
    """A store that is armed for the way back does not send back what it was sent."""
    await applier.apply(ORIGIN, [parent(1, 1), parent(2, 1)])
    await applier.apply(ORIGIN, [parent(1, 2, name="x"), Change("parents", (2,), 2, None)])
    assert (await capture.status(store)).entries == 0


async def test_table_that_is_not_there_is_named(applier: PostgresApplier) -> None:
    """A secondary without the table says so before anything is sent."""
    with pytest.raises(UnknownTableError, match="nowhere"):
        await applier.apply(ORIGIN, [Change("nowhere", (1,), 1, {"id": 1})])


async def test_key_of_several_columns_is_found_again(store: PostgresStore, applier: PostgresApplier) -> None:
    """Rows that are nothing but a key are inserted once and deleted by all of it."""
    keys = [(1, "a b"), (1, '"c"'), (2, "a b")]
    for version in (1, 2):
        await applier.apply(ORIGIN, [Change("pairs", k, version, {"a": k[0], "two words": k[1]}) for k in keys])
    await applier.apply(ORIGIN, [Change("pairs", (1, "a b"), 3, None)])
    assert [(r["a"], r["two words"]) for r in await rows(store, "pairs", "a")] == [(1, '"c"'), (2, "a b")]


async def test_our_own_tables_keep_the_source_s_times(datalayer_database: str) -> None:
    """updated_at of an applied row is the primary's: no trigger of the salon's tables puts the clock in."""
    store = await PostgresStore.open(datalayer_database)
    try:
        await migrations.apply(store)
        await capture.install(store)
        applier = PostgresApplier(store)
        then = dt.datetime(2020, 1, 1, 12)
        base = {"id": 1, "company_id": 7, "title": "first", "updated_at": then}
        await applier.apply(ORIGIN, [Change("companies", (1,), 1, base)])
        await applier.apply(ORIGIN, [Change("companies", (1,), 2, base | {"title": "second"})])
        (row,) = await rows(store, "companies")
        assert (row["title"], row["updated_at"]) == ("second", then)
        await store.execute("update companies set title = 'third'")
        (row,) = await rows(store, "companies")
        assert row["updated_at"] != then
        assert (await capture.status(store)).interfering == ()
    finally:
        await store.close()


@pytest.fixture(scope="module")
async def pile(datalayer_postgres: FoundServer) -> AsyncIterator[PostgresStore]:
    """Lend a store for random applies."""
    with datalayer_postgres.fresh_database() as dsn:
        with psycopg.connect(dsn) as connection:
            connection.execute("create table items (id integer primary key, note integer not null)")
        store = await PostgresStore.open(dsn)
        await capture.install(store)
        yield store
        await store.close()


@given(
    history=st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=20),
    source=st.randoms(use_true_random=False),
)
@hypothesis_settings(max_examples=40)
async def test_applying_in_any_order_and_twice_ends_equal(
    pile: PostgresStore, history: Sequence[tuple[int, bool]], source: random.Random
) -> None:
    """Late, doubled and overtaken applies never put an older state over a newer one."""
    origin = uuid4()
    changes = [
        Change("items", (key,), version, None if gone else {"id": key, "note": version})
        for version, (key, gone) in enumerate(history, start=1)
    ]
    final: dict[Any, Row | None] = {change.key: change.row for change in changes}
    await pile.execute("delete from items")
    shuffled = changes * 2
    source.shuffle(shuffled)
    applier = PostgresApplier(pile)
    while shuffled:
        batch = {change.key: change for change in shuffled[: source.randint(1, 4)]}
        shuffled = [change for change in shuffled if change not in batch.values()]
        await applier.apply(origin, list(batch.values()))
    assert await rows(pile, "items") == [final[key] for key in sorted(final) if final[key] is not None]
