"""Text in every position: letters of any script, punctuation of every protocol, and no NUL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.integration.behaviour.asking import labels, put, round_trip

from datalayer.errors import DataLayerError, UnfitValueError
from datalayer.query import Count, Delete, Insert, Select, Update, Upsert, col, escape_like
from datalayer.stores.contract import Store

TEXTS = (
    "Анна Каренина",
    "😀👩‍👩‍👧‍👦🇷🇺",
    "e\u0301 and \u00e9",
    "عربي עברית 漢字",
    "\u200b\u202e\ufeff",
    "it's",
    '"quoted"',
    "'; drop table things; --",
    "a;b",
    "100%",
    "%s %(x)s {0} ${y} $1 :name ?",
    "back\\slash\\",
    "\\",
    "a,b",
    "(a,b)",
    "f(x).y",
    "*",
    "a*b",
    "null",
    "NULL",
    "true",
    "{a,b}",
    '{"json": 1}',
    "[1]",
    "eq.1",
    "not.is.null",
    "a&b=c#d?e+f/g",
    "%20",
    "",
    " ",
    "  both sides  ",
    "tab\tnew\nline\r\nend",
    "\x01\x1f\x7f\x85",
    "x" * 100_000,
)


async def test_text_survives_unchanged(store: Store) -> None:
    """What goes in comes out, character by character: nothing trimmed, folded or composed."""
    assert await round_trip(store, "label", TEXTS) == list(TEXTS)


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) < 1_000])
async def test_text_is_a_literal_in_every_position(store: Store, text: str) -> None:
    """Values, filters, in-lists, patterns, arrays, documents, keys, updates and deletes take any text as data."""
    other = f"{text}-other"
    await put(store, "things", *({"label": t, "tags": [t], "doc": {t: [t]}, "whole": 1} for t in (text, other)))
    finders = [
        col("label").eq(text),
        col("label").in_([text, "missing"]),
        col("label").like(escape_like(text)),
        col("label").ilike(escape_like(text)),
        col("tags").contains([text]),
        col("tags").eq([text]),
        col("doc").contains({text: [text]}),
        col("doc").eq({text: [text]}),
    ]
    for where in finders:
        assert await labels(store, where) == [text], where.operator
        assert await labels(store, where & col("whole").eq(1)) == [text], where.operator
        assert await labels(store, ~(where | col("whole").eq(2))) == [other], where.operator
    assert await labels(store, col("label").neq(text)) == [other]
    assert (await store.update(Update("things", {"whole": 2, "short": text[:20]}, col("label").eq(text)))).count == 1
    assert (await store.select(Select("things", col("short").eq(text[:20]))))[0]["whole"] == 2
    assert (await store.delete(Delete("things", col("label").eq(text)))).count == 1
    assert await labels(store) == [other]


async def test_combining_marks_are_not_composed(store: Store) -> None:
    """An e with a combining acute is another text than the single letter é, in filters too."""
    await put(store, "things", {"label": "e\u0301"}, {"label": "\u00e9"})
    assert await labels(store, col("label").eq("\u00e9")) == ["\u00e9"]
    assert await labels(store, col("label").in_(["e\u0301"])) == ["e\u0301"]


WRITES: dict[str, Callable[[Store, Any], Awaitable[object]]] = {
    "insert": lambda store, row: store.insert(Insert("things", [row])),
    "insert many": lambda store, row: store.insert(Insert("things", [dict.fromkeys(row), row])),
    "upsert": lambda store, row: store.upsert(Upsert("things", [{"id": 1, **row}], ("id",))),
    "update": lambda store, row: store.update(Update("things", row, col("id").eq(1))),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "row",
    [
        {"label": "a\0b"},
        {"tags": ["fine", "a\0b"]},
        {"doc": {"key": "a\0b"}},
        {"doc": {"a\0b": 1}},
        {"doc": "\0"},
    ],
    ids=["text", "array", "document", "document key", "bare document"],
)
async def test_nul_in_text_is_refused(store: Store, write: str, row: dict[str, Any]) -> None:
    """PostgreSQL cannot store a NUL in text, so no store does, and the error says so."""
    with pytest.raises(UnfitValueError, match="NUL") as caught:
        await WRITES[write](store, row)
    assert caught.value.table == "things"
    assert (caught.value.sqlstate or "")[:2] == "22"
    assert await store.count(Count("things")) == 0


@pytest.mark.parametrize(
    "where",
    [
        col("label").eq("a\0b"),
        col("label").in_(["x", "a\0b"]),
        col("label").like("a\0%"),
        col("tags").contains(["a\0b"]),
        col("doc").contains({"a": "\0"}),
    ],
    ids=["eq", "in", "like", "array", "document"],
)
async def test_nul_in_a_filter_is_refused(store: Store, where: Any) -> None:
    """A question that no row can answer is a mistake, and the same mistake on every store."""
    with pytest.raises(UnfitValueError, match="NUL"):
        await store.select(Select("things", where))


async def test_lone_surrogate_is_refused(store: Store) -> None:
    """Half of a character cannot be encoded; the refusal is one of the library's errors."""
    with pytest.raises(DataLayerError):
        await put(store, "things", {"label": "\ud800"})
    with pytest.raises(DataLayerError):
        await labels(store, col("label").eq("\ud800"))


@pytest.mark.parametrize("rows", [1, 2])
async def test_number_for_a_text_column_is_refused(store: Store, rows: int) -> None:
    """A number does not turn into text on its own; one row and many alike."""
    with pytest.raises(UnfitValueError):
        await store.insert(Insert("samples", [{"id": number, "word": 5} for number in range(rows)]))
