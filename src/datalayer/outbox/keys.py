"""Keys as text: a JSON array of the primary key's values in the order of its columns, ``["a",7]``.

Exact numbers, bytes (hexadecimal), UUIDs, dates and times (ISO 8601, moments in UTC and without zone) are JSON strings.
:func:`encode_key` writes equal keys as equal texts; the text of a trigger may be spelt otherwise, truth as 1 for
example, and decodes to the same key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID

from datalayer.errors import InvalidValueError
from datalayer.outbox.entries import Key
from datalayer.query import Filter, Group, Row, col
from datalayer.stores.catalog import Kind, Table

#: Not a number is unlike itself, but for the same object.
_NAN: Final = Decimal("NaN")


def key_of(table: Table, row: Mapping[str, Any]) -> Key:
    """Return a row's key; NaN as the one object that equals itself as part of a key."""
    return tuple(_NAN if (value := row[name]) != value else value for name in table.primary_key)


def encode_key(table: Table, key: Sequence[Any]) -> str:
    """Write a key as text; equal keys have equal texts.

    Args:
        key: values in the order of the primary key's columns, as a store returns them.

    Raises:
        InvalidValueError: a value is not of its column's type, or their number is wrong.
    """
    if len(key) != len(table.primary_key):
        raise InvalidValueError(f"a key of {table.name} has {len(table.primary_key)} value(s)", field="key")
    written = []
    for name, value in zip(table.primary_key, key, strict=True):
        encode, kinds = _ENCODERS[table.by_name[name].type.kind]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise InvalidValueError(f"is not a value of {table.name}'s key", field=name)
        written.append(encode(value))
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def decode_key(table: Table, text: str) -> Key:
    """Read a key from what :func:`encode_key` or a capture trigger wrote.

    Raises:
        InvalidValueError: the text is no key of this table, for example since its primary key has changed.
    """
    try:
        values = json.loads(text, parse_float=Decimal)
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) != len(table.primary_key):
        raise InvalidValueError(f"is not a key of {table.name}; has its primary key changed?", field="aggregateid")
    return tuple(_decoded(table, name, value) for name, value in zip(table.primary_key, values, strict=True))


def keys_filter(table: Table, keys: Iterable[Key]) -> Filter:
    """Match exactly these keys: one in-list, or for a key of several columns one in-list per common beginning."""
    *leading, last = table.primary_key
    beginnings: dict[tuple[Any, ...], list[Any]] = {}
    for key in keys:
        beginnings.setdefault(key[:-1], []).append(key[-1])
    alternatives = [
        Group("and", (*(col(n).eq(v) for n, v in zip(leading, beginning, strict=True)), col(last).in_(values)))
        for beginning, values in beginnings.items()
    ]
    if leading:
        return Group("or", tuple(alternatives))
    return alternatives[0].members[0] if alternatives else col(last).in_(())


def key_payload(table: Table, key: Sequence[Any]) -> Row:
    """Return a key as an outbox entry's payload: its values by column, in the form of the key's text."""
    return dict(zip(table.primary_key, json.loads(encode_key(table, key)), strict=True))


def _decoded(table: Table, name: str, value: Any) -> Any:
    try:
        return _DECODERS[table.by_name[name].type.kind](value)
    except (TypeError, ValueError, OverflowError, InvalidOperation):
        raise InvalidValueError(f"is not a value of {table.name}'s key", field=name) from None


def _number(value: Decimal | int) -> str:
    number = Decimal(value)
    if not number.is_finite():
        return str(number)
    digits = format(abs(number) if number.is_zero() else number, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _clock(value: time) -> str:
    return _shortest(value.isoformat())


def _moment(value: datetime) -> str:
    return _shortest((value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)).isoformat())


def _shortest(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def _whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise TypeError
    number = Decimal(value)
    return _NAN if number.is_nan() else number


def _naive(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _aware(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_INTEGER: Final = (int, (int,))
_ENCODERS: Final[Mapping[Kind, tuple[Callable[[Any], Any], tuple[type, ...]]]] = {
    Kind.BOOLEAN: (bool, (bool,)),
    Kind.SMALLINT: _INTEGER,
    Kind.INTEGER: _INTEGER,
    Kind.BIGINT: _INTEGER,
    Kind.NUMERIC: (_number, (Decimal, int)),
    Kind.TEXT: (str, (str,)),
    Kind.UUID: (str, (UUID,)),
    Kind.DATE: (date.isoformat, (date,)),
    Kind.TIME: (_clock, (time,)),
    Kind.TIMESTAMP: (_moment, (datetime,)),
    Kind.TIMESTAMPTZ: (_moment, (datetime,)),
    Kind.BYTEA: (bytes.hex, (bytes,)),
}
#: Kinds that a key may have: equal values have one text, and the text is exact.
KEY_KINDS: Final = frozenset(_ENCODERS)
_DECODERS: Final[Mapping[Kind, Callable[[Any], Any]]] = {
    Kind.BOOLEAN: _truth,
    Kind.SMALLINT: _whole,
    Kind.INTEGER: _whole,
    Kind.BIGINT: _whole,
    Kind.NUMERIC: _decimal,
    Kind.TEXT: _text,
    Kind.UUID: UUID,
    Kind.DATE: date.fromisoformat,
    Kind.TIME: time.fromisoformat,
    Kind.TIMESTAMP: _naive,
    Kind.TIMESTAMPTZ: _aware,
    Kind.BYTEA: bytes.fromhex,
}
