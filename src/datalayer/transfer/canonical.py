"""One sequence of bytes for every value, the same on every store: what checksums are made of.

Every encoding is a tag, and where the length is not fixed a length before the content. So no two different values, and
no two different rows, share an encoding; NULL is not the empty text, and ("ab", "c") is not ("a", "bc").

Values are told apart by what they mean, not by how a column happens to be declared:

    number       by value: 1, Decimal("1.00") and 1.0 are one; -0 is 0; NaN is itself; a float is what it prints as
    boolean      not a number
    text         code point by code point; a trailing space or a combining mark is a difference
    timestamp    the moment to the microsecond; one without a zone is taken as UTC
    date, time, uuid, bytes; one that Python has no value for, as infinity, as PostgreSQL writes it, without a zone
    array, JSON  element by element; the members of an object in the order of their names, or in their own where a name
                 is there twice
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from datalayer.query import JsonNull
from datalayer.transfer.odd_moments import OddMoment
from datalayer.transfer.unreadable import Unreadable

_NULL = b"0"


def encode(value: Any) -> bytes:
    """Encode a stored value of any kind, or None.

    Raises:
        TypeError: the value is of no type that a store answers with.
    """
    encoder = _ENCODERS.get(type(value))
    if encoder is not None:
        return encoder(value)
    for kind, inherited in _ENCODERS.items():
        if isinstance(value, kind):
            return inherited(value)
    raise TypeError(f"a {type(value).__name__} has no canonical form")


def _sized(tag: bytes, content: bytes) -> bytes:
    return b"%b%d:%b" % (tag, len(content), content)


def _text(value: str) -> bytes:
    return _sized(b"s", value.encode("utf-8", "surrogatepass"))


def _integer(value: int) -> bytes:
    digits = str(value)
    bare = digits.rstrip("0")
    return _number(bare, len(digits) - len(bare)) if bare not in {"", "-"} else _number("0", 0)


def _decimal(value: Decimal) -> bytes:
    return _printed(str(value))


def _float(value: float) -> bytes:
    return _printed(repr(value))


def _printed(text: str) -> bytes:
    """Encode a number from how it prints, for example -12.50, 1E+5 or 1e-07; that is quicker than by its digits."""
    special = text.lower()
    if "n" in special:
        return _sized(b"n", b"nan" if "nan" in special else b"-inf" if special[0] == "-" else b"inf")
    mantissa, _, power = special.partition("e")
    whole, _, fraction = mantissa.partition(".")
    sign = "-" if whole[0] == "-" else ""
    digits = (whole + fraction).lstrip("-+0")
    bare = digits.rstrip("0")
    if not bare:
        return _number("0", 0)
    return _number(sign + bare, (int(power) if power else 0) - len(fraction) + len(digits) - len(bare))


def _number(digits: str, exponent: int) -> bytes:
    content = f"{digits}e{exponent}"
    return f"n{len(content)}:{content}".encode()


def _timestamp(value: dt.datetime) -> bytes:
    if value.tzinfo is not None:
        # The offset of UTC is an empty timedelta.
        moment = value if not value.utcoffset() else value.astimezone(dt.UTC)
        value = moment.replace(tzinfo=None)
    return b"t26:" + value.isoformat(timespec="microseconds").encode()


def _time(value: dt.time) -> bytes:
    return _sized(b"h", value.isoformat(timespec="microseconds").encode())


def _list(value: list[Any]) -> bytes:
    return b"l%d:%b" % (len(value), b"".join(map(encode, value)))


def _object(value: Mapping[str, Any]) -> bytes:
    return _members(b"o", sorted(value.items()))


def _members(tag: bytes, members: Sequence[tuple[str, Any]]) -> bytes:
    return b"%b%d:%b" % (tag, len(members), b"".join(_text(name) + encode(member) for name, member in members))


_ENCODERS: Mapping[type, Callable[[Any], bytes]] = {
    type(None): lambda _: _NULL,
    JsonNull: lambda _: b"z",
    bool: lambda value: b"b1" if value else b"b0",
    str: _text,
    int: _integer,
    Decimal: _decimal,
    float: _float,
    dt.datetime: _timestamp,
    dt.date: lambda value: _sized(b"d", value.isoformat().encode()),
    dt.time: _time,
    uuid.UUID: lambda value: b"u" + value.bytes,
    bytes: lambda value: _sized(b"x", value),
    list: _list,
    dict: _object,
    tuple: partial(_members, b"r"),
    OddMoment: lambda value: _sized(b"m", value.without_zone().encode()),
    Unreadable: lambda value: _sized(b"?", f"{type(value.stored).__name__} {value.stored!r}".encode()),
}
