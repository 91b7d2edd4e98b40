"""Arrays: empty, nested, with NULL, with text that looks like array syntax."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.behaviour.asking import exactly, labels, put, read, round_trip

from datalayer.query import Update, Upsert, col
from datalayer.stores.contract import Store

TAGS: list[Any] = [
    [],
    ["a"],
    ["a", None, "b"],
    [None],
    [None, None],
    ["", " ", "NULL", "null", "{}", "{a}", "a,b", 'q"q', "b\\s", "it's", "😀", "Ж", "new\nline", "%s"],
    [["a", "b"], ["c", None]],
    [[["x"], ["y"]], [["z"], [None]]],
]
NUMBERS: list[Any] = [[], [1], [-(2**31), 0, 2**31 - 1], [1, None, 3], [None], [[1, 2], [3, 4]], [[None, 2], [3, None]]]


@pytest.mark.parametrize(("column", "values"), [("tags", TAGS), ("numbers", NUMBERS)])
async def test_arrays_survive_with_their_nulls_and_nesting(store: Store, column: str, values: list[Any]) -> None:
    """An empty array is not NULL, a NULL element is None, the word NULL is a text."""
    assert exactly(await round_trip(store, column, values), values)


async def test_null_array_is_not_an_empty_one(store: Store) -> None:
    """is_null tells the missing array from the empty one."""
    await put(store, "things", {"label": "empty", "tags": []}, {"label": "missing", "tags": None})
    assert await labels(store, col("tags").is_null()) == ["missing"]
    assert await labels(store, col("tags").eq([])) == ["empty"]


@pytest.mark.parametrize("value", [value for value in TAGS if value])
async def test_array_is_found_by_its_value(store: Store, value: list[Any]) -> None:
    """Equality looks at every element, in order, NULL elements included."""
    await put(store, "things", {"label": "it", "tags": value}, {"label": "other", "tags": ["other"]})
    assert await labels(store, col("tags").eq(value)) == ["it"]


async def test_every_write_takes_arrays(store: Store) -> None:
    """Update and upsert, one row or several, write arrays as insert does."""
    await put(store, "things", {"id": 1})
    await store.update(Update("things", {"tags": TAGS[5], "numbers": []}, col("id").eq(1)))
    await store.upsert(Upsert("things", [{"id": 2, "tags": TAGS[6], "numbers": NUMBERS[3]}], ("id",)))
    await store.upsert(
        Upsert("things", [{"id": 3, "tags": [], "numbers": [1]}, {"id": 4, "tags": TAGS[2], "numbers": None}], ("id",))
    )
    found = [(row["tags"], row["numbers"]) for row in await read(store, "things")]
    assert found == [(TAGS[5], []), (TAGS[6], NUMBERS[3]), ([], [1]), (TAGS[2], None)]


async def test_tuple_is_an_array_too(store: Store) -> None:
    """Any sequence may be given for an array, alone, in a batch, nested and in filters; lists come back."""
    await put(store, "things", {"label": "one", "tags": ("a", "b"), "numbers": (1, None)})
    await put(store, "things", {"label": "two", "tags": (("a",), ("b",))}, {"label": "three", "tags": ()})
    assert [row["tags"] for row in await read(store, "things")] == [["a", "b"], [["a"], ["b"]], []]
    assert await labels(store, col("tags").eq(("a", "b"))) == ["one"]
    assert await labels(store, col("tags").contains(("b",))) == ["one", "two"]
