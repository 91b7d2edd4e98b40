"""Python values on their way into SQLite, by kind; a value of the wrong type is refused as PostgreSQL refuses it.

Stored forms: booleans 0 and 1; timestamps ``YYYY-MM-DD HH:MM:SS.ffffff``, with zone in UTC and ``+00:00`` behind; exact
numbers, uuids, dates and times as text; arrays and documents as JSON text; NaN as the text 'NaN', which SQLite, like
PostgreSQL, orders after all numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from uuid import UUID

from pydantic_core import to_json

from datalayer.stores.catalog import JSON_KINDS, Kind
from datalayer.stores.documents import dump_document
from datalayer.stores.sqlite import unfit
from datalayer.stores.sqlite.unfit import Unfit

Stored: TypeAlias = str | int | float | bytes | None
Encoder: TypeAlias = Callable[[Any], Stored]

_INTEGER = re.compile(r"\s*[+-]?\d+\s*")
_BOOLEANS = {
    **dict.fromkeys(("t", "true", "y", "yes", "on", "1"), 1),
    **dict.fromkeys(("f", "false", "n", "no", "off", "0"), 0),
}
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def text(value: Any) -> str:
    """Text as it is; NUL is refused."""
    if not isinstance(value, str):
        raise Unfit(unfit.WRONG_FORM, "text is expected")
    if "\0" in value:
        raise Unfit(unfit.BAD_TEXT, "text must not contain NUL characters")
    return value


def integer(bits: int) -> Encoder:
    """Whole numbers of so many bits."""
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1

    def encode(value: Any) -> int:
        number = value if type(value) is int else whole(value)
        if not least <= number <= most:
            raise Unfit(unfit.OUT_OF_RANGE, "the number is out of the column's range")
        return number

    return encode


def whole(value: Any) -> int:
    """Read a whole number of any size."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal) and _INTEGER.fullmatch(str(value)):
        return int(value)
    raise Unfit(unfit.WRONG_FORM, "a whole number is expected")


def boolean(value: Any) -> int:
    """True and false, or PostgreSQL's words for them."""
    if value is True or value is False:
        return int(value)
    found = _BOOLEANS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise Unfit(unfit.WRONG_FORM, "true or false is expected")
    return found


def floating(value: Any) -> float | str:
    """A float; NaN as text, since SQLite makes NULL of it."""
    if isinstance(value, bool) or not isinstance(value, float | int | Decimal | str):
        raise Unfit(unfit.WRONG_FORM, "a number is expected")
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise Unfit(unfit.WRONG_FORM if isinstance(value, str) else unfit.OUT_OF_RANGE, "no such number") from None
    if math.isinf(number) and not _infinite(value):
        raise Unfit(unfit.OUT_OF_RANGE, "the number is out of the column's range")
    return "NaN" if math.isnan(number) else number


def _infinite(value: float | Decimal | str) -> bool:
    return "inf" in value.lower() if isinstance(value, str) else not math.isfinite(value)


def decimal(value: Any) -> Decimal:
    """Read an exact number; a float is the number it prints as."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, float | int | str):
        raise Unfit(unfit.WRONG_FORM, "a number is expected")
    try:
        return Decimal(value if isinstance(value, int) else str(value))
    except InvalidOperation:
        raise Unfit(unfit.WRONG_FORM, "a number is expected") from None


def decimal_digits(number: Decimal) -> str:
    """Spell a number with all its digits and no exponent."""
    if number.is_nan():
        return "NaN"
    if number.is_infinite():
        return "Infinity" if number > 0 else "-Infinity"
    return format(abs(number) if number.is_zero() else number, "f")


def decimal_key(number: Decimal) -> str:
    """Spell equal numbers equally: without trailing zeros after the point."""
    digits = decimal_digits(number)
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def uuid(value: Any) -> str:
    """A UUID in its usual spelling."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str):
        try:
            return str(UUID(value))
        except ValueError:
            pass
    raise Unfit(unfit.WRONG_FORM, "a UUID is expected")


def binary(value: Any) -> bytes:
    """Bytes."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise Unfit(unfit.WRONG_FORM, "bytes are expected")


def day(value: Any) -> str:
    """A date; a moment that is not midnight would lose its time and is refused."""
    if isinstance(value, str):
        value = _parse(datetime.fromisoformat, value)
    if isinstance(value, datetime):
        if value.time() != time():
            raise Unfit(unfit.BAD_DATE, "a date is expected, without a time of day")
        value = value.date()
    if not isinstance(value, date):
        raise Unfit(unfit.BAD_DATE, "a date is expected")
    return value.isoformat()


def clock(value: Any) -> str:
    """A time of day without zone."""
    if isinstance(value, str):
        value = _parse(time.fromisoformat, value)
    if not isinstance(value, time) or value.tzinfo is not None:
        raise Unfit(unfit.BAD_DATE, "a time of day without zone is expected")
    return value.isoformat(timespec="microseconds")


def timestamp(value: Any) -> str:
    """A moment without zone; one with zone is taken in UTC."""
    moment = _moment(value)
    if moment.tzinfo is not None:
        moment = _in_utc(moment).replace(tzinfo=None)
    return moment.isoformat(" ", "microseconds")


def timestamptz(value: Any) -> str:
    """A moment in UTC; one without zone is taken as UTC, as PostgreSQL does in our sessions."""
    moment = _moment(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else _in_utc(moment)
    return moment.isoformat(" ", "microseconds")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Unfit(unfit.BAD_DATE, "a time is out of range in UTC") from None


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if isinstance(value, str):
        parsed: datetime = _parse(datetime.fromisoformat, value)
        return parsed
    raise Unfit(unfit.BAD_DATE, "a date and time is expected")


def _parse(parse: Callable[[str], Any], value: str) -> Any:
    try:
        return parse(value.strip())
    except ValueError:
        raise Unfit(unfit.BAD_DATE, "the date or time is malformed") from None


def document(value: Any) -> str:
    """A JSON document; JSON_NULL, at any depth, is ``null``."""
    written = dump_document(value)
    if "\\u0000" in written and _NUL_ESCAPE.search(written):
        raise Unfit(unfit.BAD_TEXT, "text must not contain NUL characters")
    return written


#: Encoders by kind; numbers have theirs made for the column, see codecs.
ENCODERS: Mapping[Kind, Encoder] = {
    Kind.BOOLEAN: boolean,
    Kind.SMALLINT: integer(16),
    Kind.INTEGER: integer(32),
    Kind.BIGINT: integer(64),
    Kind.NUMERIC: lambda value: decimal_key(decimal(value)),
    Kind.REAL: floating,
    Kind.DOUBLE: floating,
    Kind.TEXT: text,
    Kind.UUID: uuid,
    Kind.DATE: day,
    Kind.TIME: clock,
    Kind.TIMESTAMP: timestamp,
    Kind.TIMESTAMPTZ: timestamptz,
    Kind.JSON: document,
    Kind.JSONB: document,
    Kind.BYTEA: binary,
}


def array(kind: Kind) -> Encoder:
    """Lists of any depth as JSON text; what JSON cannot say (bytes, infinities) is spelled as text.

    A list among documents is a document: their arrays have one dimension, as on PostgreSQL.
    """
    element = ENCODERS[kind]
    nests = kind not in JSON_KINDS

    def encode_element(value: Any) -> Any:
        if value is None:
            return None
        encoded = element(value)
        if isinstance(encoded, bytes):
            return encoded.hex()
        if isinstance(encoded, float) and math.isinf(encoded):
            return "Infinity" if encoded > 0 else "-Infinity"
        return encoded

    def encode_list(values: Any) -> list[Any]:
        if not isinstance(values, list | tuple):
            raise Unfit(unfit.WRONG_FORM, "a list is expected")
        nested = [nests and isinstance(value, list | tuple) for value in values]
        if not any(nested):
            return [encode_element(value) for value in values]
        if not all(nested) or len({len(value) for value in values}) != 1:
            raise Unfit(unfit.WRONG_FORM, "the nested lists of an array must have equal lengths")
        return [encode_list(value) for value in values]

    return lambda values: to_json(encode_list(values)).decode()
