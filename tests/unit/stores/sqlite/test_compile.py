"""Questions as SQL."""

from __future__ import annotations

import sqlite3

import pytest

from datalayer.errors import UnfitValueError, UnknownColumnError, UnsupportedOperationError
from datalayer.query import Count, Filter, Insert, OrderBy, Select, asc, col, desc
from datalayer.query.keyset import after_row
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite import compile as compiler
from datalayer.stores.sqlite.catalog import Facts, read_schema

TABLE = "create table t (id integer primary key, n int4, word text, doc json_text, tags text[], `odd ``name` text)"


@pytest.fixture
def facts() -> Facts:
    """Read the table's facts from a plain connection."""
    connection = sqlite3.connect(":memory:")
    connection.execute(TABLE)
    schema = read_schema(connection)
    connection.close()
    return schema.facts["t"]


@pytest.fixture
async def store(memory: SqliteStore) -> SqliteStore:
    """Make the table."""
    await memory.run(lambda connection: connection.execute(TABLE).close())
    return memory


PAIRS = "create table pairs (a integer not null, b text not null, c integer, primary key (a, b)) without rowid"


@pytest.mark.parametrize(
    ("order", "searched"),
    [
        ((asc("a"), asc("b")), "SEARCH pairs USING PRIMARY KEY ((a,b)>(?,?))"),
        ((desc("a"), desc("b")), "SEARCH pairs USING PRIMARY KEY ((a,b)<(?,?))"),
        ((asc("a"), desc("b")), "SEARCH pairs USING PRIMARY KEY (a>?)"),
    ],
)
def test_page_by_a_composite_key_begins_at_its_row(order: OrderBy, searched: str) -> None:
    """The table's own order answers the page; nothing before the row is looked at, and same directions need no sort."""
    connection = sqlite3.connect(":memory:")
    connection.execute(PAIRS)
    facts = read_schema(connection).facts["pairs"]
    after = after_row(order, {"a": 1, "b": "x"})
    statement = compiler.select(Select("pairs", after, order, limit=5), facts)
    values = statement.bind([*after.values(), 5, 0])
    plan = [row[3] for row in connection.execute(f"explain query plan {statement.sql}", values)]
    connection.close()
    assert plan[0] == searched
    assert (len(plan) == 1) == (order[0].descending == order[1].descending)


def test_statement_is_compiled_once_per_shape(facts: Facts) -> None:
    """Values make no difference, columns and operators do."""
    first = facts.compiled(("key",), lambda: compiler.select(Select("t", col("n").eq(1)), facts))
    assert facts.compiled(("key",), lambda: compiler.select(Select("t", col("n").eq(2)), facts)) is first
    assert first.bind([7]) == [7]


async def test_questions_of_one_shape_share_a_statement(store: SqliteStore) -> None:
    """However often a question is asked, it is compiled once."""
    for n in range(5):
        await store.select(Select("t", col("n").in_(range(n)) & col("word").like(f"{n}%"), limit=n))
        await store.count(Count("t", col("n").gt(n)))
    schema = await store.run(read_schema)
    assert schema.facts["t"].statements == {}
    known = store._shared.asker
    await store.select(Select("t", col("n").eq(1), order=(asc("n"),), offset=1))
    await store.select(Select("t", col("n").eq(2), order=(asc("n"),), offset=2))
    facts = known.facts("t")
    assert facts is not None
    assert len(facts.statements) == 1


async def test_identifiers_of_any_spelling_are_quoted(store: SqliteStore) -> None:
    """Backticks, which never turn an unknown name into a text as double quotes do."""
    await store.insert(Insert("t", [{"odd `name": "x"}]))
    found = await store.select(Select("t", col("odd `name").eq("x"), columns=("odd `name",)))
    assert found == [{"odd `name": "x"}]


async def test_column_dropped_behind_the_store_is_an_error_not_a_text(store: SqliteStore) -> None:
    """A compiled statement that names a column that is gone fails, and the schema is read again."""
    asked = Select("t", columns=("word",))
    await store.insert(Insert("t", [{"word": "x"}]))
    assert await store.select(asked) == [{"word": "x"}]
    async with store._turn("test", 1.0) as writer:
        await writer.run(lambda connection: connection.execute("alter table t drop column word").close())
    for _ in range(2):
        with pytest.raises(UnknownColumnError):
            await store.select(asked)


async def test_deep_and_wide_filters_are_answered(store: SqliteStore) -> None:
    """SQLite's parser and its expressions have limits; filters of any sane size stay below."""
    await store.insert(Insert("t", [{"n": n} for n in range(10)]))
    deep: Filter = col("n").eq(1)
    for n in range(80):
        deep = (col("n").gte(0) & ~deep) | col("n").eq(n + 100)
    assert await store.count(Count("t", deep)) == 1
    wide: Filter = col("n").eq(1)
    for n in range(2, 3000):
        wide = wide | col("n").eq(n)
    assert await store.count(Count("t", wide)) == 9
    assert await store.count(Count("t", ~wide)) == 1


async def test_negation_keeps_three_valued_logic(store: SqliteStore) -> None:
    """What is unknown stays unknown when NOT moves inwards."""
    await store.insert(Insert("t", [{"n": 1, "word": None}, {"n": None, "word": "a"}, {"n": 2, "word": "a"}]))
    both = col("n").eq(1) & col("word").eq("a")
    assert await store.count(Count("t", ~both)) == 1
    assert await store.count(Count("t", ~~both)) == 0
    assert await store.count(Count("t", ~(col("n").eq(1) | col("word").eq("b")))) == 1
    assert await store.count(Count("t", ~(col("n").is_null() | col("n").in_([])))) == 2


async def test_operator_that_the_type_lacks_is_refused(store: SqliteStore) -> None:
    """With PostgreSQL's class where PostgreSQL refuses it too."""
    for where in (col("n").like("1%"), col("word").contains("x"), col("tags").ilike("x")):
        with pytest.raises(UnfitValueError) as caught:
            await store.select(Select("t", where))
        assert caught.value.sqlstate == "42883"
    for question in (Select("t", col("doc").gt({})), Select("t", order=(asc("tags"),))):
        with pytest.raises(UnsupportedOperationError):
            await store.select(question)
