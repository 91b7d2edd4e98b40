"""SQLite's stored values as the text that PostgreSQL's COPY reads, without a detour for the ones that need none.

Each column has a quick way for values that are surely right as they are stored, and the full way (decode, check, fit,
spell) for all others. Both give the same text; only the full way refuses.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from datalayer.errors import InvalidValueError
from datalayer.stores.catalog import JSON_KINDS, Column, ColumnType, Kind
from datalayer.stores.documents import dump_document
from datalayer.transfer.conversions import INTEGERS, Conversion
from datalayer.transfer.limits import INTEGER_BITS, MisfitError, length_limit, modifiers

ToText: TypeAlias = Callable[[Any], str]

NULL: Final = "\\N"
_SPECIAL = re.compile(r"[\\\t\n\r\x00]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTES = str.maketrans({"\\": "\\\\", '"': '\\"'})
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?", re.ASCII)
_FLOATS = frozenset({Kind.REAL, Kind.DOUBLE})


def to_text(source: Column, target: Column, convert: Conversion) -> ToText:
    """Return what turns a stored value into COPY's text.

    Args:
        convert: the full way to the target's Python value; raises MisfitError.
    """
    spell = spelling(target.type)

    def full(stored: Any) -> str:
        value = convert(stored)
        return NULL if value is None else spell(value).translate(_ESCAPES)

    quick = None if source.type.array or target.type.array else _QUICK.get(target.type.kind)
    return full if quick is None else quick(source, target, full)


def spelling(column_type: ColumnType) -> ToText:
    """Return what spells a value of the contract as PostgreSQL reads it."""
    single = _document if column_type.kind in JSON_KINDS else _single
    return single if not column_type.array else _array(single, nests=column_type.kind not in JSON_KINDS)


def _single(value: Any) -> str:
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _document(value: Any) -> str:
    try:
        return dump_document(value)
    except InvalidValueError:
        raise MisfitError("has no exact JSON form") from None


def _array(single: ToText, *, nests: bool) -> ToText:
    """Spell arrays of any depth; a list among documents is a document."""

    def spell(values: list[Any]) -> str:
        return "{" + ",".join(map(element, values)) + "}"

    def element(value: Any) -> str:
        if value is None:
            return "NULL"
        return spell(value) if nests and isinstance(value, list) else f'"{single(value).translate(_QUOTES)}"'

    return spell


def _quick_text(source: Column, target: Column, full: ToText) -> ToText:
    if source.type.kind is not Kind.TEXT:
        return full
    longest = length_limit(target.type)
    search = _SPECIAL.search

    def quick(stored: Any) -> str:
        if type(stored) is str and not search(stored) and (longest is None or len(stored) <= longest):
            return stored
        return full(stored)

    return full if longest == 0 else quick


def _quick_integer(source: Column, target: Column, full: ToText) -> ToText:
    if source.type.kind not in INTEGERS:
        return full
    bits = min(INTEGER_BITS[source.type.kind], INTEGER_BITS[target.type.kind])
    smallest, largest = -(1 << bits), (1 << bits) - 1

    def quick(stored: Any) -> str:
        return str(stored) if type(stored) is int and smallest <= stored <= largest else full(stored)

    return quick


def _quick_numeric(source: Column, target: Column, full: ToText) -> ToText:
    """Numbers that print with few enough digits go as they print."""
    given = modifiers(target.type.declared)
    if source.type.kind is not Kind.NUMERIC or given is None or given[2] < 0:
        return full
    places, whole = given[2], given[1] - given[2]
    fits = re.compile(
        rf"-?\d{{1,{whole}}}(\.\d{{1,{places}}})?" if whole > 0 < places else rf"-?\d{{1,{max(whole, 1)}}}"
    )
    match = fits.fullmatch

    def quick(stored: Any) -> str:
        if type(stored) in (int, float) and match(text := repr(stored)):
            return text
        return full(stored)

    return quick


def _quick_float(source: Column, target: Column, full: ToText) -> ToText:
    if source.type.kind not in _FLOATS or target.type.kind is not Kind.DOUBLE:
        return full

    def quick(stored: Any) -> str:
        return repr(stored) if type(stored) is float else full(stored)

    return quick


def _quick_moment(source: Column, target: Column, full: ToText) -> ToText:
    if (
        source.type.kind is not Kind.TIMESTAMP
        or target.type.kind is not Kind.TIMESTAMP
        or modifiers(target.type.declared)
    ):
        return full
    match, parse = _MOMENT.fullmatch, dt.datetime.fromisoformat

    def quick(stored: Any) -> str:
        if type(stored) is str and match(stored):
            try:
                parse(stored)
            except ValueError:
                return full(stored)
            return stored
        return full(stored)

    return quick


_QUICK: Mapping[Kind, Callable[[Column, Column, ToText], ToText]] = {
    Kind.TEXT: _quick_text,
    **dict.fromkeys(INTEGERS, _quick_integer),
    Kind.NUMERIC: _quick_numeric,
    Kind.DOUBLE: _quick_float,
    Kind.TIMESTAMP: _quick_moment,
}
