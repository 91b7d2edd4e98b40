"""The canonical text of a row as PostgreSQL's SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.stores.sql_names import quote
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.verifying.cut_sql import APART
from datalayer.transfer.verifying.snapshots import Side
from datalayer.transfer.verifying.texts import Form, SideName, form_of, ordered_columns, places_of, sides

#: Numerics have infinities since this version.
_OLDEST: Final = 14
#: A function takes at most 100 arguments, and a column is at most three.
_COLUMNS_AT_ONCE: Final = 30
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
        documents: what is selected of the table so that each document is printed once, though its spelling looks at
            it several times; nothing where there are none.
    """

    table: str
    key: tuple[str, ...]
    key_text: str
    row_text: str
    documents: str = ""

    def rows(self, where: str) -> str:
        """SQL: what segments and hashes are selected from."""
        rows = f"{self.table} WHERE {where} {APART}"
        return f"(SELECT {self.documents} FROM {rows}) AS row {APART}" if self.documents else rows


def postgres_columns(pair: TablePair, side: SideName, *, printed: bool = False) -> PostgresColumns | None:
    """Return how a server spells one side of a table; None where it has a column that only Python spells.

    Args:
        printed: documents as PostgreSQL prints them, which takes it a third of the time, for another server alone.
    """
    parts: dict[str, str] = {}
    selected: list[str] = []
    for column in ordered_columns(pair):
        name, spelled = quote(column.source.name), _spelled(*sides(column, side), printed=printed)
        if spelled is None:
            return None
        parts[column.source.name] = _SPELLED[spelled].format(name)
        selected.append(f"to_json({name}) AS {name}" if spelled == "document" else name)
    return PostgresColumns(
        quote(pair.name),
        tuple(quote(each) for each in pair.key),
        _together([parts[each] for each in pair.key]),
        _together(list(parts.values())),
        ", ".join(selected) if any(each.startswith("to_json(") for each in selected) else "",
    )


def _together(parts: Sequence[str]) -> str:
    """Join parts; concat() takes NULL for nothing, and writes every type as it prints."""
    groups = [parts[start : start + _COLUMNS_AT_ONCE] for start in range(0, len(parts), _COLUMNS_AT_ONCE)]
    return " || ".join(f"concat({', '.join(group)})" for group in groups)


def _spelled(mine: ColumnType, other: ColumnType, *, printed: bool) -> str | None:
    spelled = spelled_as(mine, other)
    return "printed document" if spelled == "document" and printed else spelled


def spelled_as(mine: ColumnType, other: ColumnType) -> str | None:
    """Name the way in which a server spells a column; None where only Python does.

    The names are those that ``datalayer_sums`` of sql/supabase knows, too.
    """
    form = form_of(mine, other)
    if form is Form.TEXT:
        return _text(mine, other)
    if form is Form.ARRAY:
        plain = mine.kind in INTEGERS or (mine.kind is other.kind and (mine.kind is Kind.UUID or _is_plain(mine)))
        return "array" if plain and other.kind is not Kind.REAL else None
    if form is Form.NUMBER:
        return "plain" if places_of(mine, other) else _number(mine.kind, other.kind)
    if form is Form.FLOAT:
        # A double that single precision does not reach is an error on the server.
        return None if mine.kind is Kind.DOUBLE and other.kind is Kind.REAL else "float"
    if form is Form.DOCUMENT:
        return "document" if mine.kind is Kind.JSONB else None
    return "moment" if mine.kind is Kind.TIMESTAMPTZ else "plain"


def _text(mine: ColumnType, other: ColumnType) -> str | None:
    if mine.kind is Kind.UUID:
        return "uuid as text"
    if other.kind is Kind.UUID:
        return None
    return "text" if _is_plain(mine) else "other as text"


def _is_plain(column_type: ColumnType) -> bool:
    return column_type.kind is Kind.TEXT and column_type.declared.partition("(")[0].removesuffix("[]") in _PLAIN_TEXTS


def _number(mine: Kind, other: Kind) -> str | None:
    if mine in INTEGERS:
        return "plain"
    if mine is Kind.BOOLEAN:
        return "truth"
    return "trimmed" if mine is Kind.NUMERIC and other is not Kind.REAL else None


#: Arguments of concat() by the name of the spelling.
_SPELLED: Final[Mapping[str, str]] = {
    "text": "length({0}), ':', {0}",
    "uuid as text": "length({0}::text), ':', {0}::text",
    # A cast would cut the spaces that fill up a character(n).
    "other as text": "length({1}), ':', {1}".replace("{1}", "CASE WHEN {0} IS NOT NULL THEN concat({0}) END"),
    "plain": "{0}, ';'",
    "truth": "{0}::int, ';'",
    "trimmed": "trim_scale({0}), ';'",
    "moment": "{0}::timestamp, ';'",
    "float": "CASE WHEN {0} = 'NaN' THEN 'NaN' ELSE encode(float8send({0}::float8 + 0), 'hex') END, ';'",
    "document": "CASE WHEN strpos({0}::text, 'null') = 0 THEN json_strip_nulls({0}::json) ELSE {0}::json END, E'\\n'",
    "printed document": "{0}, E'\\n'",
    "array": "array_to_json({0}), E'\\n'",
}
