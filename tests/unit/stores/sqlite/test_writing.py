"""Inserts, upserts and what is returned of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from datalayer.errors import (
    CheckViolationError,
    ForeignKeyViolationError,
    MissingConflictTargetError,
    NotNullViolationError,
    StoreError,
    UnfitValueError,
    UniqueViolationError,
)
from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, asc, col
from datalayer.stores.sqlite import SqliteStore

SCHEMA = """
create table parents (id integer primary key, code text unique, name text);
create table children (
    id integer primary key, parent_id int4 references parents (id), code text references parents (code),
    boss_id int4 references children (id), n int4 check (n > 0), word text not null default 'none'
);
create table stamped (id integer primary key, word text, changes int4 default 0);
create trigger stamp after update on stamped when new.changes is old.changes
begin update stamped set changes = changes + 1 where id = new.id; end;
create table sealed (name text primary key, n int4) without rowid;
create trigger seal after insert on sealed begin update sealed set n = 7 where name = new.name; end;
create table picky (id integer primary key, word text);
create trigger drop_some before insert on picky when new.word = 'no' begin select raise(ignore); end;
create trigger refuse_some before insert on picky when new.word = 'never' begin select raise(abort, 'never!'); end;
create table needing (a int4, b int4, name text not null, note text, constraint ab unique (a, b));
"""


@pytest.fixture
async def tables(either: SqliteStore) -> SqliteStore:
    """Make the tables."""
    await either.run(lambda connection: connection.executescript(SCHEMA).close())
    return either


async def test_returned_rows_show_what_triggers_did(tables: SqliteStore) -> None:
    """SQLite's RETURNING shows rows before their triggers; the store shows them as stored."""
    await tables.insert(Insert("stamped", [{"word": "a"}, {"word": "b"}]))
    written = await tables.update(Update("stamped", {"word": "c"}, every_row=True, returning=True))
    assert sorted((row["id"], row["changes"]) for row in written.rows) == [(1, 1), (2, 1)]
    written = await tables.upsert(Upsert("stamped", [{"id": 2, "word": "d"}, {"id": 3, "word": "e"}], ("id",)))
    assert [(row["id"], row["changes"]) for row in written.rows] == [(2, 2), (3, 0)]
    sealed = await tables.insert(Insert("sealed", [{"name": "x"}]))
    assert sealed.rows == [{"name": "x", "n": 7}]
    assert (await tables.delete(Delete("sealed", col("name").eq("x"), returning=True))).rows == sealed.rows


async def test_row_that_a_trigger_withholds_is_an_error(tables: SqliteStore) -> None:
    """Fewer rows than given are never passed over in silence."""
    with pytest.raises(StoreError, match="withholds"):
        await tables.insert(Insert("picky", [{"word": "yes"}, {"word": "no"}]))
    with pytest.raises(StoreError) as caught:
        await tables.insert(Insert("picky", [{"word": "never"}]))
    assert caught.value.sqlstate == "P0001"
    assert await tables.count(Count("picky")) == 0


async def test_batch_is_written_in_the_order_given_or_not_at_all(tables: SqliteStore) -> None:
    """Rows of different shapes keep their places; a bad one at the end takes all back."""
    written = await tables.insert(Insert("parents", [{"name": "b"}, {"id": 9, "name": "a"}, {"name": "c"}, {}]))
    assert [(row["id"], row["name"]) for row in written.rows] == [(1, "b"), (9, "a"), (10, "c"), (11, None)]
    rows: list[Row] = [{"id": 20}, {"code": "x"}, {"code": "x"}]
    for returning in (True, False):
        with pytest.raises(UniqueViolationError):
            await tables.insert(Insert("parents", rows, returning=returning))
    assert await tables.count(Count("parents")) == 4


async def test_identity_takes_no_null(tables: SqliteStore) -> None:
    """SQLite would make up a number where PostgreSQL refuses."""
    await tables.insert(Insert("parents", [{"id": 1}]))
    for call in (
        tables.insert(Insert("parents", [{"id": None, "name": "x"}])),
        tables.update(Update("parents", {"id": None}, every_row=True)),
    ):
        with pytest.raises(NotNullViolationError) as caught:
            await call
        assert caught.value.columns == ("id",)


async def test_partial_upsert_updates_stored_rows_and_needs_all_of_new_ones(tables: SqliteStore) -> None:
    """A stored row keeps its required columns; a new one must bring them."""
    target = ("a", "b")
    await tables.insert(Insert("needing", [{"a": 1, "b": 1, "name": "one"}, {"a": 2, "b": 2, "name": "two"}]))
    for returning in (True, False):
        rows: list[Row] = [{"b": 1, "a": 1, "note": "x"}, {"a": 2, "b": 2}, {"a": 3, "b": 3, "name": "three"}]
        written = await tables.upsert(Upsert("needing", rows, target, returning=returning))
        assert written.count == 3
        if returning:
            names = [(row["a"], row["name"], row["note"]) for row in written.rows]
            assert names == [(1, "one", "x"), (2, "two", None), (3, "three", None)]
    with pytest.raises(NotNullViolationError) as caught:
        await tables.upsert(Upsert("needing", [{"a": 1, "b": 1, "note": "lost"}, {"a": 4, "b": 4}], target))
    assert (caught.value.columns, caught.value.operation) == (("name",), "upsert")
    assert await tables.count(Count("needing", col("note").eq("lost"))) == 0


async def test_upsert_without_unique_key_names_the_index_to_add(tables: SqliteStore) -> None:
    """Also a key that was added meanwhile is found."""
    question = Upsert("children", [{"n": 1, "word": "x"}], ("n",))
    with pytest.raises(MissingConflictTargetError) as caught:
        await tables.upsert(question)
    assert caught.value.columns == ("n",)
    assert "create unique index on children (n)" in str(caught.value)
    await tables.run(lambda connection: connection.execute("create unique index n_key on children (n)").close())
    assert (await tables.upsert(question)).count == 1


async def test_missing_parent_is_named_by_its_reference(tables: SqliteStore) -> None:
    """SQLite says only that a foreign key failed; the store says which."""
    await tables.insert(Insert("parents", [{"id": 1, "code": "a"}]))
    for call, name, column in (
        (
            tables.insert(Insert("children", [{"parent_id": 1}, {"parent_id": 5}])),
            "children_parent_id_fkey",
            "parent_id",
        ),
        (
            tables.insert(Insert("children", [{"parent_id": 1, "code": "b"}], returning=False)),
            "children_code_fkey",
            "code",
        ),
        (tables.upsert(Upsert("children", [{"id": 1, "boss_id": 7}], ("id",))), "children_boss_id_fkey", "boss_id"),
    ):
        with pytest.raises(ForeignKeyViolationError) as caught:
            await call
        error = caught.value
        assert (error.constraint, error.columns, error.table, error.sqlstate) == (name, (column,), "children", "23503")
    await tables.insert(Insert("children", [{"parent_id": 1}]))
    with pytest.raises(ForeignKeyViolationError) as caught:
        await tables.update(Update("children", {"code": "nowhere"}, every_row=True))
    assert caught.value.columns == ("code",)
    assert await tables.count(Count("children")) == 1


async def test_remaining_child_is_named_by_its_reference(tables: SqliteStore) -> None:
    """A delete or a change of a key that is still referred to blames the key, as PostgreSQL does."""
    await tables.insert(Insert("parents", [{"id": 1, "code": "a"}, {"id": 2, "code": "b"}]))
    await tables.insert(Insert("children", [{"parent_id": 1, "code": "b"}]))
    with pytest.raises(ForeignKeyViolationError) as caught:
        await tables.delete(Delete("parents", col("id").eq(1)))
    assert (caught.value.constraint, caught.value.columns) == ("children_parent_id_fkey", ("id",))
    with pytest.raises(ForeignKeyViolationError) as caught:
        await tables.update(Update("parents", {"code": "c"}, col("id").eq(2), returning=True))
    assert (caught.value.constraint, caught.value.columns) == ("children_code_fkey", ("code",))


async def test_constraint_errors_carry_names_and_columns(tables: SqliteStore) -> None:
    """Unique, primary key, not null and check, with PostgreSQL's names where the table gives none."""
    await tables.insert(Insert("parents", [{"id": 1, "code": "a"}]))
    with pytest.raises(UniqueViolationError) as unique:
        await tables.insert(Insert("parents", [{"code": "a"}]))
    assert (unique.value.constraint, unique.value.columns) == ("parents_code_key", ("code",))
    with pytest.raises(UniqueViolationError) as primary:
        await tables.insert(Insert("parents", [{"id": 1}]))
    assert (primary.value.constraint, primary.value.columns) == ("parents_pkey", ("id",))
    with pytest.raises(NotNullViolationError) as null:
        await tables.insert(Insert("children", [{"word": None}]))
    assert (null.value.constraint, null.value.columns) == (None, ("word",))
    with pytest.raises(CheckViolationError) as check:
        await tables.insert(Insert("children", [{"n": 0}]))
    assert (check.value.constraint, check.value.columns) == ("children_n_check", ())


async def test_generated_column_is_refused_by_name(memory: SqliteStore) -> None:
    """What the database computes cannot be given."""
    ddl = "create table g (id integer primary key, a decimal_text, b text as (a || '!') stored)"
    await memory.run(lambda connection: connection.execute(ddl).close())
    assert (await memory.insert(Insert("g", [{"a": Decimal("1.0")}]))).rows[0]["b"] == "1.0!"
    with pytest.raises(UnfitValueError) as caught:
        await memory.insert(Insert("g", [{"b": "x"}]))
    assert (caught.value.sqlstate, caught.value.columns) == ("428C9", ("b",))


async def test_many_rows_are_written_without_returning(tables: SqliteStore) -> None:
    """The quick way for loads."""
    written = await tables.insert(Insert("parents", [{"id": n} for n in range(5000)], returning=False))
    assert (written.count, written.rows) == (5000, [])
    found = await tables.select(Select("parents", col("id").in_(range(4990, 9000)), order=(asc("id"),)))
    assert len(found) == 10
