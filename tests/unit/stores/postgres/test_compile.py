"""Questions become SQL once per shape, with every name quoted and every value a parameter."""

import pytest

from datalayer.query import Count, Delete, Group, OrderBy, Select, Update, asc, col, desc
from datalayer.query.keyset import after_row
from datalayer.stores.catalog import Column, ColumnType, Kind, Table
from datalayer.stores.postgres import compile as compiler
from datalayer.stores.postgres.compile_writes import write_one
from datalayer.stores.postgres.statement import Statement
from datalayer.stores.postgres.values import cast_name

TABLE = Table(
    "people",
    (
        Column("id", ColumnType(Kind.BIGINT, "bigint")),
        Column("name", ColumnType(Kind.TEXT, "character varying(20)")),
        Column("tags", ColumnType(Kind.TEXT, "text[]", array=True)),
        Column("data", ColumnType(Kind.JSON, "json")),
        Column('odd "%s" name', ColumnType(Kind.TEXT, "text")),
    ),
    primary_key=("id",),
)


def text(statement: Statement) -> str:
    """Return the statement's SQL."""
    return statement.sql.decode()


def test_select_binds_filter_then_limit_then_offset() -> None:
    """Values are bound in the order the text has their places."""
    question = Select("people", col("id").gt(1) & col("name").eq("x"), limit=5, offset=2, columns=("id",))
    assert text(compiler.select(question, TABLE)) == (
        'SELECT "id" FROM "people" WHERE ("id" > %s) AND ("name" = %s) LIMIT %s OFFSET %s'
    )


def test_names_are_quoted_and_percent_signs_doubled() -> None:
    """A name with quotes and placeholders in it stays a name."""
    question = Select("people", columns=('odd "%s" name',))
    assert text(compiler.select(question, TABLE)) == 'SELECT "odd ""%%s"" name" FROM "people"'


def test_order_writes_null_placement_only_where_it_differs_from_the_servers() -> None:
    """An order an index can serve is not spoiled by needless words."""
    order = (asc("id"), desc("name"), asc("name").nulls(first=True), desc("id").nulls(first=False))
    assert compiler.order(order) == (' ORDER BY "id", "name" DESC, "name" NULLS FIRST, "id" DESC NULLS LAST')


@pytest.mark.parametrize(("joint", "sql"), [("and", "TRUE"), ("or", "FALSE")])
def test_an_empty_group_is_its_neutral_element(joint: str, sql: str) -> None:
    """All of nothing is true, any of nothing is false."""
    assert text(compiler.count(Count("people", Group(joint, ())), TABLE)).endswith(f"WHERE {sql}")


def test_in_lists_of_any_length_are_one_shape() -> None:
    """Five values and five thousand share a statement, cast to the column's type without its length."""
    short, long = col("name").in_(["a"]), col("name").in_(map(str, range(5000)))
    assert short.shape == long.shape
    assert text(compiler.count(Count("people", short), TABLE)).endswith('"name" = ANY(%s::character varying[])')


def test_json_columns_are_compared_as_jsonb() -> None:
    """Type json has no equality; its documents are compared as jsonb."""
    assert '"data"::jsonb = %s' in text(compiler.count(Count("people", col("data").eq({})), TABLE))


def test_update_and_delete_return_rows_only_when_asked() -> None:
    """RETURNING is there for those who want rows."""
    where = col("id").eq(1)
    assert "RETURNING" not in text(compiler.update(Update("people", {"name": "x"}, where), TABLE))
    assert "RETURNING" in text(compiler.delete(Delete("people", where, returning=True), TABLE))


def test_write_of_nothing_but_defaults_is_a_statement() -> None:
    """A row without columns takes every default."""
    assert text(write_one(TABLE, (), None, answer="nothing")) == 'INSERT INTO "people" DEFAULT VALUES'


def test_upsert_of_the_key_alone_still_returns_the_row() -> None:
    """With nothing to change the key is set to itself, so that RETURNING has a row."""
    statement = text(write_one(TABLE, ("id",), ("id",), answer="rows"))
    assert 'ON CONFLICT ("id") DO UPDATE SET "id" = EXCLUDED."id" RETURNING' in statement


@pytest.mark.parametrize(
    ("declared", "cast"),
    [
        ("character varying(20)", "character varying"),
        ("numeric(5,2)[]", "numeric[]"),
        ("character(3)", "bpchar"),
        ("timestamp(3) without time zone", "timestamp without time zone"),
    ],
)
def test_casts_leave_out_the_length(declared: str, cast: str) -> None:
    """An explicit cast to a short type would cut a text silently."""
    assert cast_name(declared) == cast


PAIRS = Table(
    "pairs",
    (
        Column("a", ColumnType(Kind.BIGINT, "bigint"), nullable=False),
        Column("b", ColumnType(Kind.NUMERIC, "numeric"), nullable=False),
        Column("c", ColumnType(Kind.BIGINT, "bigint")),
    ),
    primary_key=("a", "b"),
)


@pytest.mark.parametrize(
    ("order", "condition", "bound"),
    [
        ((asc("a"), asc("b")), '("a", "b") > (%s, %s)', [1, 2]),
        ((desc("a"), desc("b")), '("a", "b") < (%s, %s)', [1, 2]),
        ((desc("a"), asc("b")), '("a" <= %s) AND (("a" < %s) OR (("a" = %s) AND ("b" > %s)))', [1, 1, 1, 2]),
        ((asc("c"), asc("b")), '(("c" > %s) OR ("c" IS NULL)) OR (("c" = %s) AND ("b" > %s))', [3, 3, 2]),
    ],
)
def test_a_page_is_said_as_an_index_can_answer_it(order: OrderBy, condition: str, bound: list[int]) -> None:
    """Rows are compared whole where all columns go one way and have no NULLs, else the first one bounds the range."""
    after = after_row(order, {"a": 1, "b": 2, "c": 3})
    statement = compiler.count(Count("pairs", col("c").neq(9) & after), PAIRS)
    where = text(statement).removeprefix('SELECT count(*) AS count FROM "pairs" WHERE ')
    assert where == f'("c" <> %s) AND ({condition})'
    assert statement.bind([9, *after.values()]) == [9, *bound]
