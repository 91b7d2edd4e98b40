"""Rows as lines of JSON: what comes back is what went in, or the line is refused."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.transfer.tables import column

from datalayer.query import JSON_NULL
from datalayer.stores.catalog import Column, Kind
from datalayer.transfer.canonical import encode
from datalayer.transfer.exports.encoding import LineError, row_decoder, row_encoder

_TEXT = st.text(st.characters(codec="utf-8"))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_DOCUMENTS = _JSON.map(lambda found: JSON_NULL if found is None else found)
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.SMALLINT: st.integers(-(2**15), 2**15 - 1),
    Kind.INTEGER: st.integers(-(2**31), 2**31 - 1),
    Kind.BIGINT: st.integers(-(2**63), 2**63 - 1),
    Kind.NUMERIC: st.decimals(allow_nan=True, allow_infinity=True).filter(lambda number: not number.is_snan()),
    Kind.REAL: st.floats(width=32),
    Kind.DOUBLE: st.floats(),
    Kind.TEXT: _TEXT,
    Kind.UUID: st.uuids(),
    Kind.DATE: st.dates(),
    Kind.TIME: st.times(),
    Kind.TIMESTAMP: st.datetimes(),
    Kind.TIMESTAMPTZ: st.datetimes(timezones=st.just(dt.UTC)),
    Kind.JSON: _DOCUMENTS,
    Kind.JSONB: _DOCUMENTS,
    Kind.BYTEA: st.binary(),
}


def _there_and_back(columns: list[Column], row: dict[str, Any]) -> dict[str, Any]:
    return row_decoder(columns)(row_encoder(columns)(row))


@settings(max_examples=40)
@given(st.data())
def test_every_value_of_every_kind_comes_back(data: st.DataObject) -> None:
    """A row of all kinds, alone and in arrays, NULLs among them, is the same after a round trip, types included."""
    columns = [column(kind.value, kind) for kind in Kind]
    columns += [column(f"{kind.value}s", kind, array=True) for kind in Kind if kind is not Kind.BYTEA]
    row: dict[str, Any] = {}
    for one in columns:
        values = st.none() | _VALUES[one.type.kind]
        row[one.name] = data.draw(st.none() | st.lists(values, max_size=3) if one.type.array else values)
    back = _there_and_back(columns, row)
    assert [type(back[name]) for name in row] == [type(value) for value in row.values()]
    assert encode(back) == encode(row)


def test_null_and_the_document_null_stay_apart() -> None:
    """SQL NULL is null, the JSON document null is [null]."""
    columns = [column("a", Kind.JSONB), column("b", Kind.JSONB)]
    line = row_encoder(columns)({"a": None, "b": JSON_NULL})
    assert line == b'{"a":null,"b":[null]}\n'
    back = row_decoder(columns)(line)
    assert back["a"] is None
    assert back["b"] is JSON_NULL


def test_numbers_keep_every_digit() -> None:
    """A numeric keeps its scale, a float its last bit, NaN and the infinities what they are."""
    columns = [column("n", Kind.NUMERIC), column("d", Kind.DOUBLE), column("i", Kind.DOUBLE)]
    back = _there_and_back(columns, {"n": Decimal("12.500"), "d": 0.1 + 0.2, "i": -math.inf})
    assert str(back["n"]) == "12.500"
    assert (back["d"], back["i"]) == (0.1 + 0.2, -math.inf)


def test_lines_are_plain_json_for_other_tools() -> None:
    """Each line is an object by column; text, dates and identifiers are readable."""
    columns = [column("id", Kind.UUID), column("name", Kind.TEXT), column("raw", Kind.BYTEA)]
    line = row_encoder(columns)({"id": uuid.UUID(int=7), "name": "Анна\n", "raw": b"\xff\xfe"})
    assert json.loads(line) == {"id": "00000000-0000-0000-0000-000000000007", "name": "Анна\n", "raw": "__4="}


@pytest.mark.parametrize(
    ("kind", "line", "told"),
    [
        (Kind.INTEGER, b'{"v": 1', "is not JSON"),
        (Kind.INTEGER, b"[1]", "is not an object"),
        (Kind.INTEGER, b'{"w": 1}', "is not an object of the table's columns"),
        (Kind.INTEGER, b'{"v": true}', "has no value of its type in v"),
        (Kind.INTEGER, b'{"v": 1.5}', "has no value of its type in v"),
        (Kind.BOOLEAN, b'{"v": 1}', "has no value of its type in v"),
        (Kind.NUMERIC, b'{"v": 1}', "has no value of its type in v"),
        (Kind.NUMERIC, b'{"v": "secret"}', "has no value of its type in v"),
        (Kind.DATE, b'{"v": "2024-02-30"}', "has no value of its type in v"),
        (Kind.JSONB, b'{"v": {}}', "has no value of its type in v"),
        (Kind.BYTEA, b'{"v": "secret!"}', "has no value of its type in v"),
    ],
)
def test_line_that_is_no_row_is_refused(kind: Kind, line: bytes, told: str) -> None:
    """The column is named and the value is not."""
    with pytest.raises(LineError, match=told) as caught:
        row_decoder([column("v", kind)])(line)
    assert "secret" not in str(caught.value)
