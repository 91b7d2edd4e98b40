"""Stored values back to Python, by kind. None for a decoder: the value is what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import Any, TypeAlias
from uuid import UUID

from pydantic_core import from_json

from datalayer.query import JSON_NULL
from datalayer.stores.catalog import Kind

#: Raises TypeError or ValueError for what it cannot read; never guesses.
Decoder: TypeAlias = Callable[[Any], Any]

_DAY_LENGTH = len("2025-12-31")
#: PostgreSQL's numerics have at most 131,072 digits before and 16,383 after the point.
_ALL_DIGITS = Context(prec=150_000)


def _exactly(kind: type) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return decode


def _boolean(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _uuid(value: Any) -> UUID:
    if type(value) is not str:
        raise TypeError
    return UUID(value)


def _day(value: Any) -> date:
    if type(value) is not str or len(value) != _DAY_LENGTH:
        raise ValueError
    return date.fromisoformat(value)


def _floating(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int or value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise TypeError


def _decimal(value: Any) -> Decimal:
    if type(value) is float:
        return Decimal(repr(value))
    if type(value) not in (int, str):
        raise TypeError
    try:
        return Decimal(value)
    except InvalidOperation:
        raise ValueError from None


def decimal_of_scale(scale: int) -> Decoder:
    """Numbers with at least so many digits after the point, as PostgreSQL shows them."""
    unit = Decimal(1).scaleb(-scale)

    def decode(value: Any) -> Decimal:
        number = _decimal(value)
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent > -scale:
            return number.quantize(unit, context=_ALL_DIGITS)
        return number

    return decode


def _timestamp(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        raise ValueError
    return moment


def _timestamptz(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _clock(value: Any) -> time:
    clock = time.fromisoformat(value)
    if clock.tzinfo is not None:
        raise ValueError
    return clock


def _document(value: Any) -> Any:
    """Numbers come as numbers from columns that SQLite gives numeric affinity."""
    parsed = from_json(value, allow_inf_nan=False) if type(value) is str else _exactly_number(value)
    return JSON_NULL if parsed is None else parsed


def _exactly_number(value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    raise TypeError


DECODERS: Mapping[Kind, Decoder] = {
    Kind.BOOLEAN: _boolean,
    Kind.SMALLINT: _exactly(int),
    Kind.INTEGER: _exactly(int),
    Kind.BIGINT: _exactly(int),
    Kind.NUMERIC: _decimal,
    Kind.REAL: _floating,
    Kind.DOUBLE: _floating,
    Kind.TEXT: _exactly(str),
    Kind.UUID: _uuid,
    Kind.DATE: _day,
    Kind.TIME: _clock,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    Kind.JSON: _document,
    Kind.JSONB: _document,
    Kind.BYTEA: _exactly(bytes),
}


def array(kind: Kind, element: Decoder | None = None) -> Decoder:
    """Lists of any depth out of JSON text; ``element`` reads what is in them otherwise than usual."""
    element = element or (bytes.fromhex if kind is Kind.BYTEA else DECODERS[kind])

    def decode_list(values: Any) -> list[Any]:
        return [
            None if value is None else decode_list(value) if type(value) is list else element(value) for value in values
        ]

    def decode(value: Any) -> list[Any]:
        parsed = from_json(value)
        if type(parsed) is not list:
            raise TypeError
        return decode_list(parsed)

    return decode
