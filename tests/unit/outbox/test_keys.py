"""Keys survive the way to text and back, and equal keys are one text."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datalayer.errors import InvalidValueError
from datalayer.outbox.keys import KEY_KINDS, decode_key, encode_key, key_of, key_payload, keys_filter
from datalayer.query import where_equal
from datalayer.stores.catalog import Column, ColumnType, Kind, Table

_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31))
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.SMALLINT: st.integers(-(2**15), 2**15 - 1),
    Kind.INTEGER: st.integers(-(2**31), 2**31 - 1),
    Kind.BIGINT: st.integers(-(2**63), 2**63 - 1),
    Kind.NUMERIC: st.decimals(allow_infinity=False, allow_nan=False),
    Kind.TEXT: _TEXT,
    Kind.UUID: st.uuids(),
    Kind.DATE: st.dates(),
    Kind.TIME: st.times(),
    Kind.TIMESTAMP: st.datetimes(),
    Kind.TIMESTAMPTZ: st.builds(lambda moment, zone: moment.replace(tzinfo=zone), _MOMENTS, _ZONES),
    Kind.BYTEA: st.binary(),
}


def table_of(*kinds: Kind) -> Table:
    """Make a table whose key has columns of these kinds."""
    columns = tuple(Column(f"k{place}", ColumnType(kind, str(kind))) for place, kind in enumerate(kinds))
    return Table("things", columns, tuple(column.name for column in columns))


@st.composite
def keys(draw: st.DrawFn) -> tuple[Table, tuple[Any, ...]]:
    """Draw a table and one of its keys."""
    kinds = draw(st.lists(st.sampled_from(sorted(KEY_KINDS)), min_size=1, max_size=4))
    return table_of(*kinds), tuple(draw(VALUES[kind]) for kind in kinds)


@given(keys())
def test_key_comes_back_equal_and_of_the_same_types(drawn: tuple[Table, tuple[Any, ...]]) -> None:
    """What was encoded decodes to the same values, whatever the kinds."""
    table, key = drawn
    found = decode_key(table, encode_key(table, key))
    assert found == key
    assert [type(value) for value in found] == [type(value) for value in key]


@given(keys())
def test_text_of_a_key_does_not_change_when_it_is_decoded_and_encoded_again(
    drawn: tuple[Table, tuple[Any, ...]],
) -> None:
    """Equal keys have equal texts: the ledger is asked by text."""
    table, key = drawn
    text = encode_key(table, key)
    assert encode_key(table, decode_key(table, text)) == text
    assert list(key_payload(table, key).values()) == json.loads(text)


def test_equal_numbers_and_moments_have_one_text() -> None:
    """Scale and zone are spelling, not value."""
    numbers, moments = table_of(Kind.NUMERIC), table_of(Kind.TIMESTAMPTZ)
    assert {encode_key(numbers, (Decimal(n),)) for n in ("1.5", "1.50", "15E-1")} == {'["1.5"]'}
    assert {encode_key(numbers, (Decimal(n),)) for n in ("0", "-0", "0.00", "0E5")} == {'["0"]'}
    noon = datetime(2025, 1, 31, 12, 0, tzinfo=UTC)
    assert {encode_key(moments, (noon.astimezone(timezone(timedelta(hours=h))),)) for h in (0, 3, -8)} == {
        '["2025-01-31T12:00:00"]'
    }


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Kind.BOOLEAN, "[1]", True),
        (Kind.BYTEA, '["00FF"]', b"\x00\xff"),
        (Kind.TIMESTAMPTZ, '["2025-01-31T15:00:00.5+03:00"]', datetime(2025, 1, 31, 12, 0, 0, 500000, tzinfo=UTC)),
        (Kind.TIMESTAMP, '["2025-01-31 15:00:00.500000"]', datetime(2025, 1, 31, 15, 0, 0, 500000)),
        (Kind.NUMERIC, "[1.50]", Decimal("1.50")),
        (
            Kind.NUMERIC,
            "[12345678901234567890.12345678901234567890]",
            Decimal("12345678901234567890.12345678901234567890"),
        ),
        (Kind.TIME, '["10:00:00.25"]', time(10, 0, 0, 250000)),
        (Kind.UUID, '["AB9C1D86-4E0F-4F79-9DCC-9B4F0E2B7C11"]', UUID("ab9c1d86-4e0f-4f79-9dcc-9b4f0e2b7c11")),
        (Kind.DATE, '["2025-01-31"]', date(2025, 1, 31)),
    ],
)
def test_other_spellings_are_read(kind: Kind, text: str, value: object) -> None:
    """What a trigger of another database writes decodes to the same value."""
    assert decode_key(table_of(kind), text) == (value,)


@pytest.mark.parametrize("text", ["", "7", "[]", "[1,2]", '{"k0":1}', "[1.5]", '["7"]', "[true]", "[null]", "*"])
def test_text_that_is_no_key_is_refused_without_its_value(text: str) -> None:
    """A changed primary key is an error that names the table, not a wrong row."""
    with pytest.raises(InvalidValueError, match="things") as caught:
        decode_key(table_of(Kind.INTEGER), text)
    assert text == "" or text not in str(caught.value)


@pytest.mark.parametrize("key", [(), (1, 2), ("1",), (True,), (None,), (Decimal(1),)])
def test_key_of_other_types_is_refused(key: tuple[Any, ...]) -> None:
    """A key that is not the table's never gets a text."""
    with pytest.raises(InvalidValueError):
        encode_key(table_of(Kind.INTEGER), key)


def test_key_of_takes_columns_in_the_order_of_the_primary_key() -> None:
    """Rows give their key whatever the order of their columns."""
    table = table_of(Kind.INTEGER, Kind.TEXT)
    assert key_of(table, {"k1": "a", "other": None, "k0": 7}) == (7, "a")


def test_filter_of_keys_has_one_list_per_common_beginning() -> None:
    """Hundreds of keys stay one short question."""
    single, double = table_of(Kind.INTEGER), table_of(Kind.INTEGER, Kind.TEXT)
    assert list(keys_filter(single, [(1,), (2,)]).values()) == [(1, 2)]
    assert list(keys_filter(double, [(1, "a"), (2, "c"), (1, "b")]).values()) == [1, ("a", "b"), 2, ("c",)]
    assert keys_filter(single, []).shape == keys_filter(single, [(1,)]).shape
    assert where_equal(k0=1).shape != keys_filter(double, [(1, "a")]).shape
