"""in-lists of any size and content."""

from __future__ import annotations

import pytest
from tests.integration.behaviour.asking import labels, put, read

from datalayer.query import Count, Delete, Insert, Select, Update, asc, col, desc
from datalayer.stores.contract import Store

WORDS = [f"слово, «{n}» (x).*" for n in range(5_000)]


@pytest.fixture
async def samples(store: Store) -> Store:
    """Lend the store with 1,200 samples, more than one answer of a capped server."""
    rows = [{"id": n, "number": n % 7, "word": WORDS[n]} for n in range(1_200)]
    await store.insert(Insert("samples", rows, returning=False))
    return store


async def test_in_list_of_5000_numbers_finds_all_its_rows(samples: Store) -> None:
    """A list longer than any URL, with an answer longer than any cap, is answered in full."""
    rows = await samples.select(Select("samples", col("id").in_(range(5_000)), order=(asc("id"),)))
    assert [row["id"] for row in rows] == list(range(1_200))


async def test_in_list_of_5000_texts_finds_its_rows(samples: Store) -> None:
    """Long texts with reserved characters may be listed by the thousand."""
    rows = await samples.select(Select("samples", col("word").in_(WORDS[1_000:]), order=(asc("id"),)))
    assert [row["id"] for row in rows] == list(range(1_000, 1_200))


async def test_in_list_of_5000_values_keeps_order_limit_and_offset(samples: Store) -> None:
    """However the list is sent, the question is one: sorted as a whole, cut as a whole."""
    question = Select("samples", col("id").in_(range(5_000)), order=(desc("number"), desc("id")), limit=5, offset=2)
    rows = await samples.select(question)
    sixes = [n for n in reversed(range(1_200)) if n % 7 == 6]
    assert [row["id"] for row in rows] == sixes[2:7]


async def test_in_list_of_5000_values_joins_with_other_filters(samples: Store) -> None:
    """The list may stand anywhere in a filter."""
    inside = col("id").in_(range(600, 5_600))
    assert await samples.count(Count("samples", inside)) == 600
    both = await read(samples, "samples", inside & col("number").eq(0))
    assert [row["id"] for row in both] == [n for n in range(600, 1_200) if n % 7 == 0]
    either = await samples.count(Count("samples", inside | col("id").eq(3)))
    assert either == 601


async def test_negated_in_list_of_5000_values_finds_the_others(samples: Store) -> None:
    """Not in is answered as one question, however long the list is."""
    rows = await read(samples, "samples", ~col("id").in_(range(100, 5_100)))
    assert [row["id"] for row in rows] == list(range(100))


async def test_update_and_delete_take_in_lists_of_5000_values(samples: Store) -> None:
    """Writes filter by long lists too, and count every row once."""
    changed = await samples.update(Update("samples", {"flag": True}, col("id").in_(range(5_000))))
    assert changed.count == 1_200
    assert await samples.count(Count("samples", col("flag").eq(value=True))) == 1_200
    gone = await samples.delete(Delete("samples", col("id").in_(range(5, 5_005))))
    assert gone.count == 1_195
    assert await samples.count(Count("samples")) == 5


@pytest.mark.parametrize("value", ["a,b", "(a)", 'a"b', "a\\b", "a'b", "a.b", "", " ", "null", "*", "{a}", "😀", "a:b"])
async def test_in_list_takes_any_text_literally(store: Store, value: str) -> None:
    """Reserved characters in a listed text are part of it."""
    await put(store, "samples", {"id": 1, "word": value}, {"id": 2, "word": "other"}, {"id": 3, "word": None})
    assert [row["id"] for row in await read(store, "samples", col("word").in_([value, "missing"]))] == [1]
    assert [row["id"] for row in await read(store, "samples", ~col("word").in_([value]))] == [2]


async def test_in_list_takes_documents(store: Store) -> None:
    """Any JSON value may be listed; 1 is not true and not "1"."""
    documents = [1, True, "1", {"a": [1, "x,y"]}, ["(z)"], 'q"uote', {}]
    await put(store, "things", *({"label": f"{n}", "doc": document} for n, document in enumerate(documents)))
    assert await labels(store, col("doc").in_([1, {"a": [1, "x,y"]}, {"b": 1}])) == ["0", "3"]
    assert await labels(store, col("doc").in_(documents)) == [str(n) for n in range(len(documents))]
    assert await labels(store, ~col("doc").in_([1, True, ["(z)"]])) == ["2", "3", "5", "6"]
