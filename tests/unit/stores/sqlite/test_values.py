"""Values on their way in and back, by declared type."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from datalayer.errors import InvalidValueError, UnfitValueError
from datalayer.query import JSON_NULL, Insert, Select, Update, Upsert, asc, col
from datalayer.stores.sqlite import SqliteStore

TABLE = """
create table v (
    id integer primary key,
    whole integer, small smallint, word text, short varchar(3), flag boolean, plain numeric, price numeric(6,2),
    exact decimal_text, money decimal_text(6,2), single float4, double real, token uuid, raw bytea,
    day date, clock time, moment timestamp, instant timestamptz, doc jsonb, text_doc json_text,
    words text[], numbers numeric[], flags boolean[], blobs bytea[], docs json[], doubles real[]
)
"""


@pytest.fixture
async def values(memory: SqliteStore) -> SqliteStore:
    """Make the table of all types."""
    await memory.run(lambda connection: connection.execute(TABLE).close())
    return memory


async def keep(store: SqliteStore, column: str, value: Any) -> Any:
    """Insert one value; return it as the insert and, equal, as a filter on it gives it back."""
    [row] = (await store.insert(Insert("v", [{column: value}]))).rows
    [found] = await store.select(Select("v", col("id").eq(row["id"])))
    assert repr(found) == repr(row)
    return row[column]


@pytest.mark.parametrize(
    ("column", "given", "stored"),
    [
        ("whole", " 12 ", 12),
        ("whole", Decimal(7), 7),
        ("flag", "yes", True),
        ("flag", "F", False),
        ("short", "abc   ", "abc"),
        ("plain", 0.1, Decimal("0.1")),
        ("plain", 10**18, Decimal(10**18)),
        ("docs", [[1, 2], [], None, JSON_NULL, {"a": []}], [[1, 2], [], None, JSON_NULL, {"a": []}]),
        ("plain", Decimal("-Infinity"), Decimal("-Infinity")),
        ("price", "1.005", Decimal("1.01")),
        ("price", 10, Decimal("10.00")),
        ("exact", Decimal("1.50"), Decimal("1.50")),
        ("exact", Decimal("1E+3"), Decimal(1000)),
        ("exact", Decimal("-0.0"), Decimal("0.0")),
        ("exact", "9" * 60 + ".1", Decimal("9" * 60 + ".1")),
        ("money", Decimal("0.005"), Decimal("0.01")),
        ("money", 3, Decimal("3.00")),
        ("double", 3, 3.0),
        ("double", Decimal("0.5"), 0.5),
        ("double", math.inf, math.inf),
        ("token", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        ("raw", bytearray(b"\0\xff"), b"\0\xff"),
        ("day", "2024-02-29", date(2024, 2, 29)),
        ("day", datetime(2024, 2, 29), date(2024, 2, 29)),
        ("clock", "09:30", time(9, 30)),
        ("clock", time(23, 59, 59, 999999), time(23, 59, 59, 999999)),
        ("moment", date(2024, 1, 2), datetime(2024, 1, 2)),
        ("moment", datetime(2024, 1, 2, 3, tzinfo=timezone(timedelta(hours=3))), datetime(2024, 1, 2)),
        ("instant", datetime(2024, 1, 2, 3), datetime(2024, 1, 2, 3, tzinfo=UTC)),
        (
            "instant",
            datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=-5))),
            datetime(2024, 1, 2, 8, 4, 5, 6, tzinfo=UTC),
        ),
        ("doc", JSON_NULL, JSON_NULL),
        ("doc", None, None),
        ("doc", 5, 5),
        ("doc", "5", "5"),
        ("doc", {"a": [1, None, "NaN"], "б": JSON_NULL}, {"a": [1, None, "NaN"], "б": None}),
        ("text_doc", 2**70, 2**70),
        ("text_doc", "\\u0000", "\\u0000"),
        ("words", [], []),
        ("words", [["a", None], ["b", "c"]], [["a", None], ["b", "c"]]),
        ("numbers", [Decimal("1.5"), None, Decimal("NaN")], [Decimal("1.5"), None, Decimal("NaN")]),
        ("flags", [True, False, None], [True, False, None]),
        ("blobs", [b"\0", b""], [b"\0", b""]),
        ("docs", [{"a": 1}, None], [{"a": 1}, None]),
        ("doubles", [0.5, math.inf, -math.inf, 1e300], [0.5, math.inf, -math.inf, 1e300]),
    ],
)
async def test_value_comes_back_as_its_kind(values: SqliteStore, column: str, given: Any, stored: Any) -> None:
    """What PostgreSQL would take is taken, and read as the exact value of the column's kind."""
    found = await keep(values, column, given)
    assert repr(found) == repr(stored)


@pytest.mark.parametrize("column", ["single", "double", "exact", "money", "plain"])
async def test_nan_survives_and_is_greater_than_all(values: SqliteStore, column: str) -> None:
    """SQLite turns a NaN into NULL; the store does not."""
    nan = Decimal("NaN") if column in ("exact", "money", "plain") else math.nan
    await values.insert(Insert("v", [{column: nan}, {column: 5}, {column: None}]))
    found = await values.select(Select("v", col(column).gt(10), columns=(column,)))
    assert [math.isnan(row[column]) for row in found] == [True]
    assert len(await values.select(Select("v", col(column).eq(nan)))) == 1
    assert len(await values.select(Select("v", col(column).in_([nan, 7])))) == 1
    ordered = await values.select(Select("v", order=(asc(column),), columns=(column,)))
    assert str(ordered[1][column]).lower() == "nan"
    assert ordered[2][column] is None


@pytest.mark.parametrize(
    ("column", "value", "sqlstate"),
    [
        ("whole", "many", "22P02"),
        ("whole", 1.5, "22P02"),
        ("whole", 5.0, "22P02"),
        ("whole", Decimal("7.0"), "22P02"),
        ("whole", True, "22P02"),
        ("whole", 2**63, "22003"),
        ("small", 2**15, "22003"),
        ("word", 5, "22P02"),
        ("word", "a\0b", "22021"),
        ("word", "\ud800", "22021"),
        ("short", "abcd", "22001"),
        ("flag", 1, "22P02"),
        ("flag", "maybe", "22P02"),
        ("plain", "a lot", "22P02"),
        ("plain", Decimal("0.12345678901234567890"), "22003"),
        ("plain", 10**30 + 1, "22003"),
        ("price", 10000, "22003"),
        ("price", Decimal("9999.995"), "22003"),
        ("money", Decimal("Infinity"), "22003"),
        ("exact", b"1", "22P02"),
        ("double", 10**400, "22003"),
        ("double", "x", "22P02"),
        ("token", "no uuid", "22P02"),
        ("raw", "text", "22P02"),
        ("day", "yesterday", "22007"),
        ("day", datetime(2024, 1, 1, 12), "22007"),
        ("clock", time(12, tzinfo=UTC), "22007"),
        ("clock", 5, "22007"),
        ("moment", "2024-13-01", "22007"),
        ("moment", 1700000000, "22007"),
        ("doc", {"a": ["\0"]}, "22021"),
        ("words", "a", "22P02"),
        ("words", ["a\0"], "22021"),
        ("words", [["a"], ["b", "c"]], "22P02"),
        ("words", ["a", ["b"]], "22P02"),
        ("numbers", ["x"], "22P02"),
    ],
)
async def test_unfit_value_is_refused_with_its_column(
    values: SqliteStore, column: str, value: Any, sqlstate: str
) -> None:
    """As PostgreSQL refuses it, by insert, update and in a batch; the error names the column and not the value."""
    with pytest.raises(UnfitValueError) as caught:
        await values.insert(Insert("v", [{column: value}]))
    assert caught.value.sqlstate == sqlstate
    assert caught.value.table == "v"
    if value != "\ud800":
        assert caught.value.columns == (column,)
    assert repr(value) not in str(caught.value)
    with pytest.raises(UnfitValueError):
        await values.update(Update("v", {column: value}, every_row=True))
    with pytest.raises(UnfitValueError):
        await values.upsert(Upsert("v", [{"id": 1}, {"id": 2, column: value}], ("id",)))
    assert await values.select(Select("v")) == []


@pytest.mark.parametrize("value", [object(), math.nan, Decimal("1.5")])
async def test_value_that_json_cannot_say_is_an_invalid_value(values: SqliteStore, value: Any) -> None:
    """The same class as on the other stores."""
    with pytest.raises(InvalidValueError) as caught:
        await values.insert(Insert("v", [{"doc": {"a": value}}]))
    assert caught.value.field == "doc"


async def test_numeric_column_names_the_type_that_keeps_all_digits(values: SqliteStore) -> None:
    """A number that SQLite would round is refused with the way out."""
    with pytest.raises(UnfitValueError, match="decimal_text"):
        await values.insert(Insert("v", [{"plain": Decimal("0.1234567890123456789")}]))


@pytest.mark.parametrize(
    ("column", "stored", "sought"),
    [
        ("exact", "1.50", Decimal("1.5")),
        ("money", "1.50", Decimal("1.5")),
        ("price", "1.50", 1.5),
        ("doc", '{"b": 1, "a": [1.0]}', {"a": [1], "b": 1}),
        ("words", '["a", "b"]', ["a", "b"]),
        ("double", 0.1, 0.1),
        ("raw", b"\0", b"\0"),
        ("token", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"),
    ],
)
async def test_equal_is_by_value_not_by_spelling(values: SqliteStore, column: str, stored: Any, sought: Any) -> None:
    """Also what others wrote is found, by = and by in."""
    await values.run(lambda c: c.execute(f"insert into v ({column}) values (?)", (stored,)).close())
    assert len(await values.select(Select("v", col(column).eq(sought)))) == 1
    assert await values.select(Select("v", col(column).neq(sought))) == []
    listed = [sought] if not isinstance(sought, (dict, list)) else None
    if listed is not None:
        assert len(await values.select(Select("v", col(column).in_(listed)))) == 1


async def test_whole_numbers_compare_beyond_their_range(values: SqliteStore) -> None:
    """A filter may name any number; what no column can hold is simply larger or smaller."""
    await values.insert(Insert("v", [{"whole": 2**63 - 1}, {"whole": -(2**63)}]))
    assert len(await values.select(Select("v", col("whole").lt(2**70)))) == 2
    assert len(await values.select(Select("v", col("whole").gt(-(2**70))))) == 2
    assert await values.select(Select("v", col("whole").eq(2**63))) == []
    assert len(await values.select(Select("v", col("whole").gt(0.5)))) == 1
    with pytest.raises(UnfitValueError) as caught:
        await values.select(Select("v", col("whole").in_([2**63])))
    assert caught.value.sqlstate == "22003"


async def test_dates_compare_with_moments(values: SqliteStore) -> None:
    """A date is its midnight."""
    await values.insert(Insert("v", [{"day": date(2024, 1, 1)}, {"day": date(2024, 1, 2)}]))
    assert len(await values.select(Select("v", col("day").gt(datetime(2024, 1, 1, 12))))) == 1
    assert len(await values.select(Select("v", col("day").lte(datetime(2024, 1, 1, tzinfo=UTC))))) == 1


async def test_equal_decimals_meet_in_a_unique_key(memory: SqliteStore) -> None:
    """1.50 and 1.5 are one key, as on PostgreSQL."""
    await memory.run(lambda c: c.execute("create table k (amount decimal_text primary key, n int)").close())
    await memory.insert(Insert("k", [{"amount": Decimal("1.50"), "n": 1}]))
    written = await memory.upsert(Upsert("k", [{"amount": Decimal("1.5"), "n": 2}], ("amount",)))
    assert written.rows == [{"amount": Decimal("1.5"), "n": 2}]
    assert len(await memory.select(Select("k"))) == 1


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        ("whole", "many"),
        ("word", b"bytes"),
        ("flag", 2),
        ("flag", "true"),
        ("plain", "a lot"),
        ("double", "x"),
        ("token", "no uuid"),
        ("token", 5),
        ("raw", "text"),
        ("day", "2024-01-01 00:00:00"),
        ("day", 20240101),
        ("clock", "noon"),
        ("moment", 1700000000),
        ("moment", "2024-01-01 00:00:00+00:00"),
        ("instant", "soon"),
        ("text_doc", "{"),
        ("doc", b"{}"),
        ("words", '"a"'),
        ("words", "[1]"),
    ],
)
async def test_stored_value_of_another_type_is_named_not_guessed(values: SqliteStore, column: str, stored: Any) -> None:
    """SQLite keeps anything anywhere; reading says where it does not fit."""
    await values.run(lambda c: c.execute(f"insert into v ({column}) values (?)", (stored,)).close())
    with pytest.raises(UnfitValueError, match=f"v.{column}") as caught:
        await values.select(Select("v"))
    assert (caught.value.table, caught.value.columns) == ("v", (column,))


async def test_failed_read_does_not_hold_its_snapshot(store: SqliteStore) -> None:
    """As long as somebody keeps the error, the connection it came from still sees new rows."""
    await store.run(lambda connection: connection.executescript(TABLE).close())
    await store.run(lambda c: c.execute("insert into v (word, flag) values (x'00', 2), (x'ff', 2)").close())
    kept = []
    for column in ("word", "flag"):
        with pytest.raises(UnfitValueError) as caught:
            await store.select(Select("v", columns=(column,)))
        kept.append(caught)
    await store.insert(Insert("v", [{"word": "new"}]))
    assert len(await store.select(Select("v", columns=("id",)))) == 3
