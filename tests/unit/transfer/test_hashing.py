"""Rows of two sides hash alike exactly when they mean the same, whatever kinds their columns have."""

from __future__ import annotations

import datetime as dt
from itertools import product
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.transfer.tables import column, table

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.transfer.conversions import comparable
from datalayer.transfer.fitting import fit
from datalayer.transfer.hashing import RowHasher
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.pairing import pair_for_verify

_SMALL = st.integers(min_value=-(2**15), max_value=2**15 - 1)
_SINGLE = st.floats(width=32, allow_nan=False)
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.SMALLINT: _SMALL,
    Kind.INTEGER: _SMALL | st.integers(min_value=-(2**31), max_value=2**31 - 1),
    Kind.BIGINT: _SMALL | st.integers(min_value=-(2**63), max_value=2**63 - 1),
    Kind.NUMERIC: st.decimals(allow_nan=False) | st.decimals(places=2, min_value=-9, max_value=9),
    Kind.REAL: _SINGLE | _SMALL.map(float),
    Kind.DOUBLE: st.floats(allow_nan=False) | _SINGLE | _SMALL.map(float),
    Kind.TEXT: st.uuids().map(str) | st.text(st.characters(exclude_characters="\x00"), max_size=4),
    Kind.UUID: st.uuids(),
    Kind.TIMESTAMP: st.datetimes(),
    Kind.TIMESTAMPTZ: st.datetimes(timezones=st.just(dt.UTC)),
    Kind.JSON: st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    Kind.JSONB: st.lists(st.none() | st.booleans(), max_size=3),
}
_PAIRS = [
    (mine, theirs)
    for mine, theirs in product(_VALUES, _VALUES)
    if comparable(ColumnType(mine, mine.value), ColumnType(theirs, theirs.value))
]


def _hash(source: Kind, target: Kind, side: Literal["source", "target"], value: Any) -> bytes:
    pair = pair_for_verify(table("t", column("v", source)), table("t", column("v", target)))
    hasher = RowHasher(pair, side)
    return hasher.digests(hasher.parts({"v": value}))[1]


def _convert(source: Kind, target: Kind, value: Any) -> Any:
    return fit(column("v", source), column("v", target))(value)


@pytest.mark.parametrize(("source", "target"), _PAIRS)
@settings(max_examples=25)
@given(data=st.data())
def test_a_value_and_its_copy_hash_alike(source: Kind, target: Kind, data: st.DataObject) -> None:
    """Whatever a copy takes from one kind into another, verify finds equal."""
    value = data.draw(_VALUES[source])
    try:
        copied = _convert(source, target, value)
    except MisfitError:
        return
    assert _hash(source, target, "source", value) == _hash(source, target, "target", copied)


@pytest.mark.parametrize(("source", "target"), [pair for pair in _PAIRS if Kind.REAL not in pair])
@settings(max_examples=25)
@given(data=st.data())
def test_a_value_and_the_copy_of_another_hash_differently(source: Kind, target: Kind, data: st.DataObject) -> None:
    """Two values that differ never look equal after one of them was copied."""
    first, second = data.draw(_VALUES[source]), data.draw(_VALUES[source])
    try:
        copied, other = _convert(source, target, first), _convert(source, target, second)
    except MisfitError:
        return
    alike = _hash(source, target, "source", first) == _hash(source, target, "target", other)
    assert alike == (copied == other)


def test_null_hashes_unlike_every_value() -> None:
    """NULL is neither the empty text nor zero."""
    assert _hash(Kind.TEXT, Kind.TEXT, "source", None) != _hash(Kind.TEXT, Kind.TEXT, "target", "")
    assert _hash(Kind.INTEGER, Kind.NUMERIC, "source", None) != _hash(Kind.INTEGER, Kind.NUMERIC, "target", 0)


def test_a_row_hashes_alike_however_its_columns_are_ordered() -> None:
    """The order of columns in a table's definition does not matter, their names do."""
    left, right = column("a", Kind.INTEGER), column("b", Kind.INTEGER)
    pairs = [pair_for_verify(table("t", *order), table("t", left, right)) for order in ((left, right), (right, left))]
    first, second = (RowHasher(pair, "source") for pair in pairs)
    assert first.parts({"a": 1, "b": 2}) == second.parts({"b": 2, "a": 1})
    assert first.parts({"a": 1, "b": 2}) != first.parts({"a": 2, "b": 1})
