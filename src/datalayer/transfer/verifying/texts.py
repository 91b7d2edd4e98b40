"""The canonical text of a row: what PostgreSQL, SQLite and Python spell alike, so that unlike stores hash alike.

    number, boolean    plain digits; zeros at the end of a fraction only as both columns declare      then ;
    moment             in UTC, no zeros at the end of a fraction: 2024-01-01 10:00:00.25              then ;
    float              its 64 bits as hexadecimal digits, NaN; as it prints beside a number           then ;
    date, time, uuid   2024-01-01, 10:00:00.25, lower case with hyphens                               then ;
    bytes              hexadecimal digits, a backslash and x before them                              then ;
    JSON, array        compact, members in PostgreSQL's order; with spaces where it says null         then a line end
    text               its length in characters and a colon before it

NULL is nothing: only what ends it, or the colon. No value contains what ends it, so no two different rows share a text.
"""

from __future__ import annotations

import datetime as dt
import struct
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from json.encoder import encode_basestring
from typing import Any, Final, Literal, TypeAlias

from datalayer.query import JsonNull, Row
from datalayer.stores.catalog import ColumnType, Kind
from datalayer.transfer.conversions import INTEGERS, alignment
from datalayer.transfer.limits import modifiers
from datalayer.transfer.odd_moments import OddMoment
from datalayer.transfer.pairing import ColumnPair, TablePair

Spelling: TypeAlias = Callable[[Any], str]
SideName: TypeAlias = Literal["source", "target"]


class Form(StrEnum):
    """How the values of a pair of columns are spelled."""

    NUMBER = "number"
    FLOAT = "float"
    MOMENT = "moment"
    DATE = "date"
    TIME = "time"
    UUID = "uuid"
    BYTES = "bytes"
    DOCUMENT = "document"
    ARRAY = "array"
    TEXT = "text"

    @property
    def end(self) -> str:
        """What comes after a value, and is never in it; text has its length before it instead."""
        return "\n" if self in (Form.DOCUMENT, Form.ARRAY) else ";"


FLOATS: Final = frozenset({Kind.REAL, Kind.DOUBLE})
_FORMS: Final[Mapping[Kind, Form]] = {
    **dict.fromkeys((*INTEGERS, Kind.BOOLEAN, Kind.NUMERIC, Kind.REAL, Kind.DOUBLE), Form.NUMBER),
    **dict.fromkeys((Kind.TIMESTAMP, Kind.TIMESTAMPTZ), Form.MOMENT),
    **dict.fromkeys((Kind.JSON, Kind.JSONB), Form.DOCUMENT),
    Kind.DATE: Form.DATE,
    Kind.TIME: Form.TIME,
    Kind.UUID: Form.UUID,
    Kind.BYTEA: Form.BYTES,
    Kind.TEXT: Form.TEXT,
}


def form_of(mine: ColumnType, other: ColumnType) -> Form:
    """Return the form of a column beside its counterpart, the same from either side."""
    if mine.array:
        return Form.ARRAY
    if mine.kind in FLOATS and other.kind in FLOATS:
        # PostgreSQL and Python both print the fewest digits that tell a float apart, and not always the same ones.
        return Form.FLOAT
    return Form.TEXT if Kind.TEXT in (mine.kind, other.kind) else _FORMS[mine.kind]


def places_of(mine: ColumnType, other: ColumnType) -> int:
    """Return how many decimal places both columns always show; exact numbers of one scale need not be trimmed."""
    given = [modifiers(each.declared) for each in (mine, other) if each.kind is Kind.NUMERIC and not each.array]
    scales = {0 if each is None else each[2] for each in given}
    return max(0, scales.pop()) if len(given) == len((mine, other)) and len(scales) == 1 else 0


def spelling(mine: ColumnType, other: ColumnType) -> Spelling:
    """Return what spells the values of a column, other than NULL, so that they are comparable with another's."""
    spell, align, places = _SPELLINGS[form_of(mine, other)], alignment(mine, other), places_of(mine, other)
    if places:
        return lambda value: _with_places(number(value), places)
    if align is None:
        return spell
    return lambda value: spell(align(value))


class RowTexts:
    """Spells the rows of one side of a pair."""

    def __init__(self, pair: TablePair, side: SideName) -> None:
        columns = ordered_columns(pair)
        self._parts = {c.source.name: _part(*sides(c, side)) for c in columns}
        self._key = [(name, self._parts[name]) for name in pair.key]

    def text(self, row: Row) -> str:
        """Return the text of a row."""
        return "".join([part(row[name]) for name, part in self._parts.items()])

    def key_text(self, row: Row) -> str:
        """Return the text of its key."""
        return "".join([part(row[name]) for name, part in self._key])


def ordered_columns(pair: TablePair) -> list[ColumnPair]:
    """Return columns by name, so that a checksum does not depend on where a column stands in its table."""
    return sorted(pair.columns, key=lambda column: column.source.name)


def sides(column: ColumnPair, side: SideName) -> tuple[ColumnType, ColumnType]:
    """Return the column's type on one side, then on the other."""
    types = column.source.type, column.target.type
    return types if side == "source" else types[::-1]


def _part(mine: ColumnType, other: ColumnType) -> Spelling:
    form, spell = form_of(mine, other), spelling(mine, other)
    if form is not Form.TEXT:
        return lambda value: form.end if value is None else spell(value) + form.end

    def sized(value: Any) -> str:
        if value is None:
            return ":"
        text = spell(value)
        return f"{len(text)}:{text}"

    return sized


def number(value: float | Decimal) -> str:
    """Spell a number by its value: a float is what it prints as."""
    if isinstance(value, int):
        return str(int(value))
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    if not exact.is_finite():
        return "NaN" if exact.is_nan() else "Infinity" if exact > 0 else "-Infinity"
    if exact.is_zero():
        return "0"
    digits = format(exact, "f")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _with_places(digits: str, places: int) -> str:
    if digits[-1] in "Ny":
        return digits
    whole, _, fraction = digits.partition(".")
    return f"{whole}.{fraction:0<{places}}"


def _float(value: float) -> str:
    # Adding zero takes the sign from a zero.
    return "NaN" if value != value else struct.pack(">d", value + 0.0).hex()


def _unless_odd(spell: Callable[[Any], str]) -> Spelling:
    return lambda value: value.without_zone() if isinstance(value, OddMoment) else spell(value)


def _moment(value: dt.datetime) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return value.isoformat(" ", "microseconds").rstrip("0").rstrip(".")


def _time(value: dt.time) -> str:
    return value.isoformat("microseconds").rstrip("0").rstrip(".")


def _document(value: Any) -> str:
    """Spell a document. PostgreSQL writes compactly only what leaves out members that are null."""
    compact = _written(value, ",", ":")
    return _written(value, ", ", ": ") if "null" in compact else compact


def _written(value: Any, comma: str, colon: str) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        members = sorted(value.items(), key=_place)
        return f"{{{comma.join([encode_basestring(n) + colon + _written(v, comma, colon) for n, v in members])}}}"
    if isinstance(value, list):
        return f"[{comma.join([_written(each, comma, colon) for each in value])}]"
    if value is None or isinstance(value, JsonNull):
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json_number(value)


def _place(member: tuple[str, Any]) -> tuple[int, bytes]:
    """Order members as jsonb does: shorter names first."""
    name = member[0].encode("utf-8", "surrogatepass")
    return len(name), name


def _json_number(value: float | Decimal) -> str:
    """Spell a number with the zeros that it is written with, as jsonb keeps them."""
    return str(value) if isinstance(value, int) else format(Decimal(str(value)), "f")


def _array(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{','.join([_array(each) for each in value])}]"
    if isinstance(value, int | float | Decimal):
        digits = number(value)
        return f'"{digits}"' if "n" in digits else digits
    return encode_basestring(_ELEMENTS.get(type(value), _document)(value))


_ELEMENTS: Final[Mapping[type, Spelling]] = {
    str: str,
    uuid.UUID: str,
    bytes: lambda value: "\\x" + value.hex(),
    dt.date: dt.date.isoformat,
    dt.time: _time,
    dt.datetime: _moment,
    OddMoment: OddMoment.without_zone,
}
_SPELLINGS: Final[Mapping[Form, Spelling]] = {
    Form.NUMBER: number,
    Form.FLOAT: _float,
    Form.MOMENT: _unless_odd(_moment),
    Form.DATE: _unless_odd(dt.date.isoformat),
    Form.TIME: _unless_odd(_time),
    Form.UUID: str,
    Form.BYTES: lambda value: "\\x" + value.hex(),
    Form.DOCUMENT: _document,
    Form.ARRAY: _array,
    Form.TEXT: str,
}
