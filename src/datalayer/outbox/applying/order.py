"""In which steps a batch is written so that foreign keys hold after each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from datalayer.outbox.entries import Change, Key
from datalayer.outbox.keys import key_of
from datalayer.query import Row
from datalayer.stores.catalog import Catalog, Table


@dataclass(frozen=True, slots=True)
class Step:
    """Rows of one table to write at once.

    Args:
        kind: ``clear`` puts NULL into ``columns`` of rows that are about to go.
        rows: with all columns to upsert; with those of the primary key otherwise.
    """

    kind: Literal["clear", "delete", "upsert"]
    table: Table
    rows: list[Row]
    columns: tuple[str, ...] = ()


def plan(catalog: Catalog, changes: Mapping[str, Sequence[Change]], *, circles: bool = True) -> list[Step]:
    """Order a batch: deletes, children before parents, then upserts, parents before children.

    Tables that refer to each other in a circle are written twice, first without the reference where it may be NULL.

    Args:
        circles: False where foreign keys are checked at the end of the transaction.
    """
    order = parents_first(catalog, changes)
    late = {name: _late_columns(catalog.tables[name], order) if circles else () for name in order}
    gone = {name: [_key_row(catalog.tables[name], key) for key in deleted_keys(changes[name])] for name in order}
    clears = [Step("clear", catalog.tables[name], gone[name], late[name]) for name in order if late[name]]
    deletes = [Step("delete", catalog.tables[name], gone[name]) for name in reversed(order)]
    first, second = [], []
    for name in order:
        table = catalog.tables[name]
        for rows in _by_shape(stored_rows(table, changes[name])):
            without = dict.fromkeys(late[name])
            first.append(Step("upsert", table, [row | without for row in rows] if without else rows))
            if without:
                second.append(Step("upsert", table, rows))
    return [step for step in (*clears, *deletes, *first, *second) if step.rows]


def parents_first(catalog: Catalog, names: Iterable[str]) -> list[str]:
    """Order tables so that each comes after those it refers to; where a circle is cut depends on the names."""
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


def _late_columns(table: Table, order: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that refer to tables written later, as far as they may be NULL."""
    behind = set(order[order.index(table.name) + 1 :])
    late = {name for key in table.foreign_keys if key.target_table in behind for name in key.columns}
    return tuple(sorted(name for name in late - set(table.primary_key) if table.by_name[name].nullable))


def _key_row(table: Table, key: Key) -> Row:
    return dict(zip(table.primary_key, key, strict=True))


def _by_shape(rows: Sequence[Row]) -> list[list[Row]]:
    """Group rows by their columns; rows that one store read have them all alike."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return list(groups.values())


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
