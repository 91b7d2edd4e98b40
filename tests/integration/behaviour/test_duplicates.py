"""Rows of a batch with the same key, and how many of its rows were new."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.behaviour.asking import exactly, read
from tests.integration.behaviour.subjects import Subject

from datalayer.errors import InvalidValueError, RepeatedKeyError
from datalayer.query import Count, Delete, Duplicates, Row, Upsert, Written
from datalayer.stores.contract import Store

KEY = ("company_id", "external_id")

can_count = pytest.mark.parametrize("subject", ["sqlite", "postgres", "postgres-copy"], indirect=True)


def person(external_id: int, **columns: object) -> Row:
    """Return a row with its key."""
    return {"company_id": 1, "external_id": external_id, **columns}


async def upsert(store: Store, duplicates: Duplicates, *rows: Row, returning: bool = True) -> Written:
    """Upsert people."""
    return await store.upsert(Upsert("people", rows, KEY, returning=returning, duplicates=duplicates))


BATCH = [
    person(1, name="first", age=1),
    person(2, name="other"),
    person(1, name="second", email="e@example.org"),
    person(1, name="third"),
]


async def test_the_last_of_several_rows_is_laid_over_the_others(store: Store) -> None:
    """As if they had been written in turn: a column that only an earlier one has is kept."""
    written = await upsert(store, "last", *BATCH)
    assert [row["name"] for row in written.rows] == ["third", "other", "third", "third"]
    assert [(row["age"], row["email"]) for row in written.rows[:1]] == [(1, "e@example.org")]
    assert written.count == 2


async def test_the_first_of_several_rows_may_count_instead(store: Store) -> None:
    """Nothing of the others is written; as many rows come back as were given."""
    written = await upsert(store, "first", *BATCH)
    assert [row["name"] for row in written.rows] == ["first", "other", "first", "first"]
    assert [(row["age"], row["email"]) for row in written.rows[3:]] == [(1, None)]
    assert written.count == 2


async def test_repeated_keys_may_be_refused(store: Store) -> None:
    """Every index is named beside that of the first row with its key, no value is, and nothing was written."""
    with pytest.raises(RepeatedKeyError, match="row 2, company_id, external_id: row 0 has the same key") as caught:
        await upsert(store, "error", *BATCH)
    assert caught.value.pairs == ((2, 0), (3, 0))
    assert caught.value.indexes == (2, 3)
    assert caught.value.columns == KEY
    assert "example.org" not in str(caught.value)
    assert await store.count(Count("people")) == 0


@pytest.mark.parametrize("duplicates", ["last", "first", "error"])
async def test_a_batch_without_repeats_is_the_same_under_every_policy(store: Store, duplicates: Duplicates) -> None:
    """The policy is about repeats alone."""
    written = await upsert(store, duplicates, *(person(n, name=str(n)) for n in (3, 1, 2)))
    assert [row["name"] for row in written.rows] == ["3", "1", "2"]


@pytest.mark.parametrize("count", [1, 2])
async def test_an_unknown_policy_is_refused(store: Store, count: int) -> None:
    """Before anything is written."""
    with pytest.raises(InvalidValueError, match="last, first, error"):
        await upsert(store, cast("Any", "newest"), *(person(n, name="x") for n in range(count)))
    assert await store.count(Count("people")) == 0


@can_count
@pytest.mark.parametrize("count", [1, 7])
async def test_upsert_without_returning_counts_the_new_rows(store: Store, count: int) -> None:
    """Of the rows with distinct keys; the others were updated."""
    await upsert(store, "last", *(person(n, name="old") for n in range(0, count, 2)))
    rows = [person(n, name="new") for n in range(count)]
    written = await upsert(store, "last", *rows, person(0, age=1, name="again"), returning=False)
    assert (written.count, written.inserted) == (count, count // 2)
    assert (await upsert(store, "last", *rows, returning=False)).inserted == 0


@can_count
async def test_rows_of_different_shapes_are_counted_together(store: Store) -> None:
    """Also those that leave a required column to the stored row."""
    await upsert(store, "last", *(person(n, name="old") for n in range(4)))
    rows = [person(0, age=1), person(1, name="x"), person(8, name="y"), person(2, age=3), person(9, name="z", age=2)]
    written = await upsert(store, "last", *rows, returning=False)
    assert (written.count, written.inserted) == (5, 2)


@can_count
async def test_rows_are_new_only_once_inside_a_transaction(store: Store) -> None:
    """What the transaction itself has written is there, at any depth of savepoints."""
    rows = [person(n, name="x") for n in range(3)]
    async with store.transaction() as transaction:
        question = Upsert("people", rows, KEY, returning=False)
        counts = [(await transaction.upsert(question)).inserted, (await transaction.upsert(question)).inserted]
        async with transaction.transaction() as nested:
            counts.append((await nested.upsert(question)).inserted)
        counts.append((await transaction.upsert(question)).inserted)
    assert counts == [3, 0, 0, 0]


@pytest.mark.parametrize("subject", ["supabase"], indirect=True)
async def test_supabase_does_not_tell_what_was_new(store: Store) -> None:
    """PostgREST's answer does not say: no number is made up."""
    written = await upsert(store, "last", person(1, name="a"), person(2, name="b"), returning=False)
    assert (written.count, written.inserted) == (2, None)


@pytest.mark.parametrize("subject", ["postgres", "postgres-copy", "supabase"], indirect=True)
async def test_repeats_of_an_array_key_are_found(subject: Subject) -> None:
    """A key of lists can be compared as well."""
    await subject.define("create table if not exists paths (path int[] primary key, name text)")
    await subject.store.upsert(Upsert("paths", [{"path": [1, 2], "name": "a"}], ("path",)))
    rows = [{"path": [1, 2], "name": "b"}, {"path": [3], "name": "c"}, {"path": [1, 2], "name": "d"}]
    written = await subject.store.upsert(Upsert("paths", rows, ("path",)))
    await subject.define("drop table paths")
    assert [row["name"] for row in written.rows] == ["d", "c", "d"]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
#: Any columns besides the key, with a name wherever the row may be new.
ROWS = st.lists(
    st.fixed_dictionaries(
        {"company_id": st.integers(1, 2), "external_id": st.integers(0, 5), "name": TEXT},
        optional={
            "age": st.none() | st.integers(0, 100),
            "email": st.none() | TEXT | st.sampled_from(["\\N", "\\", "\t", "\\.", "\n", "\r\n", "", '"', "NULL"]),
            "visit_count": st.none() | st.integers(-5, 5),
        },
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40)
@given(stored=ROWS, batch=ROWS)
async def test_a_batch_writes_what_its_rows_would_one_by_one(store: Store, stored: list[Row], batch: list[Row]) -> None:
    """Any mix of shapes, repeats, and rows that are there already."""
    outcomes = []
    for together in (False, True):
        await _write_one_by_one(store, stored)
        if together:
            written = await upsert(store, "last", *batch)
            assert written.count == len({(row["company_id"], row["external_id"]) for row in batch})
        else:
            await _write_one_by_one(store, batch, keep=True)
        outcomes.append([_comparable(row) for row in await read(store, "people")])
    assert exactly(sorted(outcomes[0], key=_key), sorted(outcomes[1], key=_key))


async def _write_one_by_one(store: Store, rows: list[Row], *, keep: bool = False) -> None:
    if not keep:
        await store.delete(Delete("people", every_row=True))
    for row in rows:
        await upsert(store, "last", row)


def _comparable(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("id", "updated_at")}


def _key(row: Row) -> tuple[int, int]:
    return row["company_id"], row["external_id"]
