"""Values that fit their target exactly, and the ones that are refused."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from tests.unit.transfer.tables import column

from datalayer.stores.catalog import Kind
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError

_UTC = dt.UTC
_ID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("source", "target", "value", "expected"),
    [
        (Kind.BIGINT, Kind.INTEGER, 2**31 - 1, 2**31 - 1),
        (Kind.INTEGER, Kind.NUMERIC, 5, Decimal(5)),
        (Kind.NUMERIC, Kind.BIGINT, Decimal("5.00"), 5),
        (Kind.DOUBLE, Kind.NUMERIC, 0.1, Decimal("0.1")),
        (Kind.NUMERIC, Kind.DOUBLE, Decimal("0.1"), 0.1),
        (Kind.DOUBLE, Kind.REAL, 0.5, 0.5),
        (Kind.BOOLEAN, Kind.INTEGER, True, 1),
        (Kind.INTEGER, Kind.BOOLEAN, 0, False),
        (Kind.TEXT, Kind.UUID, str(_ID).upper(), _ID),
        (Kind.UUID, Kind.TEXT, _ID, str(_ID)),
        (Kind.TIMESTAMP, Kind.TIMESTAMPTZ, dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=_UTC)),
        (Kind.TIMESTAMPTZ, Kind.TIMESTAMP, dt.datetime(2024, 1, 1, tzinfo=_UTC), dt.datetime(2024, 1, 1)),
        (Kind.JSON, Kind.JSONB, {"a": [1]}, {"a": [1]}),
    ],
)
def test_fit_turns_a_value_into_the_target_kind(source: Kind, target: Kind, value: Any, expected: Any) -> None:
    """A value that the target can keep exactly arrives as the target's Python type."""
    fitted = fit(column("c", source), column("c", target))(value)
    assert fitted == expected
    assert type(fitted) is type(expected)


@pytest.mark.parametrize(
    ("source", "target", "declared", "value", "rule"),
    [
        (Kind.BIGINT, Kind.INTEGER, None, 2**31, "out of the target column's range"),
        (Kind.NUMERIC, Kind.INTEGER, None, Decimal("1.5"), "not a whole number"),
        (Kind.DOUBLE, Kind.BIGINT, None, float("nan"), "not a whole number"),
        (Kind.NUMERIC, Kind.DOUBLE, None, Decimal("0.12345678901234567890"), "more digits"),
        (Kind.DOUBLE, Kind.REAL, None, 0.1, "more digits"),
        (Kind.INTEGER, Kind.BOOLEAN, None, 2, "neither 0 nor 1"),
        (Kind.TEXT, Kind.UUID, None, "nobody", "not a uuid"),
        (Kind.TEXT, Kind.TEXT, "character varying(2)", "abc", "longer than the 2"),
        (Kind.TEXT, Kind.TEXT, "NVARCHAR(2)", "abc", "longer than the 2"),
        (Kind.TEXT, Kind.TEXT, "character(3)", "ab", "padded"),
        (Kind.TEXT, Kind.TEXT, None, "a\x00b", "NUL"),
        (Kind.NUMERIC, Kind.NUMERIC, "numeric(4,2)", Decimal("1.005"), "2 decimal places"),
        (Kind.NUMERIC, Kind.NUMERIC, "numeric(4,2)", Decimal(100), "out of the target column's range"),
        (Kind.NUMERIC, Kind.NUMERIC, "numeric(4,2)", Decimal("Infinity"), "infinite"),
        (
            Kind.TIMESTAMP,
            Kind.TIMESTAMP,
            "timestamp(3) without time zone",
            dt.datetime(2024, 1, 1, 0, 0, 0, 1),
            "3 fractional",
        ),
        (Kind.INTEGER, Kind.TEXT, None, "twelve", "not of the type integer"),
        (Kind.INTEGER, Kind.INTEGER, None, True, "not of the type integer"),
    ],
)
def test_fit_refuses_what_would_be_changed(
    source: Kind, target: Kind, declared: str | None, value: Any, rule: str
) -> None:
    """A value that the target would round, cut, pad or reinterpret is refused, and the message does not have it."""
    with pytest.raises(MisfitError, match=rule) as caught:
        fit(column("c", source), column("c", target, declared))(value)
    assert repr(value) not in str(caught.value)


@pytest.mark.parametrize("value", [Decimal("99.99"), Decimal("-0.10"), Decimal("1E+1"), Decimal(0), Decimal("NaN")])
def test_fit_takes_what_a_numeric_of_fixed_scale_keeps(value: Decimal) -> None:
    """Trailing zeros and exponents are spellings, not digits."""
    assert fit(column("c", Kind.NUMERIC), column("c", Kind.NUMERIC, "numeric(4,2)"))(value) is value


def test_fit_refuses_null_only_where_the_target_is_not_null() -> None:
    """NULL is a value like any other, unless the target's column is NOT NULL."""
    source = column("c", Kind.TEXT)
    assert fit(source, column("c", Kind.TEXT))(None) is None
    with pytest.raises(MisfitError, match="NOT NULL"):
        fit(source, column("c", Kind.TEXT, nullable=False))(None)


def test_fit_looks_into_arrays() -> None:
    """Elements at any depth are held to the element type; NULLs among them stay."""
    fitted = fit(column("c", Kind.INTEGER, array=True), column("c", Kind.NUMERIC, array=True))
    assert fitted([[1, None], [2, 3]]) == [[Decimal(1), None], [Decimal(2), Decimal(3)]]
    with pytest.raises(MisfitError, match="not an array"):
        fitted(1)
    with pytest.raises(MisfitError, match="not of the type"):
        fitted(["one"])
