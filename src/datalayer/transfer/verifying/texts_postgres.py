"""The canonical text of a row as PostgreSQL's SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.stores.sql_names import quote
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.verifying.snapshots import Side
from datalayer.transfer.verifying.texts import Form, SideName, form_of, ordered_columns, places_of, sides

#: Numerics have infinities since this version.
_OLDEST: Final = 14
#: A function takes at most 100 arguments, and a column is at most three.
_COLUMNS_AT_ONCE: Final = 30
_ENDS: Final = {";": "';'", "\n": "E'\\n'"}
_PLAIN_TEXTS: Final = ("text", "character varying")


async def server_spells(side: Side) -> bool:
    """Whether the server's texts are those of Python, character by character."""
    query = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
    ((version, encoding),) = await side.ask(query)
    return bool(version >= _OLDEST and encoding == "UTF8")


@dataclass(frozen=True, slots=True)
class PostgresColumns:
    """SQL of a table's texts.

    Args:
        key: the key's columns.
    """

    table: str
    key: tuple[str, ...]
    key_text: str
    row_text: str


def postgres_columns(pair: TablePair, side: SideName) -> PostgresColumns | None:
    """Return how a server spells one side of a table; None where it has a column that only Python spells."""
    parts: dict[str, str] = {}
    for column in ordered_columns(pair):
        part = _part(quote(column.source.name), *sides(column, side))
        if part is None:
            return None
        parts[column.source.name] = part
    return PostgresColumns(
        quote(pair.name),
        tuple(quote(each) for each in pair.key),
        _together([parts[each] for each in pair.key]),
        _together(list(parts.values())),
    )


def _together(parts: Sequence[str]) -> str:
    """Join parts; concat() takes NULL for nothing, and writes every type as it prints."""
    groups = [parts[start : start + _COLUMNS_AT_ONCE] for start in range(0, len(parts), _COLUMNS_AT_ONCE)]
    return " || ".join(f"concat({', '.join(group)})" for group in groups)


def _part(name: str, mine: ColumnType, other: ColumnType) -> str | None:
    """Return arguments of concat() for a column."""
    form = form_of(mine, other)
    if form is Form.TEXT:
        text = _text(name, mine, other)
        return None if text is None else f"length({text}), ':', {text}"
    spelled = _array(name, mine, other) if form is Form.ARRAY else _single(name, form, mine, other)
    return None if spelled is None else f"{spelled}, {_ENDS[form.end]}"


def _text(name: str, mine: ColumnType, other: ColumnType) -> str | None:
    if mine.kind is Kind.UUID:
        return f"{name}::text"
    if other.kind is Kind.UUID:
        return None
    # A cast would cut the spaces that fill up a character(n).
    return name if _is_plain(mine) else f"CASE WHEN {name} IS NOT NULL THEN concat({name}) END"


def _is_plain(column_type: ColumnType) -> bool:
    return column_type.kind is Kind.TEXT and column_type.declared.partition("(")[0].removesuffix("[]") in _PLAIN_TEXTS


def _single(name: str, form: Form, mine: ColumnType, other: ColumnType) -> str | None:
    if form is Form.NUMBER:
        return name if places_of(mine, other) else _number(name, mine.kind, other.kind)
    if form is Form.FLOAT:
        return _float(name, mine.kind, other.kind)
    if form is Form.DOCUMENT:
        return _document(name) if mine.kind is Kind.JSONB else None
    return f"{name}::timestamp" if mine.kind is Kind.TIMESTAMPTZ else name


def _number(name: str, mine: Kind, other: Kind) -> str | None:
    if mine in INTEGERS:
        return name
    if mine is Kind.BOOLEAN:
        return f"{name}::int"
    return f"trim_scale({name})" if mine is Kind.NUMERIC and other is not Kind.REAL else None


def _float(name: str, mine: Kind, other: Kind) -> str | None:
    if mine is Kind.DOUBLE and other is Kind.REAL:
        # A number that single precision does not reach is an error on the server.
        return None
    return f"CASE WHEN {name} = 'NaN' THEN 'NaN' ELSE encode(float8send({name}::float8 + 0), 'hex') END"


def _document(name: str) -> str:
    compact = f"json_strip_nulls({name}::json)::text"
    return f"CASE WHEN strpos({name}::text, 'null') = 0 THEN {compact} ELSE {name}::text END"


def _array(name: str, mine: ColumnType, other: ColumnType) -> str | None:
    plain = mine.kind in INTEGERS or (mine.kind is other.kind and (mine.kind is Kind.UUID or _is_plain(mine)))
    return f"array_to_json({name})::text" if plain and other.kind is not Kind.REAL else None
