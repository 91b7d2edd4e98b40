"""The canonical text of a row as PostgreSQL's SQL, hashed and added inside the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from datalayer.stores.catalog import ColumnType, Kind
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.ddl.names import quote
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.verifying.cut_sql import CutSql
from datalayer.transfer.verifying.cuts import Cut
from datalayer.transfer.verifying.plans import Hashes, Sums
from datalayer.transfer.verifying.snapshots import Side
from datalayer.transfer.verifying.texts import MODULUS, Form, SideName, form_of, ordered_columns, sides

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
class PostgresTexts:
    """A table hashed by its canonical texts inside one server.

    Args:
        key: SQL of the key's columns.
        key_text: SQL of the key's text.
        row_text: SQL of the row's text.
    """

    side: Side
    table: str
    key: tuple[str, ...]
    key_text: str
    row_text: str

    async def rows(self) -> int:
        """Return about how many rows the table has."""
        literal = self.table.replace("'", "''")
        ((rows,),) = await self.side.ask(
            f"SELECT greatest(reltuples, 0)::int8 FROM pg_class WHERE oid = '{literal}'::regclass"
        )
        return int(rows)

    async def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and the largest key."""
        ((low, high),) = await self.side.ask(f"SELECT min({self.key[0]}), max({self.key[0]}) FROM {self.table}")
        return None if low is None else (low, high)

    async def sums(self, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""
        # A number of 64 bits has a sign: each that is below zero lacks 2**64. OFFSET keeps the hash from being
        # computed once more for each use of it.
        query = (
            "SELECT segment, count(*), sum(hashed::bit(64)::int8), sum((hashed << 64)::bit(64)::int8),"
            " count(*) FILTER (WHERE get_bit(hashed, 64) = 1)"
            f" FROM (SELECT {self._cuts.number(cut)} AS segment, ('x' || md5({self.row_text}))::bit(128) AS hashed"
            f" FROM {self.table} WHERE {self._cuts.within(cut)} OFFSET 0) AS row GROUP BY 1"
        )
        return {
            segment: (rows, ((int(upper) + negative << 64) + int(lower)) % MODULUS)
            for segment, rows, upper, lower, negative in await self.side.ask(query)
        }

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments."""
        query = (
            f"SELECT {self.key_text}, md5({self.row_text}), {', '.join(self.key)}"
            f" FROM {self.table} WHERE {self._cuts.inside(cut, segments)}"
        )
        found: Hashes = {}
        for identity, hashed, *key in await self.side.ask(query):
            found.setdefault(identity, []).append((tuple(key), hashed))
        return found

    @property
    def _cuts(self) -> CutSql:
        return CutSql(self.key[0], f"('x' || left(md5({self.key_text}), 16))::bit(64)::int8")


def postgres_texts(side: Side, pair: TablePair, name: SideName) -> PostgresTexts | None:
    """Return how a server spells a table; None where it has a column that only Python spells."""
    parts: dict[str, str] = {}
    for column in ordered_columns(pair):
        part = _part(quote(column.source.name), *sides(column, name))
        if part is None:
            return None
        parts[column.source.name] = part
    return PostgresTexts(
        side,
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
        return _number(name, mine.kind, other.kind)
    if form is Form.DOCUMENT:
        return _document(name) if mine.kind is Kind.JSONB else None
    return f"{name}::timestamp" if mine.kind is Kind.TIMESTAMPTZ else name


def _number(name: str, mine: Kind, other: Kind) -> str | None:
    if mine in INTEGERS:
        return name
    if mine is Kind.BOOLEAN:
        return f"{name}::int"
    if mine is Kind.REAL:
        return f"trim_scale({name}::float8::text::numeric)"
    if other is Kind.REAL:
        # Which single precision number is nearest, Python and PostgreSQL do not always agree.
        return None
    return f"trim_scale({name})" if mine is Kind.NUMERIC else f"trim_scale({name}::text::numeric)"


def _document(name: str) -> str:
    compact = f"json_strip_nulls({name}::json)::text"
    return f"CASE WHEN strpos({name}::text, 'null') = 0 THEN {compact} ELSE {name}::text END"


def _array(name: str, mine: ColumnType, other: ColumnType) -> str | None:
    plain = mine.kind in INTEGERS or (mine.kind is other.kind and (mine.kind is Kind.UUID or _is_plain(mine)))
    return f"array_to_json({name})::text" if plain and other.kind is not Kind.REAL else None
