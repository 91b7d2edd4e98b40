"""insert: one row, many rows, rows of different shapes, defaults, all or nothing."""

from __future__ import annotations

from datetime import datetime

import pytest
from tests.integration.behaviour.asking import put, read

from datalayer.errors import InvalidValueError, UniqueViolationError
from datalayer.query import Count, Insert, Row
from datalayer.stores.contract import Store


async def test_insert_returns_the_row_as_stored(store: Store) -> None:
    """All columns come back, those the database filled in included."""
    [row] = await put(store, "people", {"company_id": 1, "external_id": 2, "name": "Анна"})
    assert row == (await read(store, "people"))[0]
    assert isinstance(row["id"], int)
    assert (row["name"], row["visit_count"], row["age"]) == ("Анна", 0, None)
    assert isinstance(row["updated_at"], datetime)
    assert row["updated_at"].tzinfo is None


async def test_insert_without_returning_answers_the_count_only(store: Store) -> None:
    """Rows are not sent back when nobody asked."""
    written = await store.insert(Insert("samples", [{"id": 1}, {"id": 2}], returning=False))
    assert (written.count, written.rows) == (2, [])


async def test_insert_returns_many_rows_in_the_order_given(store: Store) -> None:
    """The third row returned is the third row given."""
    names = [f"name {n * 7919 % 1000}" for n in range(1_000)]
    rows = await put(store, "things", *({"label": name} for name in names))
    assert [row["label"] for row in rows] == names


async def test_insert_of_more_rows_than_any_cap_returns_them_all(store: Store) -> None:
    """2,500 rows in, 2,500 rows back, in order."""
    rows = await put(store, "samples", *({"id": 3_000 - n} for n in range(2_500)))
    assert [row["id"] for row in rows] == [3_000 - n for n in range(2_500)]
    assert await store.count(Count("samples")) == 2_500


async def test_rows_of_different_shapes_each_take_their_own_defaults(store: Store) -> None:
    """A column absent from one row takes its default there, whatever the first row had; an explicit NULL stays NULL."""
    rows: list[Row] = [
        {"label": "a"},
        {"label": "b", "counter": 1, "whole": 5},
        {"counter": 2, "label": "c"},
        {"label": "d", "created": None},
        {"label": "e", "whole": None, "counter": 3},
    ]
    stored = await put(store, "things", *rows)
    assert [row["label"] for row in stored] == ["a", "b", "c", "d", "e"]
    assert [row["counter"] for row in stored] == [7, 1, 2, 7, 3]
    assert [row["whole"] for row in stored] == [None, 5, None, None, None]
    assert [row["created"] is None for row in stored] == [False, False, False, True, False]
    assert await read(store, "things") == sorted(stored, key=lambda row: int(row["id"]))


async def test_columns_may_stand_in_any_order(store: Store) -> None:
    """Rows are dicts: the order of their keys means nothing."""
    rows = await put(store, "samples", {"id": 1, "number": 10, "word": "x"}, {"word": "y", "id": 2, "number": 20})
    assert [(row["id"], row["number"], row["word"]) for row in rows] == [(1, 10, "x"), (2, 20, "y")]


async def test_row_without_any_column_takes_all_defaults(store: Store) -> None:
    """An empty dict is a row of defaults, alone and among others."""
    [row] = await put(store, "things", {})
    assert (row["counter"], row["label"]) == (7, None)
    stored = await put(store, "things", {}, {"label": "x"}, {})
    assert [row["label"] for row in stored] == [None, "x", None]


async def test_empty_batch_is_refused(store: Store) -> None:
    """A batch of nothing is a mistake upstream."""
    with pytest.raises(InvalidValueError, match="empty"):
        await store.insert(Insert("things", []))


async def test_insert_writes_all_rows_or_none(store: Store) -> None:
    """One bad row among many of one shape leaves the table as it was."""
    rows = [{"id": n} for n in range(50)]
    with pytest.raises(UniqueViolationError):
        await store.insert(Insert("samples", [*rows, {"id": 25}]))
    assert await store.count(Count("samples")) == 0


async def test_insert_does_not_change_the_callers_rows(store: Store) -> None:
    """The rows given belong to the caller."""
    rows: list[Row] = [{"label": "x", "doc": {"a": [1]}}, {"label": "y", "tags": ["t"]}]
    await put(store, "things", *rows)
    assert rows == [{"label": "x", "doc": {"a": [1]}}, {"label": "y", "tags": ["t"]}]


async def test_odd_names_work_everywhere(store: Store) -> None:
    """Reserved words, spaces, capitals, punctuation and Cyrillic are names like others."""
    row = {
        "id": 1,
        "select": "s",
        "two words": "t",
        "CamelCase": "c",
        "Имя": "и",
        "dot.ted": "d",
        "semi;colon": "e",
        "perc%ent": "p",
        "single'quote": "q",
        'double"quote': "r",
    }
    assert await put(store, "Odd Table", row) == [row]
    assert await read(store, "Odd Table") == [row]
