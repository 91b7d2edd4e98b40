"""Unknown names and missing keys are found before anything is sent, and the nearest name is offered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from tests.integration.behaviour.failures import SECRET, failure, meaning
from tests.integration.behaviour.subjects import Subject

from datalayer.errors import MissingConflictTargetError, UnknownColumnError, UnknownTableError
from datalayer.query import Count, Delete, Insert, Select, Update, Upsert, asc, col
from datalayer.stores.contract import Store

Call = Callable[[Store], Awaitable[Any]]

UNKNOWN_TABLE: dict[str, Call] = {
    "select": lambda store: store.select(Select("peple")),
    "count": lambda store: store.count(Count("peple")),
    "insert": lambda store: store.insert(Insert("peple", [{"name": SECRET}])),
    "upsert": lambda store: store.upsert(Upsert("peple", [{"name": SECRET}], ("name",))),
    "update": lambda store: store.update(Update("peple", {"name": SECRET}, every_row=True)),
    "delete": lambda store: store.delete(Delete("peple", every_row=True)),
}

WRONG = col("nmae").eq(SECRET)
UNKNOWN_COLUMN: dict[str, tuple[str, Call]] = {
    "filter": ("select", lambda store: store.select(Select("people", WRONG))),
    "nested filter": ("select", lambda store: store.select(Select("people", col("age").eq(1) | ~(WRONG & WRONG)))),
    "order": ("select", lambda store: store.select(Select("people", order=(asc("nmae"),)))),
    "columns": ("select", lambda store: store.select(Select("people", columns=("id", "nmae")))),
    "count": ("count", lambda store: store.count(Count("people", WRONG))),
    "insert": ("insert", lambda store: store.insert(Insert("people", [{"name": "x"}, {"nmae": SECRET}]))),
    "upsert": ("upsert", lambda store: store.upsert(Upsert("people", [{"id": 1, "nmae": SECRET}], ("id",)))),
    "target": ("upsert", lambda store: store.upsert(Upsert("people", [{"id": 1, "nmae": SECRET}], ("nmae",)))),
    "update": ("update", lambda store: store.update(Update("people", {"nmae": SECRET}, every_row=True))),
    "update filter": ("update", lambda store: store.update(Update("people", {"name": SECRET}, WRONG))),
    "delete filter": ("delete", lambda store: store.delete(Delete("people", WRONG))),
}


@pytest.mark.parametrize("operation", UNKNOWN_TABLE)
async def test_unknown_table_is_named_with_the_nearest_one(store: Store, operation: str) -> None:
    """A misspelt table is said to be unknown, by every verb alike, with a suggestion."""
    error = await failure(UnknownTableError, UNKNOWN_TABLE[operation](store))
    assert meaning(error) == {
        "operation": operation,
        "table": "peple",
        "sqlstate": "42P01",
        "columns": (),
        "retryable": False,
    }
    assert error.hint == "did you mean 'people'?"


@pytest.mark.parametrize("place", UNKNOWN_COLUMN)
async def test_unknown_column_is_named_with_the_nearest_one(store: Store, place: str) -> None:
    """A misspelt column is found wherever it stands, with a suggestion."""
    operation, call = UNKNOWN_COLUMN[place]
    error = await failure(UnknownColumnError, call(store))
    assert meaning(error) == {
        "operation": operation,
        "table": "people",
        "sqlstate": "42703",
        "columns": ("nmae",),
        "retryable": False,
    }
    assert error.hint == "did you mean 'name'?"


@pytest.mark.parametrize("table", ['people"; drop table things; --', "", "public.people", "PEOPLE", "людей"])
async def test_strange_table_name_is_merely_unknown(store: Store, table: str) -> None:
    """A name is looked up, never pasted; names are case-sensitive."""
    error = await failure(UnknownTableError, store.select(Select(table)))
    assert error.table == table
    assert await store.count(Count("things")) == 0


async def test_conflict_target_without_unique_key_is_named(store: Store) -> None:
    """An upsert by columns that no unique key covers is refused, and names them."""
    row = {"company_id": 1, "external_id": 2, "name": SECRET, "age": 3}
    for target in (("name",), ("company_id",), ("company_id", "external_id", "age")):
        error = await failure(MissingConflictTargetError, store.upsert(Upsert("people", [row], target)))
        assert meaning(error) == {
            "operation": "upsert",
            "table": "people",
            "sqlstate": "42P10",
            "columns": target,
            "retryable": False,
        }
        assert "unique" in str(error)
    assert await store.count(Count("people")) == 0


async def test_catalog_knows_tables_columns_and_primary_keys(store: Store) -> None:
    """The live schema is there to be read, the same names and kinds on every store."""
    catalog = await store.catalog()
    assert {"people", "parents", "things", "samples", "Odd Table"} <= set(catalog.tables)
    people = catalog.tables["people"]
    assert people.primary_key == ("id",)
    assert people.by_name["parent_id"].type.kind == "integer"
    things = catalog.tables["things"].by_name
    kinds = {name: (str(column.type.kind), column.type.array) for name, column in things.items()}
    assert kinds["exact"] == ("numeric", False)
    assert kinds["moment"] == ("timestamp", False)
    assert kinds["instant"] == ("timestamptz", False)
    assert kinds["tags"] == ("text", True)
    assert kinds["numbers"] == ("integer", True)
    assert kinds["token"] == ("uuid", False)
    assert kinds["raw"] == ("bytea", False)
    assert kinds["flag"] == ("boolean", False)
    if people.keys_known:
        assert people.has_key(("external_id", "company_id"))
        assert [(key.columns, key.target_table) for key in people.foreign_keys] == [(("parent_id",), "parents")]


async def test_new_column_is_found_without_reopening(subject: Subject) -> None:
    """A migration that adds a column while the store is open is noticed when the column is first named."""
    await subject.store.count(Count("parents"))
    await subject.define("alter table parents add column nickname text")
    try:
        written = await subject.store.insert(Insert("parents", [{"id": 1, "nickname": "x"}]))
        assert written.rows == [{"id": 1, "name": None, "nickname": "x"}]
    finally:
        await subject.define("alter table parents drop column nickname")


async def test_dropped_column_costs_at_most_one_call(subject: Subject) -> None:
    """The call that stumbles over it says which column is unknown; the next one knows the new schema."""
    await subject.define("alter table parents add column nickname text")
    await subject.store.select(Select("parents", col("nickname").is_null()))
    await subject.define("alter table parents drop column nickname")
    with suppress(UnknownColumnError):
        await subject.store.select(Select("parents"))
    assert await subject.store.select(Select("parents")) == []
    await failure(UnknownColumnError, subject.store.select(Select("parents", col("nickname").is_null())))
