"""upsert: composite keys, partial rows, rows of different shapes, repeats in a batch."""

from __future__ import annotations

import pytest
from tests.integration.behaviour.asking import put, read

from datalayer.errors import InvalidValueError
from datalayer.query import Count, Row, Upsert, Written
from datalayer.stores.contract import Store

KEY = ("company_id", "external_id")


def person(external_id: int, **columns: object) -> Row:
    """Return a row with its key."""
    return {"company_id": 1, "external_id": external_id, **columns}


async def upsert(store: Store, *rows: Row, target: tuple[str, ...] = KEY) -> Written:
    """Upsert people."""
    return await store.upsert(Upsert("people", rows, target))


async def test_upsert_inserts_a_new_row_and_updates_it_later(store: Store) -> None:
    """The first call makes the row, the second changes it; its id stays."""
    [made] = (await upsert(store, person(1, name="Анна", age=20))).rows
    [changed] = (await upsert(store, person(1, name="Анна", age=21))).rows
    assert (changed["id"], changed["age"]) == (made["id"], 21)
    assert await read(store, "people") == [changed]


async def test_upsert_matches_all_columns_of_a_composite_key(store: Store) -> None:
    """The same external id of another company is another row."""
    await upsert(store, person(1, name="one"))
    await upsert(store, {"company_id": 2, "external_id": 1, "name": "two"})
    assert sorted(row["name"] for row in await read(store, "people")) == ["one", "two"]


async def test_conflict_target_may_name_its_columns_in_any_order(store: Store) -> None:
    """A unique key is a set of columns."""
    await upsert(store, person(1, name="one"))
    await upsert(store, person(1, name="two"), target=("external_id", "company_id"))
    assert [row["name"] for row in await read(store, "people")] == ["two"]


async def test_partial_row_keeps_the_columns_it_does_not_name(store: Store) -> None:
    """An absent column keeps its stored value; an explicit None overwrites it with NULL."""
    await upsert(store, person(1, name="Анна", age=20, email="a@example.org", visit_count=5))
    [row] = (await upsert(store, person(1, name="Анна", email=None))).rows
    assert (row["age"], row["email"], row["visit_count"]) == (20, None, 5)


async def test_partial_row_may_leave_out_required_columns_of_a_stored_row(store: Store) -> None:
    """A stored row keeps also its NOT NULL columns when the upsert does not name them."""
    await upsert(store, person(1, name="Анна", age=20))
    [row] = (await upsert(store, person(1, age=30))).rows
    assert (row["name"], row["age"]) == ("Анна", 30)


async def test_rows_of_different_shapes_each_write_their_own_columns(store: Store) -> None:
    """No row loses or overwrites a column because another row of the batch has other keys."""
    await upsert(store, *(person(n, name=f"old {n}", age=n, email=f"{n}@example.org") for n in range(1, 5)))
    written = await upsert(
        store,
        person(1, name="new 1"),
        person(2, name="new 2", age=22),
        person(3, email=None, name="new 3"),
        person(9, name="new 9", visit_count=3),
        person(4, age=44, name="new 4", email="x@example.org"),
    )
    assert written.count == 5
    assert [row["external_id"] for row in written.rows] == [1, 2, 3, 9, 4]
    found = [(row["name"], row["age"], row["email"], row["visit_count"]) for row in written.rows]
    assert found == [
        ("new 1", 1, "1@example.org", 0),
        ("new 2", 22, "2@example.org", 0),
        ("new 3", 3, None, 0),
        ("new 9", None, None, 3),
        ("new 4", 44, "x@example.org", 0),
    ]


async def test_row_of_key_columns_only_is_made_or_left_alone(store: Store) -> None:
    """When nothing is to be changed the stored row comes back all the same."""
    await put(store, "samples", {"id": 1, "word": "kept"})
    written = await store.upsert(Upsert("samples", [{"id": 1}, {"id": 2}], ("id",)))
    assert [(row["id"], row["word"]) for row in written.rows] == [(1, "kept"), (2, None)]


async def test_repeated_keys_in_a_batch_are_laid_over_each_other(store: Store) -> None:
    """Later rows win column by column, and every row given gets the final row back."""
    written = await upsert(
        store,
        person(1, name="first", age=1, email="e@example.org"),
        person(2, name="other"),
        person(1, name="second", age=2),
        person(1, name="third"),
    )
    assert [row["name"] for row in written.rows] == ["third", "other", "third", "third"]
    assert [row["age"] for row in written.rows] == [2, None, 2, 2]
    assert written.rows[0]["email"] == "e@example.org"
    assert await store.count(Count("people")) == 2


async def test_upsert_many_returns_rows_in_the_order_given(store: Store) -> None:
    """New and stored rows mixed come back in the caller's order, more than any cap of them."""
    await upsert(store, *(person(n, name="old") for n in range(0, 1_500, 2)))
    order = [n * 7919 % 1_500 for n in range(1_500)]
    written = await upsert(store, *(person(n, name=f"new {n}") for n in order))
    assert [row["external_id"] for row in written.rows] == order
    assert all(row["name"] == f"new {row['external_id']}" for row in written.rows)
    assert await store.count(Count("people")) == 1_500


async def test_upsert_by_text_key_with_any_characters(store: Store) -> None:
    """Keys are values: commas, quotes and Cyrillic in a composite text key find their row again."""
    key = {"two words": 'a,"b";\\(c).*', "Имя": "О'Нил"}
    target = ("two words", "Имя")
    await store.upsert(Upsert("Odd Table", [{"id": 1, **key, "select": "one"}], target))
    written = await store.upsert(
        Upsert("Odd Table", [{"id": 1, **key, "dot.ted": "two"}, {"id": 2, **key, "Имя": "x"}], target)
    )
    assert [(row["id"], row["select"], row["dot.ted"]) for row in written.rows] == [(1, "one", "two"), (2, None, None)]


async def test_upsert_without_returning_answers_the_count_only(store: Store) -> None:
    """Rows are not sent back when nobody asked."""
    rows = [person(1, name="a"), person(2, name="b", age=1)]
    written = await store.upsert(Upsert("people", rows, KEY, returning=False))
    assert (written.count, written.rows) == (2, [])


@pytest.mark.parametrize("row", [{"company_id": 1, "name": "x"}, {"company_id": 1, "external_id": None, "name": "x"}])
async def test_row_without_its_key_is_refused_by_index_and_column(store: Store, row: Row) -> None:
    """A row that cannot be matched is named, and nothing is written."""
    with pytest.raises(InvalidValueError, match="row 1") as caught:
        await upsert(store, person(1, name="fine"), row)
    assert caught.value.field == "external_id"
    assert await store.count(Count("people")) == 0


async def test_empty_batch_is_refused(store: Store) -> None:
    """A batch of nothing is a mistake upstream."""
    with pytest.raises(InvalidValueError, match="empty"):
        await upsert(store)


async def test_upsert_does_not_change_the_callers_rows(store: Store) -> None:
    """Laying repeats over each other happens on copies."""
    rows = [person(1, name="a", age=1), person(1, name="b")]
    await upsert(store, *rows)
    assert rows == [person(1, name="a", age=1), person(1, name="b")]
