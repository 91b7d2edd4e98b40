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
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.ddl.names import quote
from datalayer.transfer.pairing import ColumnPair, TablePair
from datalayer.transfer.reports import Method
from datalayer.transfer.verifying.cuts import Cut, HashCut, RangeCut
from datalayer.transfer.verifying.snapshots import Side, together

#: Rows and sum of row hashes by segment.
Sums: TypeAlias = dict[int, tuple[int, int]]

#: hash_record_extended came with this version; sha256 and collations that are not deterministic with the other.
_OLDEST_TO_HASH: Final = 14
_OLDEST: Final = 12
#: Rows compared by one statement of a table with a whole-number key; the next one is a place to resume at.
_SLICE_ROWS: Final = 5_000_000
_MOST_SLICES: Final = 1000
_WIDEST_RANGE: Final = 1 << 62

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
        return "sum(hashbyteaextended(int8send(digest), 0))"

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
class ServerPlan:
    """How both servers hash one table.

    Args:
        key: SQL of the key's columns.
        rows: about how many rows the larger side has.
        exact: whether unequal hashes always mean unequal values; text of a JSON document may differ in spaces alone.
    """

    table: str
    key: tuple[str, ...]
    hashed_key: Hashing
    hashed_row: Hashing
    rows: int
    ranged: bool
    exact: bool

    @property
    def method(self) -> Method:
        """How it is called in a report."""
        return "SHA-256 inside both servers" if self.hashed_row.strong else "inside both servers"

    @property
    def bits(self) -> int:
        """Width of a checksum; the strong one is two numbers of 64 bits, the first in the upper 64."""
        return 160 if self.hashed_row.strong else 64

    async def cuts(self, source: Side, target: Side) -> Sequence[Cut]:
        """Return cuts that together are the whole table, each compared by one statement on each side."""
        by_hash = HashCut(self.hashed_key.number)
        if not self.ranged:
            return [by_hash]
        key = self.key[0]
        query = f"SELECT min({key}), max({key}) FROM {self.table}"
        bounds = await together(source.ask(query), target.ask(query))
        known = [bound for (row,) in bounds for bound in row if bound is not None]
        if not known:
            return [RangeCut(key, 0, 0)]
        low, high = min(known), max(known)
        if high - low >= _WIDEST_RANGE:
            return [by_hash]
        return RangeCut(key, low, high).slices(max(1, min(_MOST_SLICES, -(-self.rows // _SLICE_ROWS))))

    async def sums(self, side: Side, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""
        # The strong sum names the digest twice; without OFFSET the planner would compute it twice.
        once = "OFFSET 0" if self.hashed_row.strong else ""
        query = (
            f"SELECT segment, count(*), {self.hashed_row.summed}"
            f" FROM (SELECT {cut.number} AS segment, {self.hashed_row.digest} AS digest"
            f" FROM {self.table} WHERE {cut.within} {once}) AS hashed GROUP BY 1"
        )
        return {segment: (rows, int(total)) for segment, rows, total in await side.ask(query)}

    async def hashes(self, side: Side, condition: str) -> dict[tuple[object, ...], list[object]]:
        """Return row hashes by key of the rows that meet a condition; a side without the key may have several."""
        query = f"SELECT {self.hashed_row.row}, {', '.join(self.key)} FROM {self.table} WHERE {condition}"
        found: dict[tuple[object, ...], list[object]] = {}
        for hashed, *key in await side.ask(query):
            found.setdefault(tuple(key), []).append(hashed)
        return found


class Servers:
    """What is known of two PostgreSQL servers.

    Args:
        strong: whether rows are hashed by SHA-256.
    """

    def __init__(self, source: _Known, target: _Known, *, strong: bool) -> None:
        self._source = source
        self._target = target
        self._strong = strong

    def plan(self, pair: TablePair) -> ServerPlan | None:
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
        whole = all(side.by_name[pair.key[0]].type.kind in INTEGERS for side in (pair.source, pair.target))
        return ServerPlan(
            table=quote(pair.name),
            key=tuple(quote(name) for name in pair.key),
            hashed_key=Hashing(tuple(hashed[name] for name in pair.key), self._strong),
            hashed_row=Hashing(tuple(hashed.values()), self._strong),
            rows=rows,
            ranged=whole and len(pair.key) == 1,
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
        if mine.array and not self._strong:
            # The hash of an array is blind to the lengths of its dimensions.
            return f"{name}, CASE WHEN array_ndims({name}) > 1 THEN array_dims({name}) END"
        return name


async def read_servers(source: Side, target: Side, *, strong: bool) -> Servers | None:
    """Return what is known of two PostgreSQL servers; None where they cannot hash alike."""
    if not (source.store.name == target.store.name == "postgres"):
        return None
    query = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
    ((version, encoding),), ((other_version, other_encoding),) = await together(source.ask(query), target.ask(query))
    if encoding != other_encoding or min(version, other_version) < _OLDEST:
        return None
    strong = strong or version != other_version or version < _OLDEST_TO_HASH
    return Servers(*await together(_known(source), _known(target)), strong=strong)


async def _known(side: Side) -> _Known:
    known: _Known = {}
    for table, column, type_name, array, deterministic, rows in await side.ask(_TYPES):
        known[table, column] = _Facts(type_name if deterministic and type_name in _FAMILIES else None, array, rows)
    return known
