"""Rows in the text format of COPY, made column by column: what is done to a whole column at once is done in C.

Only values are taken whose text the server reads exactly as it reads them from a JSON record (see ``values``); for any
other Python type the answer is None, and the rows travel as JSON.

Source of the format: PostgreSQL 18 manual, COPY, "Text Format".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain
from operator import itemgetter
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

from datalayer.query import Row
from datalayer.stores.catalog import Column, ColumnType
from datalayer.stores.postgres.values import UnfitParameter, check_types, record_encoder

_Texts: TypeAlias = list[str]

_NULL = "\\N"
#: Never part of a value: the server has no such character, and JSON escapes it.
_BETWEEN = "\0"
_ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))

#: A value's text by its exact type; a subclass may print itself as anything.
_SPELLED: Mapping[type, Callable[[Any], str]] = {
    str: str,
    int: str,
    Decimal: str,
    float: repr,
    bool: lambda value: "true" if value else "false",
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    UUID: str,
    bytes: lambda value: f"\\x{value.hex()}",
}

#: Types whose text has no sign that COPY gives a meaning to.
_NEVER_ESCAPED = frozenset({int, Decimal, float, bool, datetime, date, time, UUID})


def copy_text(rows: Sequence[Row], columns: Sequence[Column]) -> bytes | None:
    """Write rows as COPY's text, one line each; None where a value has no text that is known to be exact.

    Raises:
        UnfitParameter: a value has the wrong type for its column, or text has a NUL character.
        UnicodeEncodeError: text has half of a surrogate pair.
    """
    written = []
    for column in columns:
        texts = _column(list(map(itemgetter(column.name), rows)), column.type)
        if texts is None:
            return None
        written.append(texts)
    lines = "\n".join(map("\t".join, zip(*written, strict=True)))
    return f"{lines}\n".encode()


def _column(values: list[Any], column_type: ColumnType) -> _Texts | None:
    check_types(values, column_type)
    kinds = set(map(type, values))
    if NoneType not in kinds:
        return _spelled(values, kinds, column_type)
    present = [value for value in values if value is not None]
    texts = _spelled(present, kinds - {NoneType}, column_type)
    if texts is None:
        return None
    following = iter(texts)
    return [_NULL if value is None else next(following) for value in values]


def _spelled(values: list[Any], kinds: set[type], column_type: ColumnType) -> _Texts | None:
    """Write values, none of them None, as the server's input function of their type reads them, escaped for COPY."""
    recode = record_encoder(column_type)
    if recode is not None:
        values = recode(values)
        kinds = set(map(type, values))
    return _arrays(values, kinds, column_type) if column_type.array else _scalars(values, kinds)


def _scalars(values: list[Any], kinds: set[type]) -> _Texts | None:
    if not kinds <= _SPELLED.keys():
        return None
    if kinds <= {str}:
        return _escaped(values)
    if len(kinds) == 1:
        texts = list(map(_SPELLED[next(iter(kinds))], values))
    else:
        texts = [_SPELLED[type(value)](value) for value in values]
    return texts if kinds <= _NEVER_ESCAPED else _escaped(texts)


def _arrays(values: list[Any], kinds: set[type], column_type: ColumnType) -> _Texts | None:
    """Write flat arrays as literals; nested ones, and types that separate elements by a semicolon, go as JSON."""
    if not kinds <= {list, tuple} or not column_type.declared.endswith("[]") or column_type.declared == "box[]":
        return None
    elements = list(chain.from_iterable(values))
    inner = set(map(type, elements))
    if inner <= {str}:
        quoted = _BETWEEN.join(elements)
        if '"' not in quoted and "\\" not in quoted:
            return _escaped(['{"' + '","'.join(value) + '"}' if value else "{}" for value in values])
    elif inner <= {int}:
        return ["{" + ",".join(map(str, value)) + "}" for value in values]
    if not inner <= _SPELLED.keys() | {NoneType}:
        return None
    return _escaped(["{" + ",".join(map(_element, value)) + "}" for value in values])


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    text = _SPELLED[type(value)](value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _escaped(texts: _Texts) -> _Texts:
    """Escape a whole column in one text: four passes in C."""
    if not texts:
        return texts
    joined = _BETWEEN.join(texts)
    if joined.count(_BETWEEN) != len(texts) - 1:
        raise UnfitParameter("text must not contain NUL characters", "22021")
    if not any(sign in joined for sign, _ in _ESCAPES):
        return texts
    for sign, escape in _ESCAPES:
        joined = joined.replace(sign, escape)
    return joined.split(_BETWEEN)
