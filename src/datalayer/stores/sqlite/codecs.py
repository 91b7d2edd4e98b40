"""One codec per column: how its values are written, sought, listed, compared and read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from datalayer.stores.catalog import Column, Kind
from datalayer.stores.sqlite import decode, encode, functions, unfit
from datalayer.stores.sqlite.declared import Declared
from datalayer.stores.sqlite.decode import Decoder
from datalayer.stores.sqlite.encode import Encoder
from datalayer.stores.sqlite.unfit import Unfit

_INTEGERS = frozenset({Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT})
_FLOATS = frozenset({Kind.REAL, Kind.DOUBLE})
#: PostgreSQL's numerics have at most 131,072 digits before and 16,383 after the point.
_ALL_DIGITS = Context(prec=150_000)
_MOST_INTEGER_DIGITS = 19
_INT8 = range(-(1 << 63), 1 << 63)


@dataclass(frozen=True, slots=True)
class Codec:
    """How one column's values travel.

    Args:
        write: to the stored form, within the column's limits.
        seek: to what a filter compares with; values beyond the column's range are fine.
        spell: what one member of an in-list becomes inside its JSON parameter.
        compared: SQL of the column where it is compared or ordered.
        listed: SQL of the column where it is looked up in an in-list.
        read: from the stored form; not called for values that are ``plain`` already.
        ordered: whether < and > have a meaning here.
    """

    column: Column
    write: Encoder
    seek: Encoder
    spell: Callable[[Any], str | int]
    compared: str
    listed: str
    read: Decoder
    plain: type | None
    ordered: bool = True


def quote(name: str) -> str:
    """Quote an identifier with backticks: SQLite reads an unknown name in double quotes as text."""
    return "`" + name.replace("`", "``") + "`"


def make_codec(column: Column, declared: Declared, *, keyed: bool) -> Codec:
    """Make a column's codec.

    Args:
        keyed: the column is part of a unique key: equal exact numbers must be equal texts there.
    """
    kind, name = column.type.kind, quote(column.name)
    if column.type.array or column.type.is_json:
        return _document_codec(column)
    write, seek = _writer(declared, keyed=keyed), _seeker(declared)
    compared = listed = name
    spell: Callable[[Any], Any] = seek
    if declared.decimal_text:
        compared = listed = f"{name} collate datalayer_decimal"
    elif declared.loose:
        compared = listed = f"{name} collate datalayer_timestamp"
    elif kind in _FLOATS or kind in (Kind.NUMERIC, Kind.BYTEA):
        listed = f"datalayer_spelled({name})"
        spell = lambda value: functions.spelled(seek(value))  # noqa: E731
    elif kind in _INTEGERS:
        spell = encode.ENCODERS[Kind.BIGINT]
    read = decode.DECODERS[kind]
    if kind is Kind.NUMERIC and len(declared.limits) == 2:
        read = decode.decimal_of_scale(declared.limits[1])
    return Codec(column, write, seek, spell, compared, listed, read, _PLAIN.get(kind))


_PLAIN: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.SMALLINT: int,
    Kind.INTEGER: int,
    Kind.BIGINT: int,
    Kind.REAL: float,
    Kind.DOUBLE: float,
    Kind.BYTEA: bytes,
}


def _document_codec(column: Column) -> Codec:
    kind = column.type.kind
    write = encode.array(kind) if column.type.array else encode.document

    def seek(value: Any) -> str:
        return str(functions.document(str(write(value))))

    expression = f"datalayer_document({quote(column.name)})"
    read = decode.array(kind) if column.type.array else decode.DECODERS[kind]
    return Codec(column, write, seek, seek, expression, expression, read, None, ordered=False)


def _writer(declared: Declared, *, keyed: bool) -> Encoder:
    kind, limits = declared.type.kind, declared.limits
    if kind is Kind.NUMERIC:
        return _number_writer(declared, keyed=keyed)
    if kind is Kind.TEXT and limits and "char" in declared.type.declared.lower():
        return _text_writer(limits[0])
    return encode.ENCODERS[kind]


def _seeker(declared: Declared) -> Encoder:
    kind = declared.type.kind
    if kind in _INTEGERS:
        return _seek_integer
    if kind is Kind.DATE:
        return _seek_day
    if kind is Kind.NUMERIC:
        spell = encode.decimal_digits if declared.decimal_text else _as_number
        return lambda value: spell(encode.decimal(value))
    return encode.ENCODERS[kind]


def _text_writer(length: int) -> Encoder:
    """Texts up to a length; only spaces may stand beyond it, and are cut as PostgreSQL cuts them."""

    def write(value: Any) -> str:
        text = encode.text(value)
        if len(text) > length and text[length:].strip(" "):
            raise Unfit(unfit.TOO_LONG, "the text is too long for the column")
        return text[:length]

    return write


def _number_writer(declared: Declared, *, keyed: bool) -> Encoder:
    limits = declared.limits
    spell: Callable[[Decimal], str | int | float] = _as_number
    if declared.decimal_text:
        spell = encode.decimal_key if keyed and not limits else encode.decimal_digits

    def write(value: Any) -> str | int | float:
        number = encode.decimal(value)
        return spell(_fitted(number, limits[0], limits[1] if len(limits) > 1 else 0) if limits else number)

    return write


def _fitted(number: Decimal, precision: int, scale: int) -> Decimal:
    """Round to the column's scale, half away from zero, as PostgreSQL does."""
    if number.is_nan():
        return number
    if number.is_infinite() or number.adjusted() >= precision:
        raise Unfit(unfit.OUT_OF_RANGE, "the number has more digits than the column")
    rounded = number.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=_ALL_DIGITS)
    if rounded.adjusted() >= precision - scale and not rounded.is_zero():
        raise Unfit(unfit.OUT_OF_RANGE, "the number has more digits than the column")
    return rounded


def _as_number(number: Decimal) -> str | int | float:
    """Turn an exact number into what SQLite keeps in a NUMERIC column, where that loses nothing."""
    if number.is_nan():
        return "NaN"
    if number.is_infinite():
        return math.inf if number > 0 else -math.inf
    if number.adjusted() < _MOST_INTEGER_DIGITS and number == int(number) and int(number) in _INT8:
        return int(number)
    nearest = float(number)
    if math.isfinite(nearest) and Decimal(repr(nearest)) == number:
        return nearest
    raise Unfit(
        unfit.OUT_OF_RANGE,
        "the number has more digits than SQLite keeps in a NUMERIC column",
        hint="declare the column decimal_text",
    )


def _seek_integer(value: Any) -> int | float | str:
    """Compare whole numbers also with fractions, and with what lies beyond eight bytes."""
    if isinstance(value, float | Decimal) and not (math.isfinite(value) and value == int(value)):
        return encode.floating(value)
    number = value if type(value) is int else encode.whole(value)
    if number in _INT8:
        return number
    return math.inf if number > 0 else -math.inf


def _seek_day(value: Any) -> str:
    """Compare dates also with moments; as text a date comes right before the moments of its day."""
    if isinstance(value, datetime):
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        if moment.time() != time():
            return encode.timestamp(value)
        return date(moment.year, moment.month, moment.day).isoformat()
    return encode.day(value)
