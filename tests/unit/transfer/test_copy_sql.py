"""Pages that SQLite spells for COPY by itself: what they say is what Python says of each stored value."""

from __future__ import annotations

import datetime as dt
import math
import re
import sqlite3
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.transfer.tables import column, table

from datalayer.stores.catalog import Column, Kind
from datalayer.stores.sqlite.codecs import make_codec
from datalayer.stores.sqlite.declared import read_declared
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.pairing import ColumnPair, TablePair
from datalayer.transfer.readers.copy_sql import PageSpeller, PageText
from datalayer.transfer.readers.copy_text import NULL, to_text
from datalayer.transfer.readers.exactly import reading
from datalayer.transfer.unreadable import UNREADABLE

_COLUMNS = {
    "text": (column("c", Kind.TEXT), column("c", Kind.TEXT)),
    "short text": (column("c", Kind.TEXT), column("c", Kind.TEXT, "varchar(5)")),
    "padded text": (column("c", Kind.TEXT), column("c", Kind.TEXT, "character(5)")),
    "required text": (column("c", Kind.TEXT), column("c", Kind.TEXT, nullable=False)),
    "integer": (column("c", Kind.BIGINT), column("c", Kind.INTEGER)),
    "bigint": (column("c", Kind.BIGINT), column("c", Kind.BIGINT)),
    "numeric": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(5,2)")),
    "numeric as text": (column("c", Kind.NUMERIC, "decimal_text"), column("c", Kind.NUMERIC, "numeric(5,2)")),
    "long numeric": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(20,10)")),
    "widest numeric": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(15,2)")),
    "whole numeric": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(3)")),
    "fraction": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(2,2)")),
    "small fraction": (column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(2,5)")),
    "double": (column("c", Kind.DOUBLE), column("c", Kind.DOUBLE)),
    "date": (column("c", Kind.DATE), column("c", Kind.DATE)),
    "timestamp": (column("c", Kind.TIMESTAMP), column("c", Kind.TIMESTAMP)),
    "timestamp of seconds": (column("c", Kind.TIMESTAMP), column("c", Kind.TIMESTAMP, "timestamp(0)")),
    "timestamptz": (column("c", Kind.TIMESTAMPTZ), column("c", Kind.TIMESTAMPTZ)),
    "boolean": (column("c", Kind.BOOLEAN), column("c", Kind.BOOLEAN)),
    "uuid": (column("c", Kind.UUID), column("c", Kind.UUID)),
    "bytea": (column("c", Kind.BYTEA, "blob"), column("c", Kind.BYTEA)),
    "integer array": (column("c", Kind.INTEGER, array=True), column("c", Kind.INTEGER, array=True)),
}
_LARGEST = (1 << 63) - 1
_TEXTS = st.text("ab\\\t\n\r\0é", max_size=6)
_NUMBERS = (
    st.integers(-9, 1100) | st.decimals(-999, 999, places=2).map(float) | st.sampled_from([1e-7, 0.125, 1e9, 0.1 + 0.2])
)
_MOMENTS = (
    st.datetimes().map(str)
    | st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond:06}+00:00")
    | st.dates().map(lambda day: f"{day}T01:02:03.123")
    | st.sampled_from(
        [
            "2026-02-30 10:00:00",
            "0000-01-01 10:00:00",
            "2026-01-01 24:00:00",
            "2026-01-01 10:00:00Z",
            "2026-01-01 10:00:00.12Z",
            "2026-01-01 23:59:59.999999",
            "2026-01-01 23:59:59.9999999",
            "2026-01-01 10:00:00\0Z",
            "2026-01-01 10:00:00.123456\0Z",
            "2026-01-01 10:00:00.123456+00:00\0Z",
            "now",
            2461000.5,
        ]
    )
)
_PLAIN = {
    "integer": st.integers(-9, 9) | st.sampled_from([2**31 - 1, -(2**31), 2**31, 2**63 - 1]),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "numeric": _NUMBERS,
    "numeric as text": _NUMBERS | st.sampled_from(["1.5", "12.3400000000000000001", "+1", "1e2"]),
    "long numeric": _NUMBERS,
    "widest numeric": st.decimals(-(10**13) + 1, 10**13 - 1, places=2).map(float)
    | st.decimals(-(10**13) + 1, 10**13 - 1, places=2).map(lambda number: math.nextafter(float(number), 0))
    | st.floats(-1e13, 1e13),
    "whole numeric": _NUMBERS,
    "fraction": st.sampled_from([0, 1, -1, 0.5, -0.25, 0.00099, 0.125, 0.995]),
    "small fraction": st.sampled_from([0, 1, -1, 0.5, -0.25, 0.00099, 0.125]),
    "double": st.floats(allow_nan=False),
    "date": st.dates().map(str)
    | st.sampled_from(["2026-02-30", "0000-01-01", "2026-01-01\0", "now", "2026-01-01 ", 2461000.5]),
    "timestamp": _MOMENTS,
    "timestamp of seconds": _MOMENTS,
    "timestamptz": _MOMENTS,
    "boolean": st.integers(0, 2),
    "uuid": st.uuids().map(str)
    | st.uuids().map(lambda value: f"{value}\0")
    | st.uuids().map(lambda value: str(value).upper())
    | st.uuids().map(lambda v: v.bytes),
    "bytea": st.binary(max_size=9),
    "integer array": st.lists(st.integers(0, 9), max_size=3).map(str),
}
_SIGNS = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
#: What PostgreSQL reads from COPY's text.
_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.TEXT: str,
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.NUMERIC: Decimal,
    Kind.DOUBLE: float,
    Kind.DATE: dt.date.fromisoformat,
    Kind.TIMESTAMP: dt.datetime.fromisoformat,
    Kind.TIMESTAMPTZ: dt.datetime.fromisoformat,
    Kind.BOOLEAN: {"True": True, "False": False, "1": True, "0": False}.__getitem__,
    Kind.UUID: UUID,
    Kind.BYTEA: lambda text: bytes.fromhex(text.removeprefix("\\x")),
}


@pytest.mark.parametrize("name", _COLUMNS)
@given(data=st.data())
def test_a_page_says_what_python_says_of_its_values(name: str, data: st.DataObject) -> None:
    """Also among NULLs, and with values that are none of the column's type."""
    source, target = _COLUMNS[name]
    plain = _PLAIN.get(name, _TEXTS)
    odd = plain | _TEXTS | st.integers(-3, 3) | st.binary(max_size=3)
    given_values = data.draw(st.lists(plain, min_size=1) | st.lists(plain | st.none(), min_size=1) | st.lists(odd))
    convert = _conversion(source, target)
    with _stored(source, given_values) as connection:
        page = _speller(source, target).page(connection, 1, _LARGEST, 100)
        stored = [value for (value,) in connection.execute("select c from t order by id")]
    try:
        expected = [convert(value) for value in stored]
    except MisfitError:
        assert page == 100
        return
    assert isinstance(page, PageText)
    assert (page.rows, page.last) == (len(stored), len(stored))
    assert [_value(line, target) for line in page.text.decode().splitlines()] == expected


def _value(line: str, target: Column) -> Any:
    text = re.sub(r"\\[\\tnr]", lambda sign: _SIGNS[sign[0]], line)
    if line == NULL:
        return None
    if target.type.array:
        return [int(number) for number in re.findall(r"\d+", text)]
    return _READ[target.type.kind](text)


def test_a_page_ends_where_it_is_told_to() -> None:
    """Its last row id, or its most rows."""
    source, target = _COLUMNS["text"]
    with _stored(source, ["a", "b", "c", "d"]) as connection:
        speller = _speller(source, target)
        assert speller.page(connection, 2, 3, 100) == PageText(b"b\nc\n", 2, 3)
        assert speller.page(connection, 2, _LARGEST, 1) == PageText(b"b\n", 1, 2)
        assert speller.page(connection, 5, _LARGEST, 100) == PageText(b"", 0, 0)


def test_a_page_of_long_rows_is_shorter_than_asked_for() -> None:
    """Its text is bounded; a row that is longer by itself goes the other way."""
    source, target = _COLUMNS["text"]
    with _stored(source, ["a" * (3 << 20)] * 8 + ["b" * (9 << 20)]) as connection:
        speller = _speller(source, target)
        tracemalloc.start()
        try:
            page = speller.page(connection, 1, _LARGEST, 100)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert isinstance(page, PageText)
        assert 1 <= page.rows < 8
        assert peak < 40 << 20
        assert speller.page(connection, 9, _LARGEST, 100) == 1
        assert connection.execute("select length(c) from t where id = 9").fetchone() == (9 << 20,), "the limit stayed"


def test_a_row_that_is_too_long_only_as_a_whole_goes_the_other_way() -> None:
    """Each of its texts is short enough; what joins them has no error for it."""
    texts = [column(name, Kind.TEXT) for name in ("a", "b")]
    speller = _speller_of([(each, each) for each in texts])
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (id integer primary key, a text, b text)")
        connection.execute("insert into t values (1, 'a', 'b'), (2, ?, ?), (3, 'c', 'd')", ("a" * (5 << 20),) * 2)
        assert speller.page(connection, 1, _LARGEST, 3) == PageText(b"a\tb\n", 1, 1)
        assert speller.page(connection, 2, _LARGEST, 3) == 1
        assert speller.page(connection, 3, _LARGEST, 3) == PageText(b"c\td\n", 1, 3)


@pytest.mark.parametrize(("name", "stored"), [("date", "2026-01-01 "), ("timestamp", "2026-01-01 10:00:00 ")])
def test_a_collation_makes_no_value_of_another(name: str, stored: str) -> None:
    """One that ignores spaces finds a text with some equal to what SQLite reads in it; PostgreSQL would read it."""
    source, target = _COLUMNS[name]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table t (id integer primary key, c date collate rtrim)")
        connection.execute("insert into t values (1, ?)", (stored,))
        assert _speller(source, target).page(connection, 1, _LARGEST, 100) == 100


@pytest.mark.parametrize("name", _COLUMNS)
def test_a_collation_of_the_program_that_made_the_file_is_not_needed(name: str) -> None:
    """Nobody else has it."""
    source, target = _COLUMNS[name]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.create_collation("own", lambda one, other: (one > other) - (one < other))
        connection.execute(f'create table t (id integer primary key, c "{source.type.declared}" collate own)')
        connection.execute("insert into t values (1, null)")
        connection.create_collation("own", None)
        assert isinstance(_speller(source, target).page(connection, 2, _LARGEST, 100), PageText)


def test_a_page_is_in_the_order_of_row_ids_whatever_columns_are_called() -> None:
    """Also where the only name of the row id is one that the query has for something else."""
    here = [column(name, Kind.TEXT) for name in ("rowid", "_rowid_", "oid")]
    for name in ("line", "place"):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.execute(f"create table t ({name} integer primary key, rowid text, _rowid_ text, oid text)")
            connection.execute("insert into t values (1, 'b', 'b', 'b'), (2, 'a', 'a', 'a')")
            page = _speller_of([(each, each) for each in here], f'"{name}"').page(connection, 1, _LARGEST, 1)
        assert page == PageText(b"b\tb\tb\n", 1, 1)


def test_text_that_is_not_utf8_stops_a_page() -> None:
    """What names the row reads it otherwise."""
    source, target = _COLUMNS["text"]
    with _stored(source, ["a"]) as connection:
        connection.execute("insert into t (c) values (cast(x'ff' as text))")
        assert _speller(source, target).page(connection, 1, _LARGEST, 100) == 100


def test_a_table_may_have_more_columns_than_a_function_takes() -> None:
    """And names that an expression has to quote; the order of columns is the pair's."""
    columns = [column(f'c {{{number}}} "%s"', Kind.TEXT) for number in range(250)]
    names = ", ".join(f"`{each.name}` text" for each in columns)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"create table t (id integer primary key, {names})")
        connection.execute(f"insert into t values (7, {', '.join('?' * 250)})", [str(n) for n in range(250)])
        page = _speller_of([(each, each) for each in columns]).page(connection, -5, _LARGEST, 100)
    assert page == PageText(("\t".join(map(str, range(250))) + "\n").encode(), 1, 7)


def test_another_error_is_no_reason_to_go_on() -> None:
    """Only a value is a reason to go the other way."""
    source, target = _COLUMNS["text"]
    with closing(sqlite3.connect(":memory:")) as connection, pytest.raises(sqlite3.OperationalError, match="no such"):
        _speller(source, target).page(connection, 1, _LARGEST, 100)


def _stored(source: Column, values: Sequence[Any]) -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"create table t (id integer primary key, c {source.type.declared})")
    connection.executemany("insert into t (c) values (?)", [(value,) for value in values])
    return closing(connection)


def _speller(source: Column, target: Column) -> PageSpeller:
    return _speller_of([(source, target)])


def _speller_of(columns: Sequence[tuple[Column, Column]], row_id: str = "id") -> PageSpeller:
    pairs = tuple(ColumnPair(source, target) for source, target in columns)
    here = table("t", *(pair.source for pair in pairs))
    ways = [to_text(pair.target, _conversion(pair.source, pair.target)) for pair in pairs]
    return PageSpeller(TablePair(here, here, pairs, ()), row_id, ways)


def _conversion(source: Column, target: Column) -> Callable[[Any], Any]:
    fitted = fit(source, target)
    read = reading(make_codec(source, read_declared(source.type.declared), keyed=False))

    def convert(stored: Any) -> Any:
        try:
            value = None if stored is None else read(stored)
        except UNREADABLE:
            raise MisfitError("unreadable") from None
        return fitted(value)

    return convert
