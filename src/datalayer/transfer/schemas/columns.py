"""The columns of one table on both sides: types, NULLs, defaults, numbering."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from datalayer.stores.catalog import Column, ColumnType, DomainType, Kind, Table
from datalayer.stores.contract import StoreName
from datalayer.transfer.conversions import INTEGERS, comparable
from datalayer.transfer.ddl.defaults import is_null, postgres_default, read_default
from datalayer.transfer.ddl.own_types import as_base
from datalayer.transfer.limits import INTEGER_BITS, modifiers
from datalayer.transfer.schemas.own_types import compare_own_types
from datalayer.transfer.schemas.reports import SchemaDifference, Weight

_FLOATS = frozenset({Kind.REAL, Kind.DOUBLE})
#: Kinds that do not keep every value of the other; whether one is there is seen when it moves.
_NARROWER: frozenset[tuple[Kind, Kind]] = frozenset(
    {
        *((number, whole) for number in (*_FLOATS, Kind.NUMERIC) for whole in INTEGERS),
        *((number, single) for number in (*INTEGERS, Kind.NUMERIC, Kind.DOUBLE) for single in _FLOATS - {number}),
        *((whole, Kind.BOOLEAN) for whole in INTEGERS),
        (Kind.TEXT, Kind.UUID),
    }
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the rows of a table told.

    Args:
        fitting: columns with a narrower type in the target, all of whose values fit it.
        without_nulls: columns of the source's key that may be NULL and are in no row.
    """

    fitting: Collection[str] = ()
    without_nulls: Collection[str] = ()


def compare_columns(
    source: Table, target: Table, stores: tuple[StoreName, StoreName], looked: Looked = Looked()
) -> Iterator[SchemaDifference]:
    """Yield what differs."""
    for column in source.columns:
        other = target.by_name.get(column.name)
        if other is None:
            yield _absent(source, column)
            continue
        fits, nulls = column.name in looked.fitting, column.name not in looked.without_nulls
        own = compare_own_types((source, column), (target, other), fits=fits)
        mine, theirs = _comparable(source, column, target, other)
        for weight, what in (*_types(mine, theirs, fits=fits), *own, *_rules(mine, theirs, stores, nulls=nulls)):
            yield SchemaDifference(weight, source.name, f"column {column.name}", what)
    for column in target.columns:
        if column.name not in source.by_name:
            yield _extra(target, column)


def _comparable(source: Table, column: Column, target: Table, other: Column) -> tuple[Column, Column]:
    """Return the columns as what they come down to, unless both are of domains, whose rules are compared themselves."""
    domains = [isinstance(t.own_type(c.type.declared), DomainType) for t, c in ((source, column), (target, other))]
    return (column, other) if all(domains) else (as_base(source, column), as_base(target, other))


def _absent(table: Table, column: Column) -> SchemaDifference:
    if column.generated:
        what = "is computed in the source and is missing from the target: its values are not moved"
        return SchemaDifference(Weight.LOSES, table.name, f"column {column.name}", what)
    return SchemaDifference(Weight.BLOCKS, table.name, f"column {column.name}", "is missing from the target")


def _extra(table: Table, column: Column) -> SchemaDifference:
    filled = column.nullable or column.identity or column.generated or column.default is not None
    if filled:
        return SchemaDifference(Weight.HARMLESS, table.name, f"column {column.name}", "is only in the target")
    what = "is only in the target, NOT NULL and without a default: no row can be written"
    return SchemaDifference(Weight.BLOCKS, table.name, f"column {column.name}", what)


def _types(source: Column, target: Column, *, fits: bool) -> Iterator[tuple[Weight, str]]:
    mine, theirs = source.type, target.type
    change = f"{mine.declared} becomes {theirs.declared}"
    if target.generated:
        if not source.generated:
            yield Weight.LOSES, "is computed in the target: the source's values are not moved"
    elif not comparable(mine, theirs):
        yield Weight.BLOCKS, f"{change}, which does not mean the same"
    elif fits:
        yield Weight.HARMLESS, f"{change}, and every value that is there now fits"
    elif is_narrower(mine, theirs):
        yield Weight.BLOCKS, f"{change}: a value beyond it stops the move"
    elif (mine.kind, theirs.kind) == (Kind.TIMESTAMPTZ, Kind.TIMESTAMP):
        yield Weight.LOSES, f"{change}: moments stay, in UTC, and no longer say so"
    elif (mine.kind, theirs.kind) == (Kind.JSON, Kind.JSONB):
        yield Weight.LOSES, f"{change}: spaces, doubled members and the order of members go"
    elif mine.kind is not theirs.kind:
        yield Weight.HARMLESS, change
    if source.generated and not target.generated:
        yield Weight.LOSES, "is computed in the source; the target keeps the values and computes no new ones"


def whole_number_bits(source: Column, target: Column) -> int | None:
    """Return the bits of the target's whole numbers where the source's have more: a store can be asked what fits."""
    mine, theirs = source.type, target.type
    if mine.array or theirs.array or not {mine.kind, theirs.kind} <= INTEGERS or not is_narrower(mine, theirs):
        return None
    return INTEGER_BITS[theirs.kind]


def is_narrower(source: ColumnType, target: ColumnType) -> bool:
    """Whether the target's type does not keep every value of the source's."""
    if (source.kind, target.kind) in _NARROWER:
        return True
    if target.kind in INTEGERS and source.kind in INTEGERS:
        return INTEGER_BITS[target.kind] < INTEGER_BITS[source.kind]
    limits, given = modifiers(target.declared), modifiers(source.declared)
    if limits is None or target.kind in _FLOATS:
        return False
    if target.kind is Kind.NUMERIC and source.kind in INTEGERS:
        return limits[1] - limits[2] < len(str(1 << INTEGER_BITS[source.kind]))
    if given is None:
        return target.kind is Kind.TEXT or target.kind is Kind.NUMERIC or limits[1] < 6
    if target.kind is Kind.NUMERIC:
        return limits[2] < given[2] or limits[1] - limits[2] < given[1] - given[2]
    return limits[1] < given[1]


def _rules(
    source: Column, target: Column, stores: tuple[StoreName, StoreName], *, nulls: bool
) -> Iterator[tuple[Weight, str]]:
    if source.nullable and not target.nullable and not nulls:
        yield Weight.HARMLESS, "may be NULL in the source and not in the target, and is in no row that is there now"
    elif source.nullable and not target.nullable:
        yield Weight.BLOCKS, "may be NULL in the source and not in the target: a NULL stops the move"
    elif target.nullable and not source.nullable and not target.generated:
        yield Weight.LOSES, "is NOT NULL in the source and may be NULL in the target"
    if "supabase" in stores:
        return  # REST tells few defaults, and not which columns count by themselves.
    if source.identity and not target.identity:
        yield Weight.LOSES, "is numbered by the source and not by the target"
    elif target.identity and not source.identity:
        yield Weight.HARMLESS, "is numbered by the target and not by the source"
    else:
        yield from _defaults(source, target)


def _defaults(source: Column, target: Column) -> Iterator[tuple[Weight, str]]:
    mine, theirs = _default(source), _default(target)
    if mine == theirs or target.generated or source.generated:
        return
    if mine is None:
        yield Weight.HARMLESS, "has a default in the target and none in the source"
    elif theirs is None:
        yield Weight.LOSES, f"has a default in the source, {source.default}, and none in the target"
    else:
        yield Weight.LOSES, f"has another default: {source.default} in the source, {target.default} in the target"


def _default(column: Column) -> str | None:
    """Return a default in one spelling, the store's own where it is not understood."""
    if column.default is None or is_null(column.default):
        return None
    understood = read_default(column.default)
    return (understood and postgres_default(understood, column)) or column.default
