"""JSON documents, uuids and bytes."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.integration.behaviour.asking import exactly, labels, put, read, round_trip
from tests.integration.behaviour.subjects import Subject

from datalayer.errors import UnsupportedOperationError
from datalayer.query import JSON_NULL, Row, Select, Update, Upsert, asc, col
from datalayer.stores.contract import Store

DOCUMENTS: list[Any] = [
    {},
    [],
    "",
    "text",
    "null",
    0,
    -7,
    2**63,
    1.5,
    True,
    False,
    {"": ""},
    {"a": None, "b": [None, {"c": []}], "d": {"e": {}}},
    [[], [[]], [None], {"x": [1, 2.5, "три", True]}],
    {"ключ": "значение 😀", 'q"uote': "back\\slash", "new\nline": "\t", "comma,": "{curly}"},
    [{"id": n, "name": f"имя {n}"} for n in range(50)],
]


async def test_documents_survive_at_any_depth(store: Store) -> None:
    """Objects, arrays and bare values come back equal in value and type, nested nulls as None."""
    assert exactly(await round_trip(store, "doc", DOCUMENTS), DOCUMENTS)


#: Puts the document null into the database without the store, since not every store can write it.
PUT_JSON_NULL = "insert into things (id, label, doc) values (1, 'json', 'null'), (2, 'sql', null), (3, 'x', '[null]')"


async def test_json_null_is_not_sql_null(subject: Subject) -> None:
    """The document null is read as JSON_NULL and is present; SQL NULL is None and absent."""
    await subject.define(PUT_JSON_NULL)
    found = await read(subject.store, "things")
    assert [row["doc"] for row in found] == [JSON_NULL, None, [None]]
    assert found[0]["doc"] is JSON_NULL
    streamed = [row["doc"] async for row in subject.store.stream(Select("things", order=(asc("id"),)))]
    assert streamed == [JSON_NULL, None, [None]]


async def test_filters_tell_json_null_from_sql_null(subject: Subject) -> None:
    """is_null finds the missing document only; eq(JSON_NULL) finds the document null only."""
    await subject.define(PUT_JSON_NULL)
    store = subject.store
    assert await labels(store, col("doc").is_null()) == ["sql"]
    assert await labels(store, col("doc").is_not_null()) == ["json", "x"]
    assert await labels(store, col("doc").eq(JSON_NULL)) == ["json"]
    assert await labels(store, col("doc").neq(JSON_NULL)) == ["x"]
    assert await labels(store, col("doc").in_([JSON_NULL, "other"])) == ["json"]
    assert await labels(store, col("doc").contains(JSON_NULL)) == ["json", "x"]


async def test_writes_return_json_null_as_stored(subject: Subject) -> None:
    """A row that an update or upsert returns keeps its two nulls apart."""
    await subject.define(PUT_JSON_NULL)
    changed = await subject.store.update(Update("things", {"whole": 1}, col("id").lte(2), returning=True))
    assert {row["id"]: row["doc"] for row in changed.rows} == {1: JSON_NULL, 2: None}
    written = await subject.store.upsert(Upsert("things", [{"id": 1, "whole": 2}, {"id": 2, "whole": 2}], ("id",)))
    assert [row["doc"] for row in written.rows] == [JSON_NULL, None]


@pytest.mark.parametrize("subject", ["sqlite", "postgres", "postgres-copy", "routed"], indirect=True)
async def test_every_write_keeps_the_two_nulls_apart(store: Store) -> None:
    """Insert, update and upsert, one row or several, write JSON null and SQL NULL as told."""
    await put(store, "things", {"id": 1, "doc": {}}, {"id": 2, "doc": {}})
    await store.update(Update("things", {"doc": JSON_NULL}, col("id").eq(1)))
    await store.update(Update("things", {"doc": None}, col("id").eq(2)))
    rows: list[Row] = [{"id": 3, "doc": JSON_NULL}, {"id": 4, "doc": None}, {"id": 5, "doc": {"a": JSON_NULL}}]
    await store.upsert(Upsert("things", rows, ("id",)))
    await store.upsert(Upsert("things", [{"id": 6, "doc": JSON_NULL}], ("id",)))
    await put(store, "things", {"id": 7, "doc": JSON_NULL})
    await put(store, "things", {"id": 8, "doc": JSON_NULL}, {"id": 9, "doc": None})
    found = [row["doc"] for row in await read(store, "things")]
    assert exactly(found, [JSON_NULL, None, JSON_NULL, None, {"a": None}, JSON_NULL, JSON_NULL, JSON_NULL, None])


@pytest.mark.parametrize("subject", ["supabase"], indirect=True)
async def test_supabase_refuses_to_write_the_bare_document_null(store: Store) -> None:
    """PostgREST makes SQL NULL of it, so it is refused rather than changed; inside a document it is fine."""
    with pytest.raises(UnsupportedOperationError, match="null"):
        await put(store, "things", {"doc": JSON_NULL})
    with pytest.raises(UnsupportedOperationError, match="null"):
        await store.update(Update("things", {"doc": JSON_NULL}, every_row=True))
    [row] = await put(store, "things", {"doc": {"a": JSON_NULL}})
    assert row["doc"] == {"a": None}


async def test_text_that_looks_like_json_stays_text(store: Store) -> None:
    """A text column does not parse, a document that is a text does not become an object."""
    assert await round_trip(store, "label", ['{"a": 1}', "null", "[1]"]) == ['{"a": 1}', "null", "[1]"]
    assert await round_trip(store, "doc", ['{"a": 1}', "null"]) == ['{"a": 1}', "null"]


async def test_uuids_survive_and_are_uuids(store: Store) -> None:
    """A uuid column answers uuid.UUID; a text spelling is accepted in filters."""
    values = [UUID(int=0), UUID(int=2**128 - 1), uuid4()]
    assert exactly(await round_trip(store, "token", values), values)
    found = await read(store, "things", col("token").eq(str(values[2]).upper()))
    assert [row["token"] for row in found] == [values[2]]


async def test_bytes_survive_all_256_of_them(store: Store) -> None:
    """Bytea holds any byte, none at all, and a great many."""
    values = [bytes(range(256)), b"", b"\x00", b"\\x00", b"\\000'", bytes(range(256)) * 1_000]
    assert exactly(await round_trip(store, "raw", values), values)


async def test_bytes_can_be_asked_for_and_changed(store: Store) -> None:
    """Filters, in-lists, updates and upserts take bytes."""
    await put(store, "things", {"id": 1, "label": "a", "raw": bytes(range(256))}, {"id": 2, "label": "b", "raw": b""})
    assert await labels(store, col("raw").eq(bytes(range(256)))) == ["a"]
    assert await labels(store, col("raw").in_([b"", b"x"])) == ["b"]
    await store.update(Update("things", {"raw": b"\xff"}, col("id").eq(1)))
    await store.upsert(Upsert("things", [{"id": 2, "raw": b"\xfe"}, {"id": 3, "raw": b"\xfd"}], ("id",)))
    assert [row["raw"] for row in await read(store, "things")] == [b"\xff", b"\xfe", b"\xfd"]
