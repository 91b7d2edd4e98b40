"""The canonical text: PostgreSQL, SQLite and Python spell every value alike."""

from __future__ import annotations

import datetime as dt
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from itertools import product
from typing import Any, Final

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from tests.unit.transfer.tables import column, table

from datalayer.outbox.scripts import read_script
from datalayer.query import JSON_NULL
from datalayer.stores.catalog import ColumnType, Kind, Table
from datalayer.stores.sqlite.catalog import read_schema
from datalayer.testing.servers import FoundServer
from datalayer.transfer.conversions import comparable
from datalayer.transfer.ddl.types import sqlite_type
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError, modifiers
from datalayer.transfer.pairing import TablePair, pair_for_verify
from datalayer.transfer.verifying.texts import RowTexts
from datalayer.transfer.verifying.texts_postgres import postgres_columns, spelled_as
from datalayer.transfer.verifying.texts_sqlite import SqliteTexts

_TEXT: Final = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=6)
_SMALL: Final = st.integers(-(2**15), 2**15 - 1)
_NUMBERS: Final = st.sampled_from(
    [Decimal(text) for text in ("0", "-0.00", "100", "1.50", "0.05", "NaN", "1E+20", "-1.000", "1234567890.123456789")]
)
_SCALARS: Final = st.none() | st.booleans() | st.integers() | _TEXT | st.just("a null, of sorts")
_DOCUMENTS: Final = st.recursive(
    _SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=8,
)
_VALUES: Final[dict[Kind, st.SearchStrategy[Any]]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.SMALLINT: _SMALL,
    Kind.INTEGER: _SMALL | st.integers(-(2**31), 2**31 - 1),
    Kind.BIGINT: _SMALL | st.integers(-(2**63), 2**63 - 1),
    Kind.NUMERIC: _NUMBERS | st.decimals(allow_nan=False, min_value=-(10**12), max_value=10**12, places=3),
    Kind.REAL: st.floats(width=32) | _SMALL.map(float),
    Kind.DOUBLE: st.floats() | _SMALL.map(float),
    Kind.TEXT: _TEXT | st.sampled_from(["", "a; b", "3:abc", "\n", "%s", "d'or"]) | st.uuids().map(str),
    Kind.UUID: st.uuids(),
    Kind.DATE: st.dates(),
    Kind.TIME: st.times(),
    Kind.TIMESTAMP: st.datetimes(),
    Kind.TIMESTAMPTZ: st.datetimes(
        min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC)
    ),
    Kind.JSONB: _DOCUMENTS.map(lambda value: JSON_NULL if value is None else value),
    Kind.BYTEA: st.binary(max_size=6),
}
_ARRAYS: Final = (Kind.INTEGER, Kind.BIGINT, Kind.TEXT, Kind.UUID)
_BARE: Final = [ColumnType(kind, kind.value) for kind in _VALUES] + [
    ColumnType(kind, f"{kind.value}[]", array=True) for kind in _ARRAYS
]
_TYPES: Final = [*_BARE, ColumnType(Kind.NUMERIC, "numeric(30,3)"), ColumnType(Kind.NUMERIC, "numeric(9,0)")]
_PAIRS: Final = [(mine, other) for mine, other in product(_TYPES, _TYPES) if comparable(mine, other)]
_HEALTH: Final = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture(scope="module")
def server(datalayer_postgres: FoundServer) -> Iterator[psycopg.Connection]:
    """Lend a connection that prints values as a comparison's does."""
    with datalayer_postgres.fresh_database() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(read_script("supabase/functions.sql").encode())
        yield connection


def _values(column_type: ColumnType) -> st.SearchStrategy[list[Any]]:
    element = _VALUES[column_type.kind]
    value = st.lists(st.none() | element, max_size=4) if column_type.array else element
    return st.lists(st.none() | value, min_size=1, max_size=10)


def _pair(mine: ColumnType, other: ColumnType) -> TablePair:
    first, second = (table("t", column("v", each.kind, each.declared, array=each.array)) for each in (mine, other))
    return pair_for_verify(first, second)


def _texts(pair: TablePair, values: list[Any]) -> list[str]:
    texts = RowTexts(pair, "source")
    return [texts.text({"v": value}) for value in values]


@pytest.mark.parametrize(("mine", "other"), _PAIRS, ids=lambda each: each.declared)
@settings(max_examples=12, deadline=None, suppress_health_check=_HEALTH)
@given(data=st.data())
def test_postgres_spells_values_as_python_does(
    server: psycopg.Connection, mine: ColumnType, other: ColumnType, data: st.DataObject
) -> None:
    """Where a server spells a column, its text is Python's, whatever the column is compared with.

    Supabase's function has the same spellings by the same names.
    """
    pair = _pair(mine, other)
    columns, spelled = postgres_columns(pair, "source"), spelled_as(mine, other)
    if columns is None:
        pytest.skip("only Python spells this")
    ((by_function,),) = server.execute("select datalayer_spelled(%s)", [Jsonb([["v", spelled]])]).fetchall()
    values = [each if each is None else _rounded(mine, each) for each in data.draw(_values(mine))]
    query = f"select {columns.row_text}, {by_function} from (select %s::{mine.declared} as v) as row"
    is_json = mine.kind is Kind.JSONB
    sent = [_json(value) if is_json and value is not None else value for value in values]
    found = [server.execute(query.encode(), [value]).fetchall()[0] for value in sent]
    assert found == [(text, text) for text in _texts(pair, values)]


def _rounded(column_type: ColumnType, value: Any) -> Any:
    """Bring a number to the column's scale, and those that it cannot hold to zero."""
    given = modifiers(column_type.declared)
    if given is None or value.is_nan():
        return value
    fits = value.adjusted() < given[1] - given[2]
    return value.quantize(Decimal(1).scaleb(-given[2])) if fits else Decimal(0)


def _json(value: Any) -> Jsonb:
    return Jsonb(None if value is JSON_NULL else value)


def _stored(declared: str, stored: list[Any]) -> tuple[sqlite3.Connection, Table]:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"create table t (v {declared})")
    connection.executemany("insert into t values (?)", [(each,) for each in stored])
    return connection, read_schema(connection).facts["t"].table


def _spelled(connection: sqlite3.Connection, pair: TablePair) -> list[str]:
    texts = SqliteTexts(pair, "source", read_schema(connection).facts["t"].codecs)
    with texts.spelled(connection) as spelled:
        return [text for (text,) in connection.execute(f"select {spelled(None)} from t order by rowid")]


@pytest.mark.parametrize(("mine", "other"), _PAIRS, ids=lambda each: each.declared)
@settings(max_examples=12, deadline=None, suppress_health_check=_HEALTH)
@given(data=st.data())
def test_sqlite_spells_values_as_python_does(mine: ColumnType, other: ColumnType, data: st.DataObject) -> None:
    """SQLite's text of what a copy stores there is Python's text of the value."""
    values = data.draw(_values(mine))
    declared = sqlite_type(mine, "postgres")
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.execute(f"create table t (v {declared})")
        codec = read_schema(empty).facts["t"].codecs["v"]
    values = [each if each is None else _rounded(mine, each) for each in values]
    convert = fit(column("v", mine.kind, mine.declared, array=mine.array), codec.column)
    try:
        stored = [None if value is None else codec.write(convert(value)) for value in values]
    except MisfitError:
        return
    connection, stored_table = _stored(declared, stored)
    with closing(connection):
        pair = _pair(stored_table.by_name["v"].type, other)
        read = [None if each is None else codec.read(each) for each in stored]
        assert _spelled(connection, pair) == _texts(pair, read)


@pytest.mark.parametrize(
    ("declared", "stored", "value"),
    [
        ("datetime", "2024-01-01 10:00:00", dt.datetime(2024, 1, 1, 10)),
        ("datetime", "2024-01-01T10:00:00.5", dt.datetime(2024, 1, 1, 10, 0, 0, 500_000)),
        ("datetime", "2024-01-01T10:00:00.123456", dt.datetime(2024, 1, 1, 10, 0, 0, 123_456)),
        ("datetime", "2024-01-01 10:00:00.123456", dt.datetime(2024, 1, 1, 10, 0, 0, 123_456)),
        ("timestamptz", "2024-01-01T10:00:00.123456+00:00", dt.datetime(2024, 1, 1, 10, 0, 0, 123_456, dt.UTC)),
        ("timestamptz", "2024-01-01 10:00:00.123456+00:00", dt.datetime(2024, 1, 1, 10, 0, 0, 123_456, dt.UTC)),
        ("timestamptz", "2024-01-01T10:00:00+03:00", dt.datetime(2024, 1, 1, 7, tzinfo=dt.UTC)),
        ("timestamptz", "2024-01-01 10:00:00.120000+00:00", dt.datetime(2024, 1, 1, 10, 0, 0, 120_000, dt.UTC)),
        ("timestamptz", "2024-01-01", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
        ("decimal_text", "1e5", Decimal(100_000)),
        ("decimal_text", "-0.50", Decimal("-0.5")),
        ("decimal_text", "-0", Decimal(0)),
        ("decimal_text", "007", Decimal(7)),
        ("decimal_text", "0.00", Decimal(0)),
        ("decimal_text(5, 2)", "10", Decimal("10.00")),
        ("numeric(5, 2)", 1.25, Decimal("1.25")),
        ("numeric(5, 2)", 7, Decimal("7.00")),
        ("decimal_text(5, 2)", "1e1", Decimal("10.00")),
        ("numeric", 7, Decimal(7)),
        ("real", 1e22, 1e22),
        ("real", 3, 3.0),
        ("uuid", "12345678-1234-5678-1234-56781234ABCD", uuid.UUID("12345678-1234-5678-1234-56781234abcd")),
        ("uuid", "1234567812345678123456781234abcd", uuid.UUID("12345678-1234-5678-1234-56781234abcd")),
        ("json_text", '{"b":1, "a": [null]}', {"a": [None], "b": 1}),
        ("json_text", '{"bb":1,"a":2}', {"a": 2, "bb": 1}),
        ('"text[]"', '["a", "b\\u0041"]', ["a", "bA"]),
        ('"int[]"', "[ 1,2 ]", [1, 2]),
    ],
)
def test_sqlite_spells_what_others_stored_in_their_own_way(declared: str, stored: Any, value: Any) -> None:
    """Forms that are not ours are read and spelled by meaning."""
    connection, stored_table = _stored(declared, [stored])
    with closing(connection):
        pair = pair_for_verify(stored_table, stored_table)
        assert _spelled(connection, pair) == _texts(pair, [value])


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("text", "a\x00b"),
        ("text", "ä\x00b"),
        ("text", "\x00"),
        ("text", b"a"),
        ("text", b""),
        ("varchar(9)", b"\xff"),
        ("timestamp", "2024-01-01 10:00:00\x00x"),
        ("timestamp", b"2024-01-01 10:00:00.123456"),
        ("timestamptz", "2024-01-01 10:00:00.123456+00:00\x00x"),
        ("timestamptz", b"2024-01-01 10:00:00.123456+00:00"),
        ("date", "2024-01-01\x00"),
        ("uuid", "12345678-1234-5678-1234-56781234abcd\x00"),
        ("uuid", b"12345678-1234-5678-1234-56781234abcd"),
        ("", 7),
        ("decimal_text", b"1.50"),
        ("decimal_text", "1.50\x00"),
        ("decimal_text(5, 2)", "1.50\x00"),
        ("json_text", b"{}"),
        ("json_text", "{}\x00"),
        ('"text[]"', '["a"]\x00'),
    ],
)
def test_sqlite_does_not_spell_what_it_would_spell_wrongly(declared: str, stored: Any) -> None:
    """A NUL ends a text for SQLite's functions, and a blob prints as the text it is not: such a table is read."""
    connection, stored_table = _stored(declared, [stored])
    with closing(connection), pytest.raises(sqlite3.OperationalError, match="user-defined function"):
        _spelled(connection, pair_for_verify(stored_table, stored_table))


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("decimal_text", "10..0"),
        ("decimal_text", "10.5.0"),
        ("timestamp", "2024-01-01 10:00:11......."),
        ("timestamptz", "2024-01-01 10:00:11.......+00:00"),
        ("time", "10:00:11......."),
        ("json_text", ""),
    ],
)
def test_sqlite_spells_no_value_that_nobody_can_read(declared: str, stored: str) -> None:
    """What is no value of its column does not end up as the text of one."""
    connection, stored_table = _stored(declared, [stored])
    with closing(connection), pytest.raises(sqlite3.OperationalError, match="user-defined function"):
        _spelled(connection, pair_for_verify(stored_table, stored_table))
