"""Schema diff: two stores' catalogs beside each other, and each difference weighed by what it does to a move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from datalayer.query import Count, Filter, col
from datalayer.stores.catalog import Catalog, Column, Table
from datalayer.stores.contract import Store, StoreName
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer.ddl.own_types import enum_of, label_check
from datalayer.transfer.hidden_rows import hidden_rows
from datalayer.transfer.misfits import Misfit
from datalayer.transfer.pairing import pair_for_copy
from datalayer.transfer.planning import as_made, stopping
from datalayer.transfer.readers.sqlite import SqliteReader
from datalayer.transfer.references import possible_references
from datalayer.transfer.schemas.columns import Looked, compare_columns, whole_number_bits
from datalayer.transfer.schemas.details import Details, Rule, TableDetails, read_details, unknown_types
from datalayer.transfer.schemas.reports import SchemaDifference, SchemaReport, Weight
from datalayer.transfer.schemas.tables import compare_details, compare_keys, missing_table
from datalayer.transfer.selection import check_named, selected
from datalayer.transfer.taken_names import taken_names, told

_ORDER = list(Weight)
#: For a question that may have to look at every row.
_SECONDS = 600.0
_TEXTS = ("text", "character", "varchar", "nvarchar")


@dataclass(frozen=True, slots=True)
class _Side:
    """One store's schema.

    Args:
        details: None where it cannot tell them.
        taken: names of the other side's tables that it has for something else, and for what.
    """

    store: StoreName
    catalog: Catalog
    details: Details | None
    taken: Mapping[str, str] = field(default_factory=dict)


async def compare_schemas(source: Store, target: Store, *, tables: Sequence[str] | None = None) -> SchemaReport:
    """Compare the schemas of two stores.

    Rows are asked whether whole numbers fit a narrower type of the target, and texts its enum; keys for NULL.
    All values of a SQLite source are looked at, for those that its own declarations or the target's would not let in,
    and for references to nothing.

    Args:
        source: where rows are.
        target: where they are to go.
        tables: names; None for all but the stores' bookkeeping.

    Raises:
        TransferError: a table that was named is on neither side.
    """
    mine, theirs = await _side(source), await _side(target)
    check_named(tables, mine.catalog, theirs.catalog)
    names = sorted(selected(mine.catalog, tables) | selected(theirs.catalog, tables))
    theirs = replace(theirs, taken=await taken_names(target, mine.catalog.tables.keys() - theirs.catalog.tables.keys()))
    missing = [table for name, table in mine.catalog.tables.items() if name in names]
    declared = {name for table in missing for name in _type_names(table)}
    unknown = await unknown_types(target, declared) if mine.store != "sqlite" else set()
    differences: list[SchemaDifference] = []
    notes = [*hidden_rows(source, target), *_blind_spots(mine, theirs)]
    for name in names:
        looked = Looked(await _fitting(source, name, mine, theirs), await _without_nulls(source, name, mine, theirs))
        found, said = _compare(name, mine, theirs, unknown, looked)
        differences += found
        notes += said
    differences += await _misfits(
        source, {name: mine.catalog.tables[name] for name in names if name in mine.catalog.tables}, theirs
    )
    if tables is None:
        differences += _sequences(mine.details, theirs.details)
    differences.sort(key=lambda difference: _ORDER.index(difference.weight))
    return SchemaReport(tuple(names), tuple(differences), tuple(notes))


def _type_names(table: Table) -> set[str]:
    return {column.type.declared for column in table.columns} | {own.name for own in table.types}


async def _side(store: Store) -> _Side:
    return _Side(store.name, await store.catalog(refresh=True), await read_details(store))


async def _fitting(source: Store, name: str, mine: _Side, theirs: _Side) -> set[str]:
    """Return which columns with fewer values in the target, of numbers or of texts, have none beyond those."""
    table, target = mine.catalog.tables.get(name), theirs.catalog.tables.get(name)
    if table is None or target is None:
        return set()
    fitting = set()
    for column in table.columns:
        other = target.by_name.get(column.name)
        beyond = None if other is None else _beyond(table, column, target, other)
        if beyond is not None and not await source.count(Count(name, beyond), timeout=_SECONDS):
            fitting.add(column.name)
    return fitting


async def _without_nulls(source: Store, name: str, mine: _Side, theirs: _Side) -> set[str]:
    """Return which columns of the source's key have no NULL: SQLite allows them there, and no other store does."""
    table, target = mine.catalog.tables.get(name), theirs.catalog.tables.get(name)
    if table is None or target is None:
        return set()
    asked = [column for column in table.primary_key if table.by_name[column].nullable and column in target.by_name]
    return {c for c in asked if not await source.count(Count(name, col(c).is_null()), timeout=_SECONDS)}


def _beyond(table: Table, column: Column, target: Table, other: Column) -> Filter | None:
    """Return what finds values that the target's column cannot have, where a store can be asked for them."""
    bits = whole_number_bits(column, other)
    if bits is not None:
        return col(column.name).gte(1 << bits) | col(column.name).lt(-(1 << bits))
    enum = enum_of(target, other)
    if enum is None or column.type.array or not column.type.declared.lower().startswith(_TEXTS):
        return None
    return ~col(column.name).in_(enum.labels) & col(column.name).is_not_null()


def _compare(
    name: str, mine: _Side, theirs: _Side, unknown: set[str], looked: Looked
) -> tuple[Iterable[SchemaDifference], list[str]]:
    source, target = mine.catalog.tables.get(name), theirs.catalog.tables.get(name)
    stores = (mine.store, theirs.store)
    details = (mine.details or Details({})).of(name)
    if source is None:
        return [SchemaDifference(Weight.HARMLESS, name, "", "is only in the target, and stays as it is")], []
    if name in theirs.taken:
        return [SchemaDifference(Weight.BLOCKS, name, "", told(name, theirs.taken[name]))], []
    if target is None:
        return missing_table(source, details, stores, unknown), []
    differences = [*compare_columns(source, target, stores, looked), *compare_keys(source, target)]
    if mine.details is None or theirs.details is None:
        return differences, []
    here, there = _without_label_checks(details, target), _without_label_checks(theirs.details.of(name), source)
    found, notes = compare_details(name, here, there, alike=mine.store == theirs.store)
    return [*differences, *found], notes


async def _misfits(source: Store, chosen: Mapping[str, Table], theirs: _Side) -> list[SchemaDifference]:
    """Return stored values that would stop a move; only SQLite keeps such against its own declarations."""
    if not isinstance(source, SqliteStore):
        return []
    reader, references = SqliteReader(source), possible_references(chosen, theirs.catalog)[0]
    found: list[Misfit] = []
    async with reader.reading():
        for name, table in chosen.items():
            there = theirs.catalog.tables.get(name)
            enforced = references[name] if there is None else there.foreign_keys
            found += await stopping(reader, pair_for_copy(table, there or as_made(table, theirs.store)), enforced)
    return [
        SchemaDifference(Weight.BLOCKS, m.table, f"column {m.column}", str(m).removeprefix(f"{m.table}.{m.column} "))
        for m in found
    ]


def _without_label_checks(details: TableDetails, other: Table) -> TableDetails:
    """Leave out the checks by which a copy keeps the other side's enums on a store that has none."""
    enums = [(column.name, enum) for column in other.columns if (enum := enum_of(other, column)) is not None]
    own = {Rule("", label_check(name, enum)).meaning for name, enum in enums}
    return replace(details, checks=tuple(rule for rule in details.checks if rule.meaning not in own))


def _blind_spots(mine: _Side, theirs: _Side) -> list[str]:
    return [
        f"the {word} ({side.store}) cannot tell unique keys, checks, indexes, triggers, sequences, what follows a"
        " delete, which columns are numbered by it and most defaults: they were not compared"
        for word, side in (("source", mine), ("target", theirs))
        if side.details is None
    ]


def _sequences(mine: Details | None, theirs: Details | None) -> list[SchemaDifference]:
    if mine is None or theirs is None:
        return []
    return [
        SchemaDifference(Weight.LOSES, "", f"sequence {name}", "belongs to no column and is missing from the target")
        for name in mine.sequences
        if name not in theirs.sequences
    ]
