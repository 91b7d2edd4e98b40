"""Numbers: Decimals to the last digit, integers to their ends, floats with NaN and infinities."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import Any

import pytest
from tests.integration.behaviour.asking import exactly, labels, put, round_trip

from datalayer.errors import InvalidValueError, UnfitValueError
from datalayer.query import Insert, Select, Update, Upsert, asc, col
from datalayer.stores.contract import Store

DECIMALS = [
    Decimal(text)
    for text in (
        "0",
        "0.00",
        "1.10",
        "-1.5",
        "0.1",
        "9007199254740993",
        "123456789012345678901234567890.123456789012345678901234567890",
        "0.00000000000000000000000000000000000001",
        "1" + "0" * 60,
        "-0.30",
    )
]


async def test_decimals_are_exact(store: Store) -> None:
    """A numeric comes back as the Decimal that went in, trailing zeros included; no float is on the way."""
    found = await round_trip(store, "exact", DECIMALS)
    assert exactly(found, DECIMALS)
    assert [format(value, "f") for value in found] == [format(value, "f") for value in DECIMALS]


async def test_decimal_written_with_an_exponent_keeps_its_value(store: Store) -> None:
    """1E+3 is a thousand."""
    found = await round_trip(store, "exact", [Decimal("1E+3"), Decimal("1.5E-7")])
    assert found == [Decimal(1000), Decimal("0.00000015")]


async def test_numeric_takes_int_and_float_as_they_print(store: Store) -> None:
    """A float given for a numeric is the decimal it prints as, not its binary expansion."""
    found = await round_trip(store, "exact", [7, 0.1])
    assert found == [Decimal(7), Decimal("0.1")]
    assert all(type(value) is Decimal for value in found)
    assert await store.select(Select("things", col("exact").eq(0.1), columns=("exact",))) == [{"exact": Decimal("0.1")}]


async def test_scaled_numeric_is_filled_to_its_scale(store: Store) -> None:
    """numeric(12,2) stores two digits after the point."""
    found = await round_trip(store, "price", [Decimal("1.5"), Decimal(3), Decimal("1234567890.12")])
    assert [str(value) for value in found] == ["1.50", "3.00", "1234567890.12"]


async def test_update_and_upsert_keep_decimals_exact(store: Store) -> None:
    """Every way to write a numeric is exact, one row or many."""
    value = Decimal("98765432109876543210.0123456789")
    await put(store, "things", {"id": 1}, {"id": 2})
    await store.update(Update("things", {"exact": value}, col("id").eq(1)))
    await store.upsert(Upsert("things", [{"id": 2, "exact": value}, {"id": 3, "exact": -value}], ("id",)))
    rows = await store.select(Select("things", order=(asc("id"),)))
    assert [row["exact"] for row in rows] == [value, value, -value]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("small", [-(2**15), -1, 0, 2**15 - 1]),
        ("whole", [-(2**31), -1, 0, 2**31 - 1]),
        ("big", [-(2**63), -1, 0, 2**53 + 1, 2**63 - 1]),
    ],
)
async def test_integers_reach_their_ends(store: Store, column: str, values: list[int]) -> None:
    """The smallest and the largest value of each integer type survive, also beyond 2**53."""
    assert exactly(await round_trip(store, column, values), values)


@pytest.mark.parametrize(("column", "value"), [("small", 2**15), ("whole", 2**31), ("big", 2**63), ("whole", 2**70)])
async def test_integer_out_of_range_is_refused(store: Store, column: str, value: int) -> None:
    """A number that does not fit its column is refused alike on every store."""
    with pytest.raises(UnfitValueError) as caught:
        await put(store, "things", {column: value})
    assert (caught.value.table, caught.value.sqlstate) == ("things", "22003")
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize("value", [1.5, Decimal("1.5"), math.nan, math.inf])
async def test_fraction_for_an_integer_column_is_refused(store: Store, value: Any) -> None:
    """Nothing is rounded on the way, alone or in a batch, in an insert or an update."""
    await put(store, "things", {"id": 1, "whole": 1})
    writes = [
        store.insert(Insert("things", [{"whole": value}])),
        store.insert(Insert("things", [{"whole": 1}, {"whole": value}])),
        store.insert(Insert("things", [{"numbers": [1, value]}])),
        store.insert(Insert("things", [{"numbers": []}, {"numbers": [value]}])),
        store.update(Update("things", {"whole": value}, col("id").eq(1))),
        store.upsert(Upsert("things", [{"id": 1, "big": value}], ("id",))),
    ]
    for write in writes:
        with pytest.raises((UnfitValueError, InvalidValueError)):
            await write
    assert [row["whole"] for row in await store.select(Select("things"))] == [1]


async def test_text_too_long_is_refused(store: Store) -> None:
    """varchar(20) holds 20 characters, not bytes; the 21st is an error, never cut off."""
    assert await round_trip(store, "short", ["я" * 20]) == ["я" * 20]
    with pytest.raises(UnfitValueError) as caught:
        await put(store, "things", {"short": "я" * 21})
    assert (caught.value.table, caught.value.sqlstate) == ("things", "22001")
    with pytest.raises(UnfitValueError):
        await put(store, "things", {"short": "fine"}, {"short": "y" * 21})


FLOATS = [0.0, -0.0, 0.1, 1 / 3, 1e300, 5e-324, 1.7976931348623157e308, -2.5, 1e22, 123456789.123456789]


async def test_double_floats_survive_to_the_last_bit(store: Store) -> None:
    """A double comes back with the same 64 bits' value; whole ones are floats still."""
    assert exactly(await round_trip(store, "double", FLOATS), FLOATS)


async def test_single_floats_survive_in_single_precision(store: Store) -> None:
    """A real comes back as the nearest 32-bit number."""
    values = [0.1, 1 / 3, -2.5, 3e38, 1e-40, 16_777_216.0]
    found = await round_trip(store, "single", values)
    assert [struct.pack("f", value) for value in found] == [struct.pack("f", value) for value in values]
    assert all(type(value) is float for value in found)


@pytest.mark.parametrize(("column", "kind"), [("single", float), ("double", float), ("exact", Decimal)])
async def test_nan_and_infinities_survive_and_sort_above_all_numbers(store: Store, column: str, kind: Any) -> None:
    """NaN equals itself and is greater than infinity, as in PostgreSQL."""
    values = [kind("nan"), kind("inf"), kind("1.5"), kind("-inf")]
    found = await round_trip(store, column, values)
    assert [type(value) for value in found] == [kind] * 4
    assert [math.isnan(value) for value in found] == [True, False, False, False]
    assert found[1:] == values[1:]
    rows = await store.select(Select("things", order=(asc(column),), columns=(column,)))
    assert [str(row[column]).lower()[:4] for row in rows] == [str(value).lower()[:4] for value in reversed(values)]


@pytest.mark.parametrize(("column", "kind"), [("single", float), ("double", float), ("exact", Decimal)])
async def test_nan_and_infinities_can_be_asked_for(store: Store, column: str, kind: Any) -> None:
    """They are values in filters and in-lists like others."""
    words = ("nan", "inf", "-inf", "1.5")
    await put(store, "things", *({"label": word, column: kind(word)} for word in words), {"label": "null"})
    asked = col(column)
    for word in words:
        assert await labels(store, asked.eq(kind(word))) == [word]
        assert await labels(store, asked.in_([kind(word), kind("77")])) == [word]
    assert await labels(store, asked.gt(kind("inf"))) == ["nan"]
    assert await labels(store, asked.lt(kind("nan"))) == ["inf", "-inf", "1.5"]
    assert await labels(store, asked.neq(kind("nan"))) == ["inf", "-inf", "1.5"]
