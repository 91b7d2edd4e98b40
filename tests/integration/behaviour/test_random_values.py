"""Any value of each kind comes back as it went in, and is found by itself."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.integration.behaviour.asking import exactly, read, round_trip

from datalayer.query import col
from datalayer.stores.contract import Store

#: Any character but NUL and halves of surrogate pairs.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ZONES = st.integers(min_value=-14 * 60, max_value=14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
JSON_NUMBERS = st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9).filter(lambda number: number != int(number))
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | JSON_NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "small": st.integers(-(2**15), 2**15 - 1),
    "whole": st.integers(-(2**31), 2**31 - 1),
    "big": st.integers(-(2**63), 2**63 - 1),
    "exact": st.decimals(allow_nan=False, allow_infinity=False, places=12) | st.decimals(-1000, 1000, places=2),
    "price": st.decimals(Decimal(-(10**9)), Decimal(10**9), places=2),
    "single": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
    "label": TEXT,
    "short": TEXT.map(lambda text: text[:20]),
    "flag": st.booleans(),
    "day": st.dates(),
    "clock": st.times(),
    "moment": st.datetimes(),
    "instant": st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES),
    "token": st.uuids(),
    "doc": JSON.filter(lambda document: document is not None),
    "raw": st.binary(max_size=50),
    "tags": st.lists(st.none() | TEXT, max_size=5),
    "numbers": st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=5),
}


@pytest.mark.parametrize("column", VALUES)
@settings(max_examples=15)
@given(data=st.data())
async def test_any_value_comes_back_and_is_found(store: Store, column: str, data: st.DataObject) -> None:
    """Written one or many at a time, each value is read back equal and of its type, and eq finds it."""
    values = data.draw(st.lists(VALUES[column], min_size=1, max_size=8))
    found = await round_trip(store, column, values)
    assert [type(value) for value in found] == [type(value) for value in values]
    for value, original in zip(found, values, strict=True):
        assert exactly(_comparable(column, value), _comparable(column, original))
    rows = await read(store, "things", col(column).eq(values[0]))
    assert any(exactly(_comparable(column, row[column]), _comparable(column, values[0])) for row in rows)
    assert all(row[column] is not None for row in rows)


def _comparable(column: str, value: Any) -> Any:
    """Take away what the kind does not keep: a zone's offset, the bits a real has no room for."""
    if column == "instant":
        return value.astimezone(UTC)
    return struct.pack("f", value + 0.0) if column == "single" else value
