"""Which kinds can mean the same, and how a value of one becomes the same value of the other.

    numbers      smallint, integer, bigint, numeric, real, double precision
    truth        boolean and the whole-number kinds, as 0 and 1
    moments      timestamp and timestamptz; one without a zone is taken as UTC
    documents    json and jsonb
    identifiers  uuid and text

Everything else is only comparable with its own kind.
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.transfer.limits import INTEGER_BITS, MisfitError
from datalayer.transfer.odd_moments import OddMoment

Conversion: TypeAlias = Callable[[Any], Any]

INTEGERS = frozenset(INTEGER_BITS)
_FLOATS = frozenset({Kind.REAL, Kind.DOUBLE})
_FAMILIES: tuple[frozenset[Kind], ...] = (
    INTEGERS | _FLOATS | {Kind.NUMERIC},
    INTEGERS | {Kind.BOOLEAN},
    frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
    frozenset({Kind.JSON, Kind.JSONB}),
    frozenset({Kind.TEXT, Kind.UUID}),
)


def comparable(source: ColumnType, target: ColumnType) -> bool:
    """Whether values of the two types can mean the same."""
    if source.array != target.array:
        return False
    return source.kind is target.kind or any({source.kind, target.kind} <= family for family in _FAMILIES)


def conversion(source: Kind, target: Kind) -> Conversion | None:
    """Return what turns a value into the same value of the target's kind; it raises MisfitError where there is none."""
    return _CONVERSIONS.get(target, {}).get(source)


def alignment(mine: ColumnType, other: ColumnType) -> Conversion | None:
    """Return what brings a value to the coarser common meaning of both sides' types; None where it has it already."""
    single = _element_alignment(mine.kind, other.kind)
    return single if single is None or not mine.array else each(single)


def each(element: Conversion) -> Conversion:
    """Apply a conversion to the elements of an array of any depth, leaving NULLs."""

    def applied(value: Any) -> Any:
        return [applied(e) if isinstance(e, list) else None if e is None else element(e) for e in value]

    return applied


def _element_alignment(mine: Kind, other: Kind) -> Conversion | None:
    if Kind.REAL in (mine, other) and mine not in INTEGERS:
        return _nearest_single
    if mine is Kind.TEXT and other is Kind.UUID:
        return _uuid_or_text
    if mine is Kind.BOOLEAN and other in INTEGERS:
        return int
    return None


def _whole(value: float | Decimal) -> int:
    exact = _as_printed(value) if isinstance(value, float) else value
    if not exact.is_finite() or exact != exact.to_integral_value():
        raise MisfitError("is not a whole number, and the target column holds only those")
    return int(exact)


def _truth(value: int) -> bool:
    if value not in (0, 1):
        raise MisfitError("is neither 0 nor 1, and the target column is boolean")
    return bool(value)


def _same_float(value: int | Decimal) -> float:
    """Convert where the float prints as the very same number."""
    converted = float(value)
    if converted == converted and Decimal(repr(converted)) != Decimal(value):
        raise MisfitError("has more digits than the target column's floating point keeps")
    return converted


def _same_single(value: float | Decimal) -> float:
    converted = value if isinstance(value, float) else _same_float(value)
    if converted == converted and _nearest_single(converted) != converted:
        raise MisfitError("has more digits than the target column's floating point keeps")
    return converted


def _nearest_single(value: float | Decimal) -> float:
    try:
        nearest: float = struct.unpack("f", struct.pack("f", float(value)))[0]
    except OverflowError:
        return float(value)
    return nearest


def _uuid(value: str) -> uuid.UUID:
    try:
        return uuid.UUID(value)
    except ValueError:
        raise MisfitError("is not a uuid, and the target column holds only those") from None


def _uuid_or_text(value: str) -> uuid.UUID | str:
    try:
        return uuid.UUID(value)
    except ValueError:
        return value


def _in_utc(value: dt.datetime | OddMoment) -> dt.datetime | OddMoment:
    return value.in_utc() if isinstance(value, OddMoment) else value.replace(tzinfo=dt.UTC)


def _without_zone(value: dt.datetime | OddMoment) -> dt.datetime | OddMoment:
    if isinstance(value, OddMoment):
        return value.without_zone()
    return value.astimezone(dt.UTC).replace(tzinfo=None)


def _as_printed(value: float) -> Decimal:
    return Decimal(repr(value))


_TO_INTEGER: Mapping[Kind, Conversion] = {
    Kind.BOOLEAN: int,
    **dict.fromkeys((Kind.NUMERIC, Kind.REAL, Kind.DOUBLE), _whole),
}
_CONVERSIONS: Mapping[Kind, Mapping[Kind, Conversion]] = {
    **dict.fromkeys(INTEGERS, _TO_INTEGER),
    Kind.BOOLEAN: dict.fromkeys(INTEGERS, _truth),
    Kind.NUMERIC: {**dict.fromkeys(INTEGERS, Decimal), **dict.fromkeys(_FLOATS, _as_printed)},
    Kind.DOUBLE: dict.fromkeys((*INTEGERS, Kind.NUMERIC), _same_float),
    Kind.REAL: dict.fromkeys((*INTEGERS, Kind.NUMERIC, Kind.DOUBLE), _same_single),
    Kind.TEXT: {Kind.UUID: str},
    Kind.UUID: {Kind.TEXT: _uuid},
    Kind.TIMESTAMPTZ: {Kind.TIMESTAMP: _in_utc},
    Kind.TIMESTAMP: {Kind.TIMESTAMPTZ: _without_zone},
}
