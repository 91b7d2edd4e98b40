"""A row as one line of JSON and back, exact for every kind.

boolean, whole numbers    JSON's own, all digits
numeric                   text: "12.50", "1E+3", "NaN", "Infinity"
real, double precision    the shortest number that reads back the same; "NaN", "Infinity", "-Infinity"
text                      text, also for types that have no kind of their own
uuid, date, time, moments text as in ISO 8601; timestamptz in UTC; one beyond it, as infinity, as PostgreSQL writes it
bytea                     text in URL-safe base64
json, jsonb               an array of one, [document], so that SQL NULL (null) stays apart from [null]
array                     an array of the above, nested as deep as it is
"""

from __future__ import annotations

import datetime as dt
import uuid
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from pydantic_core import from_json, to_json

from datalayer.query import JSON_NULL, Row
from datalayer.stores.catalog import JSON_KINDS, Column, ColumnType, Kind
from datalayer.transfer.odd_moments import END_OF_DAY, OddMoment

#: Raises TypeError or ValueError for what it cannot read.
Decoder: TypeAlias = Callable[[Any], Any]


class LineError(ValueError):
    """A line that is no row of its table; the message names the column where there is one, never the value."""


def row_encoder(columns: Sequence[Column]) -> Callable[[Row], bytes]:
    """Return what writes a row of these columns as one line, its end included."""
    documents = [(column.name, column.type.array) for column in columns if column.type.kind in JSON_KINDS]

    def encode(row: Row) -> bytes:
        if documents:
            row = row | {name: _boxed(row[name], array=array) for name, array in documents}
        return to_json(row, fallback=_json_null, inf_nan_mode="strings", bytes_mode="base64") + b"\n"

    return encode


def row_decoder(columns: Sequence[Column]) -> Callable[[bytes], Row]:
    """Return what reads a line as a row of these columns; it raises LineError."""
    decoders = {column.name: _decoder(column.type) for column in columns}

    def decode(line: bytes) -> Row:
        try:
            found = from_json(line)
        except ValueError:
            raise LineError("is not JSON") from None
        if type(found) is not dict or found.keys() != decoders.keys():
            raise LineError("is not an object of the table's columns")
        for name, read in decoders.items():
            value = found[name]
            if value is not None:
                try:
                    found[name] = read(value)
                except (TypeError, ValueError, InvalidOperation):
                    raise LineError(f"has no value of its type in {name}") from None
        return found

    return decode


def _boxed(value: Any, *, array: bool) -> Any:
    if value is None:
        return None
    return [_boxed(element, array=False) for element in value] if array else [value]


def _json_null(value: Any) -> None:
    if value is not JSON_NULL:
        raise TypeError(f"a {type(value).__name__} cannot be exported")


def _decoder(column_type: ColumnType) -> Decoder:
    element = _DECODERS[column_type.kind]
    if not column_type.array:
        return element
    nested = column_type.kind not in JSON_KINDS

    def decode(values: Any) -> list[Any]:
        return [
            None if value is None else decode(value) if nested and type(value) is list else element(value)
            for value in _exactly(list)(values)
        ]

    return decode


def _exactly(kind: type) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError
        return value

    return decode


def _floating(value: Any) -> float:
    if type(value) in (float, int) or value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise TypeError


def _from_text(read: Callable[[str], Any]) -> Decoder:
    return lambda value: read(_exactly(str)(value))


def _moment(read: Callable[[str], Any], kind: Kind) -> Decoder:
    def decode(text: str) -> Any:
        try:
            return OddMoment.read(kind, text) if text == END_OF_DAY else read(text)
        except ValueError:
            return OddMoment.read(kind, text)

    return _from_text(decode)


def _bytes(text: str) -> bytes:
    return b64decode(text, altchars=b"-_", validate=True)


def _document(boxed: Any) -> Any:
    if type(boxed) is not list or len(boxed) != 1:
        raise TypeError
    return JSON_NULL if boxed[0] is None else boxed[0]


_DECODERS: Mapping[Kind, Decoder] = {
    Kind.BOOLEAN: _exactly(bool),
    **dict.fromkeys((Kind.SMALLINT, Kind.INTEGER, Kind.BIGINT), _exactly(int)),
    Kind.NUMERIC: _from_text(Decimal),
    **dict.fromkeys((Kind.REAL, Kind.DOUBLE), _floating),
    Kind.TEXT: _exactly(str),
    Kind.UUID: _from_text(uuid.UUID),
    Kind.DATE: _moment(dt.date.fromisoformat, Kind.DATE),
    Kind.TIME: _moment(dt.time.fromisoformat, Kind.TIME),
    **{kind: _moment(dt.datetime.fromisoformat, kind) for kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ)},
    **dict.fromkeys((Kind.JSON, Kind.JSONB), _document),
    Kind.BYTEA: _from_text(_bytes),
}
