"""Python values on their way to PostgreSQL, by the type of the column they are meant for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from types import NoneType
from typing import Any, TypeAlias

import psycopg
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Float4
from pydantic_core import PydanticSerializationError, from_json, to_json

from datalayer.query import JSON_NULL
from datalayer.stores.catalog import Column, ColumnType, Kind
from datalayer.stores.documents import dump_document, dump_documents
from datalayer.stores.moments import clock_reading

Encoder: TypeAlias = Callable[[Any], Any]
#: The same for many values of a column at once.
ColumnEncoder: TypeAlias = Callable[[list[Any]], list[Any]]


class UnfitParameter(psycopg.DataError):
    """A value that the server would take, but not exactly. The message is ours and carries no value."""

    def __init__(self, message: str, unfit_sqlstate: str) -> None:
        super().__init__(message)
        self.unfit_sqlstate = unfit_sqlstate


def load_json(data: str | bytes) -> Any:
    """Parse a json or jsonb value; the document ``null`` is JSON_NULL, SQL NULL never comes here."""
    parsed = from_json(data)
    return JSON_NULL if parsed is None else parsed


def encoder(column_type: ColumnType) -> Encoder | None:
    """Return what turns a value for this column into a psycopg parameter; None when nothing needs doing."""
    if column_type.kind in (Kind.JSON, Kind.JSONB):
        return _json_elements if column_type.array else _json_document
    element = _ELEMENTS.get(column_type.kind)
    return _array_of(element) if column_type.array else element


def list_encoder(column_type: ColumnType) -> Encoder:
    """Return what turns the values of an in-list into one array parameter."""
    element = encoder(column_type)
    if element is None:
        return list
    return lambda values: [element(value) for value in values]


def cast_name(declared: str) -> str:
    """Return the type's name to cast to, without its length: an explicit cast to varchar(20) would cut silently."""
    bare = re.sub(r"\([^)]*\)", "", declared)
    array = "[]" if bare.endswith("[]") else ""
    name = bare.removesuffix("[]").strip()
    return {"character": "bpchar", "bit": "bit varying"}.get(name, name) + array


def fits_json_records(columns: Iterable[Column]) -> bool:
    """Whether rows of these columns can travel as one JSON parameter without losing anything."""
    return not any(c.type.array and c.type.kind in (Kind.BYTEA, Kind.JSON, Kind.JSONB) for c in columns)


def json_records(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> bytes:
    """Write rows as one JSON array of objects for ``jsonb_to_recordset``.

    JSON columns travel as text, so that the document null stays apart from SQL NULL; bytea as hexadecimal.
    """
    for column in columns:
        check_types(map(itemgetter(column.name), rows), column.type)
    recoded = {column.name: recode for column in columns if (recode := record_encoder(column.type))}
    records: Sequence[Any] = list(map(dict, rows)) if recoded else rows
    for name, recode in recoded.items():
        holders = [record for record in records if record[name] is not None]
        for record, value in zip(holders, recode([record[name] for record in holders]), strict=True):
            record[name] = value
    return _write_json(records, inf_nan_mode="strings", bytes_mode="hex")


def write_encoder(column_type: ColumnType) -> Encoder | None:
    """Return the encoder of a value that is to be stored: what the server would turn into text or truth is refused."""
    wanted = _python_type(column_type)
    if wanted is None:
        return encoder(column_type)

    def alone(value: Any) -> Any:
        if value is None or isinstance(value, wanted):
            return value
        raise UnfitParameter("a value has the wrong type for its column", "42804")

    return alone


def _python_type(column_type: ColumnType) -> type | None:
    """Return the only type whose values go into the column as they are; None where others do as well."""
    if column_type.is_plain_text:
        return str
    return bool if column_type.kind is Kind.BOOLEAN and not column_type.array else None


def check_types(values: Iterable[Any], column_type: ColumnType) -> None:
    """Refuse values that the server would turn into text or truth."""
    wanted = _python_type(column_type)
    if wanted is None:
        return
    for kind in set(map(type, values)) - {NoneType, wanted}:
        if not issubclass(kind, wanted):
            raise UnfitParameter("a value has the wrong type for its column", "42804")


def record_encoder(column_type: ColumnType) -> ColumnEncoder | None:
    """Return what turns values, none of them None, into what JSON records or lines of COPY hold; None: as they are."""
    return _RECORD_FIELDS.get((column_type.kind, column_type.array))


def record_type(column: Column) -> str:
    """Return the type of the column inside ``jsonb_to_recordset``."""
    return "text" if column.type.is_json or column.type.kind is Kind.BYTEA else column.type.declared


def record_value(column: Column, quoted: str) -> str:
    """Return the SQL that turns a field of the recordset into the column's value."""
    if column.type.is_json:
        return f"{quoted}::{column.type.declared}"
    if column.type.kind is Kind.BYTEA:
        return f"decode({quoted}, 'hex')"
    return quoted


def _write_json(value: Any, **options: Any) -> bytes:
    try:
        return to_json(value, **options)
    except PydanticSerializationError:
        raise UnfitParameter("a value of this Python type cannot be sent to PostgreSQL", "42804") from None


def _json_document(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value, dump_document)


def _json_elements(value: Any) -> Any:
    return None if value is None else [_json_document(element) for element in value]


def _exact_number(value: Any) -> Any:
    """Send a float as the decimal it prints as: compared as double precision it would miss equal numerics."""
    return Decimal(str(value)) if type(value) is float else value


def _whole_number(value: Any) -> Any:
    """Send a number that may have a fraction as text, which the server refuses; as a number it would be rounded."""
    return str(value) if type(value) in (float, Decimal) else value


def _clock_reading(value: Any) -> Any:
    try:
        return clock_reading(value)
    except OverflowError:
        raise UnfitParameter("a time is out of range in UTC", "22008") from None


def _single_precision(value: Any) -> Any:
    """Compare as the column does: no double is equal to a real but a few."""
    return Float4(value) if type(value) is float else value


def _octets(value: Any) -> Any:
    """Take bytes alone: the server reads text for a bytea column as hexadecimal or as escapes, by how it begins."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    raise UnfitParameter("bytes are wanted", "42804")


def _calendar_day(value: Any) -> Any:
    """Refuse a moment for a date: the server would cut its time off silently."""
    if isinstance(value, datetime):
        raise UnfitParameter("a date is wanted, not a moment", "22007")
    return value


def _array_of(element: Encoder | None) -> Encoder:
    def encode(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [encode(item) for item in value]
        return value if element is None or value is None else element(value)

    return encode


_ELEMENTS: Mapping[Kind, Encoder] = {
    Kind.SMALLINT: _whole_number,
    Kind.INTEGER: _whole_number,
    Kind.BIGINT: _whole_number,
    Kind.NUMERIC: _exact_number,
    Kind.REAL: _single_precision,
    Kind.BYTEA: _octets,
    Kind.DATE: _calendar_day,
    Kind.TIMESTAMP: _clock_reading,
}


def _each(encode: Encoder) -> ColumnEncoder:
    return lambda values: list(map(encode, values))


#: What turns values into fields of JSON records, by kind and whether it is an array; others go as they are.
_RECORD_FIELDS: Mapping[tuple[Kind, bool], ColumnEncoder] = {
    (Kind.JSON, False): dump_documents,
    (Kind.JSONB, False): dump_documents,
    (Kind.BYTEA, False): _each(_octets),
    (Kind.DATE, False): _each(_calendar_day),
    (Kind.DATE, True): _each(_array_of(_calendar_day)),
    (Kind.TIMESTAMP, False): _each(_clock_reading),
    (Kind.TIMESTAMP, True): _each(_array_of(_clock_reading)),
}
