"""Values on their way to PostgREST and back, exact: what JSON numbers would blur travels as text.

Numerics, floats and JSON documents are selected with a cast to text; a document ``null`` stays apart from SQL NULL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, TypeAlias
from uuid import UUID

from pydantic_core import from_json

from datalayer.errors import InvalidValueError, UnfitValueError, UnsupportedOperationError
from datalayer.query import JSON_NULL
from datalayer.stores.catalog import JSON_KINDS, Column, ColumnType, Kind
from datalayer.stores.documents import dump_document
from datalayer.stores.moments import clock_reading
from datalayer.stores.supabase import quoting
from datalayer.stores.supabase.errors import STORE

Decoder: TypeAlias = Callable[[Any], Any]

#: Kinds whose JSON form is exact, or a text.
_SENT_AS_THEY_ARE: Final = frozenset(
    {
        Kind.BOOLEAN,
        Kind.SMALLINT,
        Kind.INTEGER,
        Kind.BIGINT,
        Kind.UUID,
        Kind.DATE,
        Kind.TIME,
        Kind.TIMESTAMP,
        Kind.TIMESTAMPTZ,
        Kind.BYTEA,
    }
)
_TEXT_TYPES: Final = ("text", "character", "character varying", "bpchar")
_ESCAPED_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def is_cast(column_type: ColumnType) -> bool:
    """Whether a column is selected as text."""
    if column_type.kind is Kind.TEXT:
        return column_type.declared.partition("(")[0].removesuffix("[]").strip() not in _TEXT_TYPES
    return column_type.kind not in _SENT_AS_THEY_ARE


def selected(column: Column) -> str:
    """Write the column for ``select``; ``_text`` is the name of text[] in the system catalog."""
    if not is_cast(column.type):
        return quoting.name(column.name)
    return quoting.name(column.name) + ("::_text" if column.type.array else "::text")


def load_document(text: str) -> Any:
    """Parse a json or jsonb value; the document ``null`` is JSON_NULL."""
    parsed = from_json(text)
    return JSON_NULL if parsed is None else parsed


def _load_bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _load_instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_DECODERS: Mapping[Kind, Decoder] = {
    Kind.NUMERIC: Decimal,
    Kind.REAL: float,
    Kind.DOUBLE: float,
    Kind.UUID: UUID,
    Kind.DATE: date.fromisoformat,
    Kind.TIME: time.fromisoformat,
    Kind.TIMESTAMP: datetime.fromisoformat,
    Kind.TIMESTAMPTZ: _load_instant,
    Kind.JSON: load_document,
    Kind.JSONB: load_document,
    Kind.BYTEA: _load_bytes,
}


def decoder(column: Column) -> Decoder | None:
    """Return what makes the Python value of a non-NULL value as it was received; None where it is that already."""
    one = _DECODERS.get(column.type.kind)
    if one is None:
        return None
    if not column.type.array:
        return one

    def each(elements: list[Any]) -> list[Any]:
        return [None if e is None else each(e) if isinstance(e, list) else one(e) for e in elements]

    return each


def encode(value: Any, column: Column) -> Any:
    """Make what stands for the value in a request body; the body is written by :func:`body`."""
    if value is None:
        return None
    if column.type.kind in JSON_KINDS:
        return _document(value, column)
    if column.type.is_plain_text and not isinstance(value, str):
        raise _unfit(value, column)
    return _each(value, column)


def literal(value: Any, column: Column) -> str:
    """Make the text that stands for the value in a filter, not quoted yet."""
    if column.type.is_json:
        return _document_text(value, column)
    if isinstance(value, (list, tuple)) and column.type.array:
        if column.type.kind in JSON_KINDS:
            return quoting.array([None if v is None else _document_text(v, column) for v in value])
        return quoting.array(_literals(_each(value, column)))
    return str(_literals(_each(value, column)))


def body(content: Any) -> bytes:
    """Write a request body; a NUL in any text of it is refused before it is sent."""
    written = _dumped(content)
    if _ESCAPED_NUL.search(written):
        raise _nul(None)
    return written


def _document(value: Any, column: Column) -> Any:
    elements = value if column.type.array and isinstance(value, (list, tuple)) else (value,)
    if any(element is JSON_NULL for element in elements):
        raise UnsupportedOperationError(
            STORE,
            f"writing the JSON document null to column {column.name!r}",
            "PostgREST makes SQL NULL of it: write None, wrap it in an object or array, or use the PostgreSQL store",
        )
    _document_text(value, column)
    return value


def _document_text(value: Any, column: Column) -> str:
    written = _dumped(value, column)
    if _ESCAPED_NUL.search(written):
        raise _nul(column)
    return written.decode()


def _dumped(content: Any, column: Column | None = None) -> bytes:
    field = column.name if column else None
    try:
        return dump_document(content).encode()
    except InvalidValueError as error:
        raise InvalidValueError(error.rule, field=field) from None
    except UnicodeEncodeError:
        raise InvalidValueError("a value cannot be written as JSON", field=field) from None


def _each(value: Any, column: Column) -> Any:
    if isinstance(value, (list, tuple)):
        return [None if element is None else _each(element, column) for element in value]
    return _scalar(value, column)


def _literals(value: Any) -> Any:
    if isinstance(value, list):
        return [_literals(element) for element in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)


def _scalar(value: Any, column: Column) -> bool | int | str:
    _check_kind(value, column)
    match value:
        case bool() | int():
            return value
        case str():
            if "\0" in value:
                raise _nul(column)
            return str(_clock_reading(value, column)) if column.type.kind is Kind.TIMESTAMP else value
        case float():
            return repr(value)
        case Decimal() | UUID():
            return str(value)
        case datetime():
            return _moment(value, column).isoformat()
        case date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
    raise _unfit(value, column)


def _check_kind(value: Any, column: Column) -> None:
    """Refuse what the server would convert in ways of its own: numbers to booleans, text to bytes, words to times."""
    kind = column.type.kind
    if isinstance(value, (bytes, bytearray, memoryview)) != (kind is Kind.BYTEA):
        raise _unfit(value, column)
    if kind is Kind.BOOLEAN and not isinstance(value, (bool, str)):
        raise _unfit(value, column)
    if kind is Kind.DATE and isinstance(value, datetime):
        raise _bad_time("a date is wanted, not a moment", column, "22007")
    if isinstance(value, str) and (parse := _TIMES.get(kind)) is not None:
        try:
            parse(value.strip())
        except ValueError:
            raise _bad_time("a date or time is malformed; write it as ISO 8601 does", column, "22007") from None


_TIMES: Mapping[Kind, Callable[[str], object]] = {
    Kind.DATE: date.fromisoformat,
    Kind.TIME: time.fromisoformat,
    Kind.TIMESTAMP: datetime.fromisoformat,
    Kind.TIMESTAMPTZ: datetime.fromisoformat,
}


def _bad_time(words: str, column: Column, sqlstate: str) -> UnfitValueError:
    return UnfitValueError(words, store=STORE, operation="encode", sqlstate=sqlstate, columns=(column.name,))


def _unfit(value: Any, column: Column) -> UnfitValueError:
    return UnfitValueError(
        f"a {type(value).__name__} cannot be sent to this column",
        store=STORE,
        operation="encode",
        sqlstate="42804",
        columns=(column.name,),
    )


def _moment(value: datetime, column: Column) -> datetime:
    """Read a naive instant as UTC, and write an aware one to a column without zone as UTC, as the other stores do."""
    if column.type.kind is Kind.TIMESTAMPTZ and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    if column.type.kind is Kind.TIMESTAMP:
        moment: datetime = _clock_reading(value, column)
        return moment
    return value


def _clock_reading(value: datetime | str, column: Column) -> Any:
    try:
        return clock_reading(value)
    except OverflowError:
        raise _bad_time("a time is out of range in UTC", column, "22008") from None


def _nul(column: Column | None) -> UnfitValueError:
    return UnfitValueError(
        "text must not contain NUL characters",
        store=STORE,
        operation="encode",
        sqlstate="22021",
        columns=(column.name,) if column else (),
    )
