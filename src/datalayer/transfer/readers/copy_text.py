"""Values of the contract as the text that PostgreSQL's COPY reads, one by one: any value that fits, and its escapes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from datalayer.errors import InvalidValueError
from datalayer.stores.catalog import JSON_KINDS, Column, ColumnType
from datalayer.stores.documents import dump_document
from datalayer.transfer.conversions import Conversion
from datalayer.transfer.limits import MisfitError

ToText: TypeAlias = Callable[[Any], str]

NULL: Final = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTES = str.maketrans({"\\": "\\\\", '"': '\\"'})


def to_text(target: Column, convert: Conversion) -> ToText:
    """Return what turns a stored value of a column into COPY's text.

    Args:
        convert: to the target's Python value; raises MisfitError.
    """
    spell = spelling(target.type)

    def text(stored: Any) -> str:
        value = convert(stored)
        return NULL if value is None else spell(value).translate(_ESCAPES)

    return text


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
