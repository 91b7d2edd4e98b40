"""Checks after a load: what the source's schema promises must hold, also where the target does not ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from datalayer.query import Count, where_equal
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store
from datalayer.transfer.loads.contract import LoadTarget
from datalayer.transfer.orphans import can_be_asked
from datalayer.transfer.writers.contract import BrokenReference
from datalayer.wording import agreed, counted

_MEND: Final = "mend them, then run the load again"


async def find_problems(
    store: Store,
    target: LoadTarget,
    schema: Mapping[str, Table],
    present: Mapping[str, Table],
    touched: Iterable[str],
    broken: Sequence[BrokenReference] = (),
) -> list[str]:
    """Count NULLs in columns that the source requires, and rows that refer to nothing.

    Args:
        schema: the exported tables.
        present: the target's.
        touched: names of the tables that were written to.
        broken: what breaks foreign keys of the target, as far as it is known already.
    """
    problems: list[str] = []
    # SQLite tells the other table as the reference spells it, whose case it takes lightly.
    known = {(reference.table, reference.columns, reference.parent.lower()): reference for reference in broken}
    for name in sorted(set(touched) & present.keys()):
        table = present[name]
        if name in schema:
            problems += await _missing_values(store, schema[name], table)
        promised = [*table.foreign_keys, *(schema[name].foreign_keys if name in schema else ())]
        keys = {(k.columns, k.target_table, k.target_columns): k for k in promised if can_be_asked(k, table, present)}
        for key in keys.values():
            found = await target.orphans(table, key)
            if found:
                refer = f"{agreed(found, 'refers', 'refer')} to rows that {key.target_table} lacks"
                problem = f"{counted(found, 'row')} of {name} ({', '.join(key.columns)}) {refer}"
                problems.append(problem + _first(known.pop((name, key.columns, key.target_table.lower()), None)))
    return [*problems, *(f"{reference}; {_MEND}" for reference in known.values())]


def _first(reference: BrokenReference | None) -> str:
    """Name the first rows where the target's own foreign key is broken."""
    if reference is None:
        return ""
    return (f", first at {reference.first}" if reference.first else "") + f"; {_MEND}"


async def _missing_values(store: Store, source: Table, target: Table) -> list[str]:
    promised = [
        column.name
        for column in source.columns
        if not column.nullable and column.name in target.by_name and target.by_name[column.name].nullable
    ]
    problems = []
    for name in promised:
        found = await store.count(Count(target.name, where_equal(**{name: None})))
        if found:
            have = agreed(found, "has", "have")
            problems.append(f"{counted(found, 'row')} of {target.name} {have} no {name}, which the source requires")
    return problems
