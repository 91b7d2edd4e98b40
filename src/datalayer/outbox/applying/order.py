"""In which order tables are written so that foreign keys hold, and which changes go to which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from datalayer.outbox.entries import Change, Key
from datalayer.outbox.keys import key_of
from datalayer.query import Row
from datalayer.stores.catalog import Catalog, Table


def parents_first(catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Order tables so that each comes after those it refers to; in a circle the order is by name."""
    wanted = sorted(set(names))
    ordered: dict[str, None] = {}
    entered: set[str] = set()

    def visit(name: str) -> None:
        if name in entered or name not in catalog.tables:
            return
        entered.add(name)
        for key in catalog.tables[name].foreign_keys:
            visit(key.target_table)
        ordered[name] = None

    for name in wanted:
        visit(name)
    chosen = set(wanted)
    return [name for name in ordered if name in chosen]


def by_table(changes: Sequence[Change]) -> dict[str, list[Change]]:
    """Group changes by their table."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.table, []).append(change)
    return groups


def deleted_keys(changes: Iterable[Change]) -> list[Key]:
    """Return the keys whose rows are gone."""
    return [change.key for change in changes if change.row is None]


def stored_rows(table: Table, changes: Iterable[Change]) -> list[Row]:
    """Return the rows to write, without the columns that the table makes itself; parents before children."""
    generated = {column.name for column in table.columns if column.generated}
    rows = [
        {name: value for name, value in change.row.items() if name not in generated}
        for change in changes
        if change.row is not None
    ]
    return _own_parents_first(table, rows)


def _own_parents_first(table: Table, rows: list[Row]) -> list[Row]:
    """Order rows of a table that refers to itself."""
    references = [key for key in table.foreign_keys if key.target_table == table.name]
    if not references or len(rows) < 2:
        return rows
    holders = [{_values(row, key.target_columns): row for row in rows} for key in references]
    ordered: dict[tuple[Any, ...], Row] = {}
    entered: set[tuple[Any, ...]] = set()
    for start in rows:
        waiting = [start]
        while waiting:
            row = waiting[-1]
            own = key_of(table, row)
            entered.add(own)
            parents = [held.get(_values(row, key.columns)) for held, key in zip(holders, references, strict=True)]
            missing = [p for p in parents if p is not None and key_of(table, p) not in entered]
            if missing:
                waiting.extend(missing[:1])
            else:
                ordered.setdefault(own, waiting.pop())
    return list(ordered.values())


def _values(row: Row, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in columns)
