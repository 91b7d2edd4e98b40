"""Sums of row hashes computed inside two PostgreSQL servers, in one of two ways.

    one major version    hash_record_extended, 64 bits, hashed once more
    any, or --strong     SHA-256 of the row's binary form, 128 bits of it

``hash_record_extended`` gives the same 64 bits for the same values on servers of one major version. It combines its
columns linearly, so sums of it would not see values swapped between two rows: hence the second hash. The binary form
(record_send) has a length before each value, NULL apart from the empty text, and is the same on all versions.
Source: PostgreSQL's src/backend/utils/adt/rowtypes.c, hash_record_extended and record_send.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from datalayer.stores.catalog import JSON_KINDS, Kind
from datalayer.stores.sql_names import quote
from datalayer.transfer.pairing import ColumnPair, TablePair
from datalayer.transfer.verifying.cut_sql import APART, CutSql
from datalayer.transfer.verifying.cuts import Cut
from datalayer.transfer.verifying.plans import Hashes, Plan, Sums
from datalayer.transfer.verifying.snapshots import Side, together

#: hash_record_extended came with this version; sha256 and collations that are not deterministic with the other.
_OLDEST_TO_HASH: Final = 14
_OLDEST: Final = 12

#: Types whose hash is equal exactly where the canonical form is, by what their values share. The hash of a jsonb is
#: blind to where a nested array ends, so documents are hashed as text, as are all types that are not listed.
_FAMILIES: Final[Mapping[str, str]] = {
    "bool": "boolean",
    **dict.fromkeys(("int2", "int4", "int8"), "whole number"),
    "numeric": "numeric",
    "float4": "single float",
    "float8": "double float",
    **dict.fromkeys(("text", "varchar"), "text"),
    "uuid": "uuid",
    "date": "date",
    "time": "time",
    **dict.fromkeys(("timestamp", "timestamptz"), "moment"),
    "bytea": "bytes",
}

#: What the types of a family are cast to where both sides' types differ and their binary form counts.
_COMMON_TYPES: Final[Mapping[str, str]] = {"whole number": "int8", "text": "text"}

#: Types that are folded to 32 bits when they are hashed, and what has all 64.
_FOLDED: Final[Mapping[str, str]] = {
    "int8": "int8send({}::int8)",
    "timestamp": "timestamp_send({}::timestamp)",
    "timestamptz": "timestamptz_send({})",
    "time": "time_send({})",
}

_TYPES = """
    SELECT c.relname, a.attname, coalesce(element.typname, base.typname), element.oid IS NOT NULL,
           coalesce(l.collisdeterministic, true), greatest(c.reltuples, 0)::int8
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    JOIN pg_type base ON base.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
    LEFT JOIN pg_type element ON element.oid = base.typelem AND base.typcategory = 'A'
    LEFT JOIN pg_collation l ON l.oid = a.attcollation
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND pg_table_is_visible(c.oid)
    AND c.relnamespace <> 'pg_catalog'::regnamespace AND c.relnamespace <> 'information_schema'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class _Facts:
    """A column on one server: its type by name and whether it is an array; None where only its text can be hashed."""

    type_name: str | None
    array: bool
    table_rows: int

    @property
    def family(self) -> str | None:
        """What its values share with those of other types."""
        return None if self.type_name is None else _FAMILIES[self.type_name]


_Known: TypeAlias = dict[tuple[str, str], _Facts]


@dataclass(frozen=True, slots=True)
class Hashing:
    """How a row is hashed.

    Args:
        columns: SQL of what is hashed, brought to one type on both sides.
        strong: SHA-256 instead of the servers' own hash.
    """

    columns: tuple[str, ...]
    strong: bool

    @property
    def row(self) -> str:
        """SQL: the hash of a row, for comparison."""
        return f"encode({self._digest}, 'hex')" if self.strong else self._number(0)

    @property
    def number(self) -> str:
        """SQL: a whole number of 64 bits that two servers agree on."""
        return _as_number(self._digest, 1) if self.strong else self._number(1)

    @property
    def summed(self) -> str:
        """SQL: the sum of the hashes of rows, exact."""
        if self.strong:
            # Each sum of fewer than 2**32 numbers of 64 bits has its own place.
            return f"sum({_as_number('digest', 1)}) * {1 << 96} + sum({_as_number('digest', 9)})"
        # As its own seed all 64 bits of it are mixed, which hashint8 alone folds to 32; PostgreSQL has both since 11.
        return "sum(hashint8extended(digest, digest))"

    @property
    def digest(self) -> str:
        """SQL: what ``summed`` calls the digest of a row."""
        return self._digest if self.strong else self._number(0)

    @property
    def _digest(self) -> str:
        return f"sha256(record_send(ROW({', '.join(self.columns)})))"

    def _number(self, seed: int) -> str:
        return f"hash_record_extended(ROW({', '.join(self.columns)}), {seed})"


def _as_number(digest: str, place: int) -> str:
    return f"('x' || encode(substr({digest}, {place}, 8), 'hex'))::bit(64)::int8"


@dataclass(frozen=True, slots=True)
class ServerHalf:
    """One server's side of a table.

    Args:
        key: SQL of the key's columns.
    """

    side: Side
    table: str
    key: tuple[str, ...]
    hashed_key: Hashing
    hashed_row: Hashing

    async def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and the largest key."""
        ((low, high),) = await self.side.ask(f"SELECT min({self.key[0]}), max({self.key[0]}) FROM {self.table}")
        return None if low is None else (low, high)

    async def sums(self, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""
        query = (
            f"SELECT segment, count(*), {self.hashed_row.summed}"
            f" FROM (SELECT {self._cuts.number(cut)} AS segment, {self.hashed_row.digest} AS digest"
            f" FROM {self.table} WHERE {self._cuts.within(cut)} {APART}) AS hashed GROUP BY 1"
        )
        return {segment: (rows, int(total)) for segment, rows, total in await self.side.ask(query)}

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments."""
        condition = self._cuts.inside(cut, segments)
        query = f"SELECT {self.hashed_row.row}, {', '.join(self.key)} FROM {self.table} WHERE {condition}"
        found: Hashes = {}
        for hashed, *key in await self.side.ask(query):
            found.setdefault(tuple(key), []).append((tuple(key), hashed))
        return found

    @property
    def _cuts(self) -> CutSql:
        return CutSql(self.key[0], self.hashed_key.number)


class Servers:
    """What is known of two PostgreSQL servers.

    Args:
        strong: whether rows are hashed by SHA-256.
    """

    def __init__(self, sides: tuple[Side, Side], known: tuple[_Known, _Known], *, strong: bool) -> None:
        self._sides = sides
        self._source, self._target = known
        self._strong = strong

    def plan(self, pair: TablePair) -> Plan | None:
        """Return how a table is hashed; None where the servers would hash equal values differently."""
        if not pair.key or not pair.columns or not self._can_find(pair):
            return None
        hashed: dict[str, str] = {}
        rows, exact = 0, not self._strong
        for column in sorted(pair.columns, key=lambda each: each.source.name):
            place = pair.name, column.source.name
            mine, theirs = self._source.get(place), self._target.get(place)
            if mine is None or theirs is None:
                return None
            expression = self._hashed(column, mine, theirs)
            if expression is None:
                return None
            hashed[column.source.name] = expression
            rows = max(rows, mine.table_rows, theirs.table_rows)
            exact = exact and mine.family is not None
        hashed_key = Hashing(tuple(hashed[name] for name in pair.key), self._strong)
        hashed_row = Hashing(tuple(hashed.values()), self._strong)
        key = tuple(quote(name) for name in pair.key)
        source, target = (ServerHalf(side, quote(pair.name), key, hashed_key, hashed_row) for side in self._sides)
        return Plan(
            source,
            target,
            method="SHA-256 inside both servers" if self._strong else "inside both servers",
            # The strong sum is two numbers of 64 bits, the first in the upper 64.
            bits=160 if self._strong else 64,
            rows=rows,
            ranged=pair.key_is_whole_number,
            exact=exact,
        )

    def _can_find(self, pair: TablePair) -> bool:
        """Whether equal keys are sure to be in the same segment: numbers have several binary forms."""
        types = [side.by_name[name].type for name in pair.key for side in (pair.source, pair.target)]
        refused = JSON_KINDS | {Kind.NUMERIC, Kind.REAL, Kind.DOUBLE} if self._strong else JSON_KINDS
        return not any(each.array or each.kind in refused for each in types)

    def _hashed(self, column: ColumnPair, mine: _Facts, theirs: _Facts) -> str | None:
        """Return the SQL of what is hashed of a column; None where the two sides' types have nothing in common."""
        name, same = quote(column.source.name), mine.type_name == theirs.type_name
        if mine.family != theirs.family or mine.array != theirs.array:
            return None
        if mine.family is None:
            return f'{name}::text COLLATE "C"' if column.source.type.declared == column.target.type.declared else None
        if self._strong and not same:
            common = _COMMON_TYPES.get(mine.family)
            return None if common is None else f"{name}::{common}{'[]' if mine.array else ''}"
        if not self._strong and {mine.type_name, theirs.type_name} & _FOLDED.keys():
            return _unfolded(name, mine, theirs)
        if mine.array and not self._strong:
            # The hash of an array is blind to the lengths of its dimensions.
            return f"{name}, CASE WHEN array_ndims({name}) > 1 THEN array_dims({name}) END"
        return name


def _unfolded(name: str, mine: _Facts, theirs: _Facts) -> str:
    if mine.array:
        # Without what tells where an array begins to count.
        return f"array_to_json({name}{'::timestamp[]' if mine.family == 'moment' else ''})::text"
    common = mine.type_name if mine.type_name == theirs.type_name else None
    return _FOLDED[common or ("timestamp" if mine.family == "moment" else "int8")].format(name)


async def read_servers(source: Side, target: Side, *, strong: bool) -> Servers | None:
    """Return what is known of two PostgreSQL servers; None where they cannot hash alike."""
    if not (source.store.name == target.store.name == "postgres"):
        return None
    query = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
    ((version, encoding),), ((other_version, other_encoding),) = await together(source.ask(query), target.ask(query))
    if encoding != other_encoding or min(version, other_version) < _OLDEST:
        return None
    strong = strong or version != other_version or version < _OLDEST_TO_HASH
    return Servers((source, target), await together(_known(source), _known(target)), strong=strong)


async def _known(side: Side) -> _Known:
    known: _Known = {}
    for table, column, type_name, array, deterministic, rows in await side.ask(_TYPES):
        known[table, column] = _Facts(type_name if deterministic and type_name in _FAMILIES else None, array, rows)
    return known
