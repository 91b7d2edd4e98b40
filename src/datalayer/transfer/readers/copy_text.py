"""SQLite's stored values as the text that PostgreSQL's COPY reads, without a detour for the ones that need none.

A column of a page goes the quick way where all its values are surely right as they are stored, which is looked at for
all of them together, and else the full way, one by one: decode, check, fit, spell. PostgreSQL reads the same value from
both; only the full way refuses.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

from datalayer.errors import InvalidValueError
from datalayer.stores.catalog import JSON_KINDS, Column, ColumnType, Kind
from datalayer.stores.documents import dump_document
from datalayer.transfer.conversions import INTEGERS, Conversion
from datalayer.transfer.limits import INTEGER_BITS, MisfitError, length_limit, modifiers

ToText: TypeAlias = Callable[[Any], str]
ToTexts: TypeAlias = Callable[[Sequence[Any]], Sequence[str]]
#: Takes at least one value, none of them NULL; returns nothing where not all are surely right as they are.
Quick: TypeAlias = Callable[[Sequence[Any]], Sequence[str] | None]

NULL: Final = "\\N"
_SPECIAL = re.compile(r"[\\\t\n\r\x00]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTES = str.maketrans({"\\": "\\\\", '"': '\\"'})
_MOMENTS = re.compile(r"(?:\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?\n)*", re.ASCII)
_FLOATS = frozenset({Kind.REAL, Kind.DOUBLE})


def to_texts(source: Column, target: Column, convert: Conversion) -> ToTexts:
    """Return what turns the stored values of a column into COPY's text.

    Args:
        convert: the full way to the target's Python value; raises MisfitError.
    """
    spell = spelling(target.type)

    def full(stored: Any) -> str:
        value = convert(stored)
        return NULL if value is None else spell(value).translate(_ESCAPES)

    choose = None if source.type.array or target.type.array else _QUICK.get(target.type.kind)
    quick = None if choose is None else choose(source, target, full)
    return partial(_each, full) if quick is None else partial(_together, quick, full)


def _each(full: ToText, stored: Sequence[Any]) -> list[str]:
    return list(map(full, stored))


def _together(quick: Quick, full: ToText, stored: Sequence[Any]) -> Sequence[str]:
    present = [value for value in stored if value is not None] if None in stored else stored
    texts = quick(present) if present else present
    if texts is None:
        return _each(full, stored)
    if present is stored:
        return texts
    # A column that is NOT NULL refuses it.
    null, in_order = full(None), iter(texts)
    return [null if value is None else next(in_order) for value in stored]


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


def _quick_text(source: Column, target: Column, full: ToText) -> Quick | None:
    longest = length_limit(target.type)
    if source.type.kind is not Kind.TEXT or longest == 0:
        return None
    search = _SPECIAL.search

    def quick(stored: Sequence[Any]) -> Sequence[str] | None:
        if set(map(type, stored)) != {str} or (longest is not None and max(map(len, stored)) > longest):
            return None
        return stored if not search("".join(stored)) else [full(text) if search(text) else text for text in stored]

    return quick


def _quick_integer(source: Column, target: Column, _full: ToText) -> Quick | None:
    if source.type.kind not in INTEGERS:
        return None
    bits = min(INTEGER_BITS[source.type.kind], INTEGER_BITS[target.type.kind])
    smallest, largest = -(1 << bits), (1 << bits) - 1

    def quick(stored: Sequence[Any]) -> list[str] | None:
        if set(map(type, stored)) != {int} or min(stored) < smallest or max(stored) > largest:
            return None
        return list(map(str, stored))

    return quick


def _quick_numeric(source: Column, target: Column, _full: ToText) -> Quick | None:
    """Numbers that print with few enough digits go as they print."""
    given = modifiers(target.type.declared)
    if source.type.kind is not Kind.NUMERIC or given is None or not 0 <= given[2] < given[1]:
        return None
    places, whole = given[2], given[1] - given[2]
    fraction = rf"(?:\.\d{{1,{places}}})?" if places else ""
    match = re.compile(rf"(?:-?\d{{1,{whole}}}{fraction}\n)*", re.ASCII).fullmatch

    def quick(stored: Sequence[Any]) -> list[str] | None:
        if not set(map(type, stored)) <= {int, float}:
            return None
        texts = list(map(repr, stored))
        return texts if match(_lines(texts)) else None

    return quick


def _quick_float(source: Column, target: Column, _full: ToText) -> Quick | None:
    if source.type.kind not in _FLOATS or target.type.kind is not Kind.DOUBLE:
        return None

    def quick(stored: Sequence[Any]) -> list[str] | None:
        return list(map(repr, stored)) if set(map(type, stored)) == {float} else None

    return quick


def _quick_moment(source: Column, target: Column, _full: ToText) -> Quick | None:
    if (
        source.type.kind is not Kind.TIMESTAMP
        or target.type.kind is not Kind.TIMESTAMP
        or modifiers(target.type.declared)
    ):
        return None
    match, parse = _MOMENTS.fullmatch, dt.datetime.fromisoformat

    def quick(stored: Sequence[Any]) -> Sequence[str] | None:
        if set(map(type, stored)) != {str} or not match(_lines(stored)):
            return None
        try:
            deque(map(parse, stored), maxlen=0)
        except ValueError:
            return None
        return stored

    return quick


def _lines(texts: Iterable[str]) -> str:
    return "\n".join((*texts, ""))


_QUICK: Mapping[Kind, Callable[[Column, Column, ToText], Quick | None]] = {
    Kind.TEXT: _quick_text,
    **dict.fromkeys(INTEGERS, _quick_integer),
    Kind.NUMERIC: _quick_numeric,
    Kind.DOUBLE: _quick_float,
    Kind.TIMESTAMP: _quick_moment,
}
