"""Sums of row hashes computed inside two PostgreSQL servers, where both hash alike.

``hash_record_extended`` gives the same 64 bits for the same values on servers of one major version. It combines its
columns linearly, so sums of it would not see values swapped between two rows; each row's hash is hashed once more.
Source: PostgreSQL's src/backend/utils/adt/rowtypes.c, hash_record_extended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from datalayer.stores.catalog import JSON_KINDS
from datalayer.stores.contract import Store
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.ddl.names import quote
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.verifying.cuts import Cut, HashCut, RangeCut
from datalayer.transfer.verifying.snapshots import Side, together

#: Rows and sum of row hashes by segment.
Sums: TypeAlias = dict[int, tuple[int, int]]

#: hash_record_extended came with this version.
_OLDEST: Final = 14
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
    """How one server hashes a column: its family and whether it is an array; None where only its text can be hashed."""

    family: tuple[str, bool] | None
    table_rows: int


_Known: TypeAlias = dict[tuple[str, str], _Facts]


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How both servers hash one table.

    Args:
        key: SQL of the key's columns.
        row: SQL of the row's hash.
        exact: whether unequal hashes always mean unequal values; text of a JSON document may differ in spaces alone.
        rows: about how many rows the larger side has.
    """

    table: str
    key: tuple[str, ...]
    row: str
    exact: bool
    rows: int
    ranged: bool

    async def cuts(self, source: Side, target: Side) -> Sequence[Cut]:
        """Return cuts that together are the whole table, each compared by one statement on each side."""
        by_hash = HashCut(f"hash_record_extended(ROW({', '.join(self.key)}), 1)")
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
        again = f"hashbyteaextended(int8send({self.row}), 0)"
        query = f"SELECT {cut.number}, count(*), sum({again}) FROM {self.table} WHERE {cut.within} GROUP BY 1"
        return {segment: (rows, int(total)) for segment, rows, total in await side.ask(query)}

    async def hashes(self, side: Side, condition: str) -> dict[tuple[object, ...], list[int]]:
        """Return row hashes by key of the rows that meet a condition; a side without the key may have several."""
        query = f"SELECT {self.row}, {', '.join(self.key)} FROM {self.table} WHERE {condition}"
        found: dict[tuple[object, ...], list[int]] = {}
        for hashed, *key in await side.ask(query):
            found.setdefault(tuple(key), []).append(hashed)
        return found


class Servers:
    """What is known of two servers that hash alike."""

    def __init__(self, source: _Known, target: _Known) -> None:
        self._source = source
        self._target = target

    def plan(self, pair: TablePair) -> ServerPlan | None:
        """Return how a table is hashed; None where the servers would hash equal values differently."""
        if not pair.key or not pair.columns:
            return None
        expressions: dict[str, str] = {}
        exact, rows = True, 0
        for column in sorted(pair.columns, key=lambda each: each.source.name):
            name = column.source.name
            mine, theirs = self._source.get((pair.name, name)), self._target.get((pair.name, name))
            if mine is None or theirs is None or mine.family != theirs.family:
                return None
            rows = max(rows, mine.table_rows, theirs.table_rows)
            expressions[name] = _hashed(quote(name), mine.family)
            if mine.family is None:
                if column.source.type.declared != column.target.type.declared:
                    return None
                exact = False
        types = [pair.source.by_name[name].type for name in pair.key]
        if any(each.array or each.kind in JSON_KINDS for each in types):
            return None
        whole = all(side.by_name[pair.key[0]].type.kind in INTEGERS for side in (pair.source, pair.target))
        return ServerPlan(
            table=quote(pair.name),
            key=tuple(quote(name) for name in pair.key),
            row=f"hash_record_extended(ROW({', '.join(expressions.values())}), 0)",
            exact=exact,
            rows=rows,
            ranged=whole and len(pair.key) == 1,
        )


def _hashed(column: str, family: tuple[str, bool] | None) -> str:
    """Return the SQL of what is hashed of a column; the hash of an array is blind to the lengths of its dimensions."""
    if family is None:
        return f'{column}::text COLLATE "C"'
    _, array = family
    return f"{column}, CASE WHEN array_ndims({column}) > 1 THEN array_dims({column}) END" if array else column


async def hash_alike(source: Side, target: Side) -> Servers | None:
    """Return what is known of two PostgreSQL servers; None where they need not hash alike."""
    if not (_is_postgres(source.store) and _is_postgres(target.store)):
        return None
    query = "SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding')"
    mine, theirs = await together(source.ask(query), target.ask(query))
    if mine != theirs or mine[0][0] < _OLDEST:
        return None
    return Servers(*await together(_known(source), _known(target)))


async def _known(side: Side) -> _Known:
    known: _Known = {}
    for table, column, type_name, array, deterministic, rows in await side.ask(_TYPES):
        family = _FAMILIES.get(type_name) if deterministic else None
        known[table, column] = _Facts(None if family is None else (family, array), rows)
    return known


def _is_postgres(store: Store) -> bool:
    return store.name == "postgres"
