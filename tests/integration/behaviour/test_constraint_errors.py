"""A broken constraint is the same error with the same fields on every store, and never quotes the row."""

from __future__ import annotations

from tests.integration.behaviour.asking import put
from tests.integration.behaviour.failures import SECRET, failure, meaning

from datalayer.errors import (
    CheckViolationError,
    ForeignKeyViolationError,
    NotNullViolationError,
    UniqueViolationError,
)
from datalayer.query import Count, Delete, Insert, Row, Update, Upsert, col
from datalayer.stores.contract import Store

KEY = ("company_id", "external_id")


def person(**columns: object) -> Row:
    """Return a row that breaks nothing yet."""
    return {"company_id": 1, "external_id": 77, "name": SECRET, "email": SECRET, **columns}


def insert(*rows: Row) -> Insert:
    """Ask to insert people."""
    return Insert("people", rows)


async def test_repeated_key_is_a_unique_violation(store: Store) -> None:
    """The error names the table, the key's columns and, where the store tells, the constraint."""
    await put(store, "people", person())
    error = await failure(UniqueViolationError, store.insert(insert(person())))
    assert meaning(error) == {
        "operation": "insert",
        "table": "people",
        "sqlstate": "23505",
        "columns": KEY,
        "retryable": False,
    }
    if store.name != "sqlite":
        assert error.constraint == "people_company_id_external_id_key"


async def test_unique_violation_by_text_does_not_quote_the_text(store: Store) -> None:
    """PostgreSQL's own message quotes the key; ours must not."""
    row = {"id": 1, "two words": SECRET, "Имя": SECRET}
    await put(store, "Odd Table", row)
    error = await failure(UniqueViolationError, store.insert(Insert("Odd Table", [{**row, "id": 2}])))
    assert (error.table, error.columns) == ("Odd Table", ("two words", "Имя"))


async def test_unique_violation_of_an_update_or_another_key_of_an_upsert(store: Store) -> None:
    """Updates collide as inserts do, and an upsert collides on keys that are not its conflict target."""
    first, _ = await put(store, "people", person(), person(external_id=78))
    change = Update("people", {"external_id": 77}, col("external_id").eq(78))
    error = await failure(UniqueViolationError, store.update(change))
    assert (error.operation, error.table, error.columns) == ("update", "people", KEY)
    other = person(id=first["id"], external_id=99)
    error = await failure(UniqueViolationError, store.upsert(Upsert("people", [other], KEY)))
    assert (error.operation, error.table, error.columns) == ("upsert", "people", ("id",))


async def test_missing_parent_is_a_foreign_key_violation(store: Store) -> None:
    """A row that refers to nothing is refused on insert, upsert and update."""
    error = await failure(ForeignKeyViolationError, store.insert(insert(person(parent_id=404))))
    assert (error.operation, error.table, error.sqlstate) == ("insert", "people", "23503")
    assert error.columns == ("parent_id",)
    if store.name != "sqlite":
        assert error.constraint == "people_parent_id_fkey"
    await failure(ForeignKeyViolationError, store.upsert(Upsert("people", [person(parent_id=404)], KEY)))
    await put(store, "people", person())
    change = Update("people", {"parent_id": 404}, col("company_id").eq(1))
    error = await failure(ForeignKeyViolationError, store.update(change))
    assert (error.operation, error.table) == ("update", "people")


async def test_deleting_a_referenced_row_is_a_foreign_key_violation(store: Store) -> None:
    """A parent cannot go while a child refers to it."""
    await put(store, "parents", {"id": 1, "name": SECRET})
    await put(store, "people", person(parent_id=1))
    error = await failure(ForeignKeyViolationError, store.delete(Delete("parents", col("id").eq(1))))
    assert (error.operation, error.table, error.sqlstate) == ("delete", "parents", "23503")
    assert await store.count(Count("parents")) == 1


async def test_missing_value_is_a_not_null_violation(store: Store) -> None:
    """The error names the column, whether it was absent or None, alone or in a batch."""
    expected = {
        "operation": "insert",
        "table": "people",
        "sqlstate": "23502",
        "columns": ("name",),
        "retryable": False,
    }
    nameless = {"company_id": 1, "external_id": 1, "email": SECRET}
    for rows in ([nameless], [person(name=None)], [person(), {**nameless, "external_id": 2}]):
        assert meaning(await failure(NotNullViolationError, store.insert(insert(*rows)))) == expected
    await store.delete(Delete("people", every_row=True))
    await put(store, "people", person())
    error = await failure(NotNullViolationError, store.update(Update("people", {"name": None}, every_row=True)))
    assert (error.operation, error.columns) == ("update", ("name",))
    error = await failure(NotNullViolationError, store.upsert(Upsert("people", [nameless], KEY)))
    assert (error.operation, error.table, error.columns) == ("upsert", "people", ("name",))


async def test_failed_check_is_a_check_violation(store: Store) -> None:
    """The error names the constraint."""
    error = await failure(CheckViolationError, store.insert(insert(person(age=-1))))
    assert (error.operation, error.table, error.sqlstate) == ("insert", "people", "23514")
    assert error.constraint == "people_age_check"
    await put(store, "people", person(age=1))
    error = await failure(CheckViolationError, store.update(Update("people", {"age": -5}, every_row=True)))
    assert (error.operation, error.constraint) == ("update", "people_age_check")


async def test_failed_write_leaves_nothing_behind(store: Store) -> None:
    """A batch whose last row breaks a constraint writes none of its rows; the store goes on working."""
    bad = [person(external_id=n) for n in range(20)] + [person(external_id=99, age=-1)]
    rows = [{"age": 1, **row} for row in bad]
    await failure(CheckViolationError, store.insert(insert(*rows)))
    await failure(CheckViolationError, store.upsert(Upsert("people", rows, KEY)))
    assert await store.count(Count("people")) == 0
    assert len(await put(store, "people", *rows[:-1])) == 20
