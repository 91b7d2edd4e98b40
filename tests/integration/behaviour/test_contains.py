"""contains, on arrays and on JSON documents."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.behaviour.asking import labels, put

from datalayer.query import col
from datalayer.stores.contract import Store

ARRAYS = (
    {"label": "abc", "tags": ["a", "b", "c"]},
    {"label": "repeats", "tags": ["a", "a"]},
    {"label": "with null", "tags": ["a", None]},
    {"label": "odd", "tags": ["a,b", "{c}", 'd"e', "f\\g", "h i", "NULL", ""]},
    {"label": "empty", "tags": []},
    {"label": "none", "tags": None},
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["a"], ["abc", "repeats", "with null"]),
        (["c", "a"], ["abc"]),
        (["a", "a"], ["abc", "repeats", "with null"]),
        (["A"], []),
        ([], ["abc", "repeats", "with null", "odd", "empty"]),
        (["a,b"], ["odd"]),
        (["{c}", 'd"e'], ["odd"]),
        (["f\\g"], ["odd"]),
        (["h i"], ["odd"]),
        (["NULL"], ["odd"]),
        ([""], ["odd"]),
    ],
)
async def test_array_contains_all_given_elements(store: Store, wanted: list[str], expected: list[str]) -> None:
    """Order and repeats do not matter; the empty list is in every array; a NULL array contains nothing."""
    await put(store, "things", *ARRAYS)
    assert await labels(store, col("tags").contains(wanted)) == expected


async def test_integer_array_contains_numbers(store: Store) -> None:
    """Arrays of numbers compare as numbers."""
    await put(store, "things", {"label": "x", "numbers": [1, 20, 300]}, {"label": "y", "numbers": [2, 30]})
    assert await labels(store, col("numbers").contains([300, 1])) == ["x"]
    assert await labels(store, col("numbers").contains([3])) == []
    assert await labels(store, ~col("numbers").contains([2])) == ["x"]


DOCUMENTS = (
    {"label": "object", "doc": {"a": 1, "b": {"c": [1, 2, {"d": None}]}, "e": "x"}},
    {"label": "array", "doc": [1, "two", {"three": 3}]},
    {"label": "text", "doc": "two"},
    {"label": "number", "doc": 1},
    {"label": "true", "doc": True},
    {"label": "empty", "doc": {}},
    {"label": "none", "doc": None},
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"a": 1}, ["object"]),
        ({"a": 1.0}, ["object"]),
        ({"a": True}, []),
        ({"a": "1"}, []),
        ({"b": {"c": [2]}}, ["object"]),
        ({"b": {"c": [{"d": None}]}}, ["object"]),
        ({"b": {"c": {"d": None}}}, []),
        ({}, ["object", "empty"]),
        ([1], ["array"]),
        ([{"three": 3}, "two"], ["array"]),
        ([], ["array"]),
        ("two", ["array", "text"]),
        (1, ["array", "number"]),
        (True, ["true"]),
        ({"e": "X"}, []),
    ],
)
async def test_document_contains_the_given_one(store: Store, wanted: Any, expected: list[str]) -> None:
    """As PostgreSQL's @>: objects by key, arrays by element, a bare value also as an element of a top-level array."""
    await put(store, "things", *DOCUMENTS)
    assert await labels(store, col("doc").contains(wanted)) == expected


async def test_document_contains_text_with_quotes_and_letters_of_any_script(store: Store) -> None:
    """A document in a filter is data from end to end."""
    nasty = {"имя": 'О\'Нил "Боб" \\ ; -- 😀,(x).{y}'}
    await put(store, "things", {"label": "it", "doc": {**nasty, "more": 1}}, {"label": "other", "doc": {"имя": ""}})
    assert await labels(store, col("doc").contains(nasty)) == ["it"]
    assert await labels(store, col("doc").contains(nasty) | col("label").eq("nobody")) == ["it"]
