"""What a column's declaration limits: length, precision, range. A value beyond it is refused, never cut or rounded."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from datalayer.stores.catalog import JSON_KINDS, ColumnType, Kind
from datalayer.transfer.exact_documents import unkept

Check: TypeAlias = Callable[[Any], None]

INTEGER_BITS: Mapping[Kind, int] = {Kind.SMALLINT: 15, Kind.INTEGER: 31, Kind.BIGINT: 63}
_SIZED_TEXT = frozenset({"character", "bpchar", "varying", "varchar", "nvarchar", "char", "nchar"})
_MODIFIERS = re.compile(r"^[^(]*?(\w+)\s*\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)")
_MICROSECOND_PLACES = 6


class MisfitError(ValueError):
    """A value that its target column cannot keep as it is; the message is the rule, never the value."""


def modifiers(declared: str) -> tuple[str, int, int] | None:
    """Return the word before the parenthesis and the numbers in it, for example ("numeric", 12, 2); None without."""
    found = _MODIFIERS.match(declared)
    return (found[1].lower(), int(found[2]), int(found[3] or 0)) if found else None


def length_limit(column_type: ColumnType) -> int | None:
    """Return how long a text may be: None for any length, 0 where texts are padded to one length."""
    given = modifiers(column_type.declared)
    if given is None or given[0] not in _SIZED_TEXT:
        return None
    return 0 if column_type.padded else given[1]


def limit(column_type: ColumnType) -> Check | None:
    """Return the check of a value, or of an array's element, for a target column; it raises MisfitError."""
    if column_type.kind in INTEGER_BITS:
        return _range_limit(INTEGER_BITS[column_type.kind])
    if column_type.kind in JSON_KINDS:
        return refuse_unkept
    given = modifiers(column_type.declared)
    if column_type.kind is Kind.TEXT:
        if given is None or given[0] not in _SIZED_TEXT:
            return _refuse_nul
        return _length_limit(given[1], padded=column_type.padded)
    if given is None:
        return None
    if column_type.kind is Kind.NUMERIC:
        return _numeric_limit(given[1], given[2])
    if column_type.kind in {Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.TIME} and given[1] < _MICROSECOND_PLACES:
        return _fraction_limit(given[1])
    return None


def refuse_unkept(document: Any) -> None:
    """Raise MisfitError for a document that no store keeps as it is."""
    reason = unkept(document)
    if reason is not None:
        raise MisfitError(f"has {reason}")


def _refuse_nul(value: str) -> None:
    if "\x00" in value:
        raise MisfitError("has a NUL character, which text must not have")


def _length_limit(longest: int, *, padded: bool) -> Check:
    def check(value: str) -> None:
        _refuse_nul(value)
        if len(value) > longest:
            raise MisfitError(f"is longer than the {longest} characters of the target column")
        if padded and len(value) < longest:
            raise MisfitError(f"would be padded with spaces to the {longest} characters of the target column")

    return check


def _range_limit(bits: int) -> Check:
    smallest, largest = -(1 << bits), (1 << bits) - 1

    def check(value: int) -> None:
        if not smallest <= value <= largest:
            raise MisfitError("is out of the target column's range")

    return check


def _numeric_limit(precision: int, scale: int) -> Check:
    def check(value: Decimal) -> None:
        if value.is_nan() or not value:
            return
        if value.is_infinite():
            raise MisfitError("is infinite, and the target column has a fixed precision")
        _, digits, exponent = value.as_tuple()
        text = "".join(map(str, digits))
        places = -int(exponent) - (len(text) - len(text.rstrip("0")))
        if places > scale:
            raise MisfitError(f"has more than the {scale} decimal places of the target column")
        if value.adjusted() >= precision - scale:
            raise MisfitError("is out of the target column's range")

    return check


def _fraction_limit(places: int) -> Check:
    step = int(10 ** (_MICROSECOND_PLACES - places))

    def check(value: Any) -> None:
        if value.microsecond % step:
            raise MisfitError(f"has more than the {places} fractional digits of the target column")

    return check
