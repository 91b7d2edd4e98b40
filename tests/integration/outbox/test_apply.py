"""The stores that follow: exact rows, never an older state over a newer one, no echo."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import random
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.integration.outbox.followers import Follower, PostgresFollower, SqliteFollower, SupabaseFollower

from datalayer import migrations
from datalayer.errors import ForeignKeyViolationError, UniqueViolationError, UnknownColumnError, UnknownTableError
from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.capture import postgres, sqlite
from datalayer.outbox.capture.status import Interference
from datalayer.outbox.entries import Change
from datalayer.query import JSON_NULL, Row, Select, Update
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.testing.servers import FoundServer

ORIGIN = UUID(int=1)


@pytest.fixture(scope="module", params=["postgres", "sqlite", "supabase"])
async def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Follower]:
    """Keep one store of each kind for the module."""
    follower: Follower
    if request.param == "sqlite":
        follower = await SqliteFollower.open(tmp_path_factory.mktemp("follower") / "follower.sqlite3")
    elif request.param == "supabase":
        follower = await SupabaseFollower.start(request.getfixturevalue("outbox_postgrest"))
    else:
        server: FoundServer = request.getfixturevalue("datalayer_postgres")
        follower = await PostgresFollower.open(server.create_database())
    yield follower
    await follower.close()


@pytest.fixture
def follower(opened: Follower) -> Follower:
    """Lend a store with empty tables."""
    opened.clear()
    return opened


def parent(number: int, version: int, *, boss: int | None = None, name: str | None = None) -> Change:
    """Make a change of a parent."""
    row = {"id": number, "boss": boss, "name": name, "rank": 0, "code": None}
    return Change("parents", (number,), version, row)


async def test_rows_come_out_as_they_went_in(follower: Follower) -> None:
    """Every kind keeps its value to the last digit; an identity column takes the number, a generated one is made."""
    row: Row = {
        "id": 7, "exact": Decimal("12345678901234567890.12345678901234567890"), "price": Decimal("1.50"),
        "single": 0.5, "double": 0.1, "flag": True, "day": dt.date(2025, 1, 31), "clock": dt.time(10, 0, 0, 1),
        "moment": dt.datetime(2025, 1, 31, 10, 0, 0, 1), "instant": dt.datetime(2025, 1, 31, 10, tzinfo=dt.UTC),
        "token": uuid4(), "doc": {"a": [1, None]}, "plain": JSON_NULL, "raw": b"\x00\xff", "tags": ["a", None, '"'],
        "numbers": [1, -2], "twice": 14,
    }  # fmt: skip
    empty: Row = dict.fromkeys(row) | {"id": 8, "twice": 16, "double": math.inf, "doc": JSON_NULL, "tags": []}
    assert await follower.applier.apply(ORIGIN, [Change("things", (r["id"],), 1, r) for r in (row, empty)]) == 2
    assert await follower.rows("things") == [row, empty]
    odd = {"id": 9, "exact": Decimal("NaN"), "single": math.nan}
    await follower.applier.apply(ORIGIN, [Change("things", (9,), 3, dict.fromkeys(row) | odd)])
    stored = (await follower.rows("things"))[-1]
    assert stored["exact"].is_nan()
    assert math.isnan(stored["single"])


async def test_arrays_of_bytes_and_documents_come_out_exactly(follower: Follower) -> None:
    """Types that cannot travel in one JSON parameter travel row by row."""
    changes = [
        Change("blobs", (n,), 1, {"id": n, "pieces": [b"\x00", None], "docs": [{"a": n}, JSON_NULL, None]})
        for n in (1, 2)
    ]
    await follower.applier.apply(ORIGIN, changes)
    assert await follower.rows("blobs") == [change.row for change in changes]


async def test_applying_again_changes_nothing(follower: Follower) -> None:
    """A change that was applied is outdated from then on, and so is an older one."""
    new, old = parent(1, 5, name="new"), parent(1, 4, name="old")
    assert await follower.applier.apply(ORIGIN, [new]) == 1
    assert await follower.applier.apply(ORIGIN, [new]) == 0
    assert await follower.applier.apply(ORIGIN, [old]) == 0
    assert await follower.applier.apply(ORIGIN, [Change("parents", (1,), 3, None)]) == 0
    assert [row["name"] for row in await follower.rows("parents")] == ["new"]
    assert await follower.applier.apply(uuid4(), [old]) == 1


async def test_deleted_row_does_not_return(follower: Follower) -> None:
    """The ledger remembers a key without a row: a late apply of its former state is refused."""
    await follower.applier.apply(ORIGIN, [parent(1, 1)])
    assert await follower.applier.apply(ORIGIN, [Change("parents", (1,), 2, None)]) == 1
    assert await follower.applier.apply(ORIGIN, [parent(1, 1)]) == 0
    assert await follower.rows("parents") == []


async def test_children_and_parents_arrive_in_one_batch_in_any_order(follower: Follower) -> None:
    """Parents are written before children and deleted after them, references within a table included."""
    kids = [Change("kids", (n,), 1, {"id": n, "parent": n, "note": None}) for n in (1, 2, 3)]
    family = [parent(1, 1, boss=2), parent(2, 1, boss=3), parent(3, 1)]
    await follower.applier.apply(ORIGIN, [*kids, *family])
    assert [row["boss"] for row in await follower.rows("parents")] == [2, 3, None]
    gone = [Change("parents", (n,), 2, None) for n in (3, 2, 1)] + [Change("kids", (n,), 2, None) for n in (1, 2, 3)]
    await follower.applier.apply(ORIGIN, gone)
    assert await follower.rows("kids") == await follower.rows("parents") == []


async def test_batch_that_cannot_be_there_yet_leaves_nothing(follower: Follower) -> None:
    """All or nothing, the ledger included: when the parent has come, the same batch goes through."""
    batch = [parent(1, 1), Change("kids", (1,), 2, {"id": 1, "parent": 9, "note": None})]
    with pytest.raises(ForeignKeyViolationError):
        await follower.applier.apply(ORIGIN, batch)
    assert await follower.rows("parents") == []
    await follower.applier.apply(ORIGIN, [parent(9, 3)])
    assert await follower.applier.apply(ORIGIN, batch) == 2


async def test_taken_unique_value_is_an_error_of_its_class(follower: Follower) -> None:
    """The relay looks for the holder when it is told so."""
    await follower.applier.apply(ORIGIN, [parent(1, 1, name="a")])
    with pytest.raises(UniqueViolationError) as caught:
        await follower.applier.apply(ORIGIN, [parent(2, 2, name="a")])
    assert caught.value.table == (None if follower.store.name == "supabase" else "parents")
    assert caught.value.columns == ("name",)


async def test_row_and_holder_of_its_unique_value_change_places_in_one_step(follower: Follower) -> None:
    """A value moves from row to row, in a circle too, whatever the order of the batch."""
    await follower.applier.apply(ORIGIN, [parent(1, 1, name="a"), parent(2, 1, name="b"), parent(3, 1, name="c")])
    await follower.applier.apply(ORIGIN, [parent(1, 2, name="b"), parent(2, 2, name="c"), parent(3, 2, name="a")])
    assert [row["name"] for row in await follower.rows("parents")] == ["b", "c", "a"]


async def test_unique_values_that_must_not_be_null_change_places_too(follower: Follower) -> None:
    """Rows step aside with passing values that nobody ever sees."""

    def badge(number: int, version: int, code: str, place: int) -> Change:
        row = {"id": number, "code": code, "day": dt.date(2025, 1, 31), "number": place}
        return Change("badges", (number,), version, row)

    await follower.applier.apply(ORIGIN, [badge(1, 1, "aaaaaa", 1), badge(2, 1, "b", 2), badge(3, 1, "c", 3)])
    await follower.applier.apply(ORIGIN, [badge(1, 2, "b", 3), badge(2, 2, "aaaaaa", 1), badge(3, 2, "c", 2)])
    assert [(r["code"], r["number"]) for r in await follower.rows("badges")] == [("b", 3), ("aaaaaa", 1), ("c", 2)]


async def test_values_of_every_type_and_beside_a_reference_change_places(follower: Follower) -> None:
    """No reference is given a passing value, which no parent has; all other types of unique columns are."""

    def seat(number: int, version: int, place: int) -> Change:
        day = dt.datetime(2025, 1, place)
        row = {
            "id": number, "parent": 1, "place": place, "price": Decimal(place), "day": day.date(), "moment": day,
            "instant": day.replace(tzinfo=dt.UTC), "raw": bytes([place]), "token": UUID(int=place),
        }  # fmt: skip
        return Change("seats", (number,), version, row)

    await follower.applier.apply(ORIGIN, [parent(1, 1), *(seat(n, 1, n) for n in (1, 2, 3))])
    moved = [seat(n, 2, n % 3 + 1) for n in (1, 2, 3)]
    assert await follower.applier.apply(ORIGIN, moved) == 3
    assert await follower.rows("seats") == [change.row for change in moved]


async def test_tables_that_refer_to_each_other_are_written_together(follower: Follower) -> None:
    """A circle of foreign keys comes and goes in one batch each."""
    hens = [Change("hens", (n,), 1, {"id": n, "egg": n}) for n in (1, 2)]
    eggs = [Change("eggs", (n,), 1, {"id": n, "hen": n}) for n in (1, 2)]
    await follower.applier.apply(ORIGIN, [*hens, *eggs])
    assert [row["egg"] for row in await follower.rows("hens")] == [1, 2]
    assert [row["hen"] for row in await follower.rows("eggs")] == [1, 2]
    await follower.applier.apply(ORIGIN, [Change(table, (n,), 2, None) for n in (1, 2) for table in ("eggs", "hens")])
    assert await follower.rows("hens") == await follower.rows("eggs") == []


async def test_nothing_that_is_applied_is_captured(follower: Follower) -> None:
    """A store that is armed for the way back does not send back what it was sent."""
    await follower.applier.apply(ORIGIN, [parent(1, 1), parent(2, 1)])
    await follower.applier.apply(ORIGIN, [parent(1, 2, name="x"), Change("parents", (2,), 2, None)])
    assert follower.run("select count(*) from datalayer_outbox") == [(0,)]
    follower.run("insert into items values (1, 1)")
    assert follower.run("select count(*) from datalayer_outbox") == [(1,)]


async def test_table_that_is_not_there_is_named(follower: Follower) -> None:
    """A secondary without the table says so before anything is sent."""
    with pytest.raises(UnknownTableError, match="nowhere"):
        await follower.applier.apply(ORIGIN, [Change("nowhere", (1,), 1, {"id": 1})])


async def test_applies_at_the_same_time_neither_deadlock_nor_undo_each_other(follower: Follower) -> None:
    """Many relays may carry the same keys: whoever is last, every key ends at its newest version."""
    source, keys, origin = random.Random(7), range(1, 41), uuid4()  # noqa: S311 - an order, not a secret

    def batch(version: int) -> list[Change]:
        chosen = source.sample(keys, 30)
        return [Change("items", (key,), version * 100 + key, {"id": key, "note": version}) for key in chosen]

    batches = [batch(version) for version in range(1, 13)]
    newest = {change.key: change for changes in batches for change in changes}
    shuffled = source.sample(batches, len(batches))
    await asyncio.gather(*(follower.applier.apply(origin, changes, timeout=20) for changes in shuffled))
    assert await follower.rows("items") == [newest[key].row for key in sorted(newest)]


async def test_column_that_came_after_the_first_apply_is_written(follower: Follower) -> None:
    """A migration of both stores needs no restart; one that has not reached the follower is told by the column."""
    row = {"id": 1, "note": 1}
    await follower.applier.apply(ORIGIN, [Change("items", (1,), 1, row)])
    later = Change("items", (1,), 2, row | {"later": "x"})
    with pytest.raises(UnknownColumnError) as caught:
        await follower.applier.apply(ORIGIN, [later])
    assert caught.value.columns == ("later",)
    follower.run("alter table items add column later text")
    await follower.schema_changed()
    try:
        assert await follower.applier.apply(ORIGIN, [later]) == 1
        assert follower.run("select later from items") == [("x",)]
    finally:
        follower.run("alter table items drop column later")
        await follower.schema_changed()
        await follower.store.catalog(refresh=True)


async def test_key_of_several_columns_is_found_again(follower: Follower) -> None:
    """Rows that are nothing but a key are inserted once and deleted by all of it."""
    keys = [(1, "a b"), (1, '"c"'), (2, "a b")]
    for version in (1, 2):
        await follower.applier.apply(
            ORIGIN, [Change("pairs", k, version, {"a": k[0], "two words": k[1]}) for k in keys]
        )
    await follower.applier.apply(ORIGIN, [Change("pairs", (1, "a b"), 3, None)])
    assert [(r["a"], r["two words"]) for r in await follower.rows("pairs", "a")] == [(1, '"c"'), (2, "a b")]


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
async def test_our_own_tables_keep_the_source_s_times(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """updated_at of an applied row is the primary's: no trigger of the salon's tables puts the clock in."""
    store: PostgresStore | SqliteStore
    if kind == "sqlite":
        store = await SqliteStore.open(tmp_path / "salon.sqlite3")
    else:
        store = await PostgresStore.open(request.getfixturevalue("datalayer_database"))
    try:
        await migrations.apply(store)
        status = await install_both(store)
        assert status == ()
        applier = server_applier(store)
        then = dt.datetime(2020, 1, 1, 12)
        base = {"id": 1, "company_id": 7, "title": "first", "updated_at": then}
        await applier.apply(ORIGIN, [Change("companies", (1,), 1, base)])
        await applier.apply(ORIGIN, [Change("companies", (1,), 2, base | {"title": "second"})])
        (row,) = await store.select(Select("companies"))
        assert (row["title"], row["updated_at"]) == ("second", then)
        await store.update(Update("companies", {"title": "third"}, every_row=True))
        (row,) = await store.select(Select("companies"))
        assert row["updated_at"] != then
    finally:
        await store.close()


async def install_both(store: PostgresStore | SqliteStore) -> tuple[Interference, ...]:
    """Install capture and return what would interfere."""
    told = await (sqlite.install(store) if isinstance(store, SqliteStore) else postgres.install(store))
    return told.status.interfering


@given(
    history=st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=20),
    source=st.randoms(use_true_random=False),
)
@hypothesis_settings(max_examples=40)
async def test_applying_in_any_order_and_twice_ends_equal(
    opened: Follower, history: Sequence[tuple[int, bool]], source: random.Random
) -> None:
    """Late, doubled and overtaken applies never put an older state over a newer one."""
    origin = uuid4()
    changes = [
        Change("items", (key,), version, None if gone else {"id": key, "note": version})
        for version, (key, gone) in enumerate(history, start=1)
    ]
    final: dict[Any, Row | None] = {change.key: change.row for change in changes}
    opened.run("delete from items")
    shuffled = changes * 2
    source.shuffle(shuffled)
    while shuffled:
        batch = {change.key: change for change in shuffled[: source.randint(1, 4)]}
        shuffled = [change for change in shuffled if change not in batch.values()]
        await opened.applier.apply(origin, list(batch.values()))
    assert await opened.rows("items") == [final[key] for key in sorted(final) if final[key] is not None]
