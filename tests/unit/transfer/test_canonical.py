"""Canonical bytes: equal for what means the same, different for everything else."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalayer.query import JSON_NULL
from datalayer.transfer.canonical import encode

_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=None) | st.integers().map(Decimal)
_SCALARS = st.one_of(
    st.none(),
    st.just(JSON_NULL),
    st.booleans(),
    st.integers(),
    _DECIMALS,
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.uuids(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def _meaning(value: Any) -> Any:
    """Say what a value means in Python's own terms, by other means than the encoding does."""
    if isinstance(value, bool) or value is None or value is JSON_NULL:
        return ("constant", str(value))
    if isinstance(value, float) and math.isinf(value):
        return ("number", value > 0)
    if isinstance(value, int | Decimal | float):
        return ("number", Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    if isinstance(value, dt.datetime):
        return ("moment", value if value.tzinfo else value.replace(tzinfo=dt.UTC))
    if isinstance(value, list):
        return ("list", [_meaning(element) for element in value])
    if isinstance(value, dict):
        return ("object", {name: _meaning(member) for name, member in value.items()})
    return (type(value).__name__, value)


@given(_VALUES, _VALUES)
def test_encoding_is_equal_exactly_when_the_meaning_is(first: Any, second: Any) -> None:
    """Two values of any kinds have the same bytes if and only if they mean the same."""
    assert (encode(first) == encode(second)) == (_meaning(first) == _meaning(second))


@given(st.lists(_VALUES, max_size=4), st.lists(_VALUES, max_size=4))
def test_encodings_of_rows_do_not_run_into_each_other(first: list[Any], second: list[Any]) -> None:
    """Values put behind one another can be told apart from any other values put behind one another."""
    same = [_meaning(value) for value in first] == [_meaning(value) for value in second]
    assert (b"".join(map(encode, first)) == b"".join(map(encode, second))) == same


@given(st.integers())
def test_encoding_of_a_whole_number_does_not_depend_on_its_kind(number: int) -> None:
    """An integer, a numeric of any scale and, where it is exact, a float are one number."""
    encoded = encode(number)
    assert encode(Decimal(number)) == encoded
    assert encode(Decimal(f"{number}.000")) == encoded
    if abs(number) < 2**53:
        assert encode(float(number)) == encoded


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_encoding_of_a_float_is_that_of_the_number_it_prints_as(number: float) -> None:
    """A float equals the numeric that it was copied into."""
    assert encode(number) == encode(Decimal(repr(number)))


@given(st.text(), st.text())
def test_encoding_keeps_every_code_point(first: str, second: str) -> None:
    """Texts are equal only to themselves: no trimming, no folding, no normalisation."""
    assert (encode(first) == encode(second)) == (first == second)


@given(st.dictionaries(st.text(max_size=4), st.integers(), max_size=6), st.randoms())
def test_encoding_of_an_object_does_not_depend_on_the_order_of_its_members(
    members: dict[str, int], random: Any
) -> None:
    """A document is what it says, in whatever order its members are stored."""
    shuffled = list(members.items())
    random.shuffle(shuffled)
    assert encode(dict(shuffled)) == encode(members)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (None, ""),
        (None, JSON_NULL),
        (None, []),
        ("", b""),
        ([], {}),
        ([None], []),
        ([["a"], []], [["a", []]]),
        ("1", 1),
        (True, 1),
        ("\u00e9", "e\u0301"),
        ("a", "a "),
        (dt.date(2024, 1, 1), dt.datetime(2024, 1, 1)),
        (uuid.UUID(int=1), uuid.UUID(int=1).bytes),
    ],
)
def test_encoding_tells_lookalikes_apart(first: Any, second: Any) -> None:
    """What looks alike in a printout is still a difference."""
    assert encode(first) != encode(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Decimal("NaN"), float("nan")),
        (Decimal("-Infinity"), float("-inf")),
        (Decimal("-0.00"), 0),
        (-0.0, 0),
        (Decimal("1E+5"), 100_000),
        (
            dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=3))),
            dt.datetime(2024, 1, 1, 9),
        ),
    ],
)
def test_encoding_is_one_for_spellings_of_one_value(first: Any, second: Any) -> None:
    """The same number or moment has the same bytes however it is spelt."""
    assert encode(first) == encode(second)


def test_encode_refuses_what_no_store_answers_with() -> None:
    """A value of an unknown type is an error, not a guess."""
    with pytest.raises(TypeError, match="set has no canonical form"):
        encode({1})
