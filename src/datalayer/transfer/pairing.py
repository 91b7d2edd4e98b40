"""A source table beside its target: which columns belong together, by which key, and whether rows can move at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from datalayer.stores.catalog import Column, Table
from datalayer.transfer.conversions import INTEGERS, comparable


@dataclass(frozen=True, slots=True)
class ColumnPair:
    """One column on both sides; they have the same name."""

    source: Column
    target: Column


@dataclass(frozen=True, slots=True)
class TablePair:
    """One table on both sides.

    Args:
        columns: what both sides have, with comparable types.
        key: columns that name a row; empty where the sides share none.
    """

    source: Table
    target: Table
    columns: tuple[ColumnPair, ...]
    key: tuple[str, ...]

    @property
    def name(self) -> str:
        """The table's name."""
        return self.source.name

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in the source's order."""
        return tuple(pair.source.name for pair in self.columns)

    @property
    def key_is_whole_number(self) -> bool:
        """Whether the key is one column, of whole numbers on both sides."""
        kinds = {side.by_name[name].type.kind for name in self.key for side in (self.source, self.target)}
        return len(self.key) == 1 and kinds <= INTEGERS


def pair_for_copy(source: Table, target: Table) -> TablePair:
    """Pair a table for copying; the key is one that both sides enforce, so that writing a row twice changes nothing."""
    columns = tuple(
        pair
        for pair in _shared(source, target)
        if not pair.target.generated and comparable(pair.source.type, pair.target.type)
    )
    written = {pair.source.name for pair in columns}
    candidates = (target.primary_key, *(unique.columns for unique in target.uniques))
    return TablePair(source, target, columns, _first_key(candidates, written, source, target))


def pair_for_verify(source: Table, target: Table) -> TablePair:
    """Pair a table for comparison; a key of either side will do, since it only names rows."""
    columns = tuple(pair for pair in _shared(source, target) if comparable(pair.source.type, pair.target.type))
    names = {pair.source.name for pair in columns}
    candidates = (
        source.primary_key,
        target.primary_key,
        *(unique.columns for table in (source, target) for unique in table.uniques),
    )
    return TablePair(source, target, columns, _first_key(candidates, names))


def obstacles(source: Table, target: Table) -> list[str]:
    """Return what keeps the rows of a table from moving into a table that is there already."""
    lacking = [c.name for c in source.columns if c.name not in target.by_name and not c.generated]
    needed = [c.name for c in target.columns if c.name not in source.by_name and _must_be_given(c)]
    unlike = [
        pair
        for pair in _shared(source, target)
        if not pair.target.generated and not comparable(pair.source.type, pair.target.type)
    ]
    return [
        *(f"{target.name} lacks the column {name}" for name in lacking),
        *(f"{target.name}.{name} is NOT NULL without a default, and the source does not have it" for name in needed),
        *(
            f"{target.name}.{pair.target.name} is {pair.target.type.declared} in the target"
            f" and {pair.source.type.declared} in the source"
            for pair in unlike
        ),
    ]


def _must_be_given(column: Column) -> bool:
    return not (column.nullable or column.default is not None or column.identity or column.generated)


def _shared(source: Table, target: Table) -> list[ColumnPair]:
    return [ColumnPair(c, target.by_name[c.name]) for c in source.columns if c.name in target.by_name]


def _first_key(candidates: Iterable[tuple[str, ...]], names: set[str], *tables: Table) -> tuple[str, ...]:
    """Return the first key whose columns are all among the names, and that each of the tables has without NULLs."""
    usable = (key for key in candidates if key and set(key) <= names and all(_names_rows(key, t) for t in tables))
    return next(usable, ())


def _names_rows(key: tuple[str, ...], table: Table) -> bool:
    return table.has_key(key) and all(not table.by_name[c].nullable or c in table.primary_key for c in key)
