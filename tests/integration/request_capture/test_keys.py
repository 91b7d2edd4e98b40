"""Every write is covered while it is sent, and marks exactly the keys that it touched."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from tests.integration.request_capture.place import Place

from datalayer.errors import NotNullViolationError, UniqueViolationError, UnsupportedOperationError
from datalayer.query import Delete, Insert, Update, Upsert, col, where_equal


async def test_insert_marks_keys_that_the_server_made(place: Place) -> None:
    """A serial key is known by the answer, and the caller gets no rows that it did not ask for."""
    written = await place.store.insert(Insert("parents", [{"code": "a"}, {"code": "b"}], returning=False))
    assert written.count == 2
    assert written.rows == []
    assert place.marks() == [("parents", "[1]"), ("parents", "[2]")]
    assert place.operations() == 0


async def test_insert_makes_uuids_before_it_sends(place: Place) -> None:
    """A uuid key is made here, so that even a lost answer leaves it known."""
    parent = (await place.store.insert(Insert("parents", [{"code": "a"}]))).rows[0]
    child = (await place.store.insert(Insert("children", [{"parent_id": parent["id"]}]))).rows[0]
    assert place.marks()[1:] == [("children", f'["{child["id"]}"]')]


async def test_upsert_by_a_natural_key_marks_primary_keys(place: Place) -> None:
    """Rows found by a unique key are marked by their primary key, known from the answer."""
    await place.store.insert(Insert("parents", [{"code": "a"}]))
    rows = [{"code": "b", "n": 1}, {"code": "a", "n": 2}]
    await place.store.upsert(Upsert("parents", rows, ("code",), returning=False))
    found = {code: identity for identity, code in place.primary("select id, code from parents")}
    assert set(place.marks()[1:]) == {("parents", f"[{found['a']}]"), ("parents", f"[{found['b']}]")}


async def test_update_by_a_filter_marks_what_it_changed(place: Place) -> None:
    """Only the rows that matched are marked."""
    await place.store.insert(Insert("parents", [{"code": "a", "n": 1}, {"code": "b", "n": 5}]))
    written = await place.store.update(Update("parents", {"amount": 3}, col("n").gt(2)))
    assert (written.count, written.rows) == (1, [])
    assert place.marks()[2:] == [("parents", "[2]")]


async def test_update_that_moves_a_key_marks_the_whole_table(place: Place) -> None:
    """The answer names the new key alone; a sweep finds the old one."""
    await place.store.insert(Insert("notes", [{"a": 1, "b": "x"}]))
    await place.store.update(Update("notes", {"a": 2}, where_equal(a=1, b="x")))
    assert place.marks()[1:] == [("notes", '[1,"x"]'), ("notes", "*")]


async def test_delete_marks_what_went_away(place: Place) -> None:
    """By a filter or by the key, what was deleted is marked."""
    await place.store.insert(Insert("parents", [{"code": "a", "n": 1}, {"code": "b", "n": 5}]))
    await place.store.delete(Delete("parents", col("n").lt(3)))
    await place.store.delete(Delete("parents", where_equal(id=2)))
    assert place.marks()[2:] == [("parents", "[1]"), ("parents", "[2]")]


async def test_refused_write_leaves_nothing_open(place: Place) -> None:
    """A constraint violation resolves the operation and reaches the caller as it is."""
    await place.store.insert(Insert("parents", [{"id": 1, "code": "a"}]))
    with pytest.raises(UniqueViolationError):
        await place.store.insert(Insert("parents", [{"id": 2, "code": "a"}]))
    with pytest.raises(NotNullViolationError):
        await place.store.insert(Insert("children", [{"label": "x"}]))
    assert place.operations() == 0


async def test_operation_is_committed_before_the_request_is_sent(place: Place) -> None:
    """While a request is under way its operation is there, with its keys."""
    await place.store.insert(Insert("parents", [{"id": 1}]))
    place.proxy.hold()
    writing = asyncio.create_task(place.store.update(Update("parents", {"n": 1}, where_equal(id=1))))
    await place.proxy.held()
    assert place.behind("select aggregatetype, keys::text from datalayer_operations") == [("parents", '["[1]"]')]
    place.proxy.release()
    await writing
    assert place.operations() == 0


async def test_table_without_a_primary_key_is_refused(place: Place) -> None:
    """There is no telling which row of it is owed."""
    with pytest.raises(UnsupportedOperationError, match="primary key"):
        await place.store.insert(Insert("heap", [{"word": str(uuid4())}]))
