"""Dependency order: tables that others refer to come first; those that refer to each other in a circle, together."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter

from datalayer.stores.catalog import Table


def dependency_groups(tables: Mapping[str, Table]) -> list[tuple[Table, ...]]:
    """Group tables so that each refers only to tables of earlier groups and of its own.

    A group has more than one table only where they refer to each other in a circle. References to tables that were not
    given, and of a table to itself, do not matter. Names decide where the order is free.
    """
    parents = {
        name: {key.target_table for key in table.foreign_keys} & tables.keys() - {name}
        for name, table in tables.items()
    }
    reached = {name: _reached(name, parents) for name in tables}
    group_of = {name: min({name} | {other for other in reached[name] if name in reached[other]}) for name in tables}
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(sorted(group_of.values()), ()))
    for name in sorted(tables):
        sorter.add(group_of[name], *sorted({group_of[parent] for parent in parents[name]} - {group_of[name]}))
    return [
        tuple(tables[name] for name in sorted(tables) if group_of[name] == leader) for leader in sorter.static_order()
    ]


def _reached(start: str, parents: Mapping[str, set[str]]) -> set[str]:
    """Return every table that ``start`` refers to, over any number of steps."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for parent in parents[ahead.pop()] - found:
            found.add(parent)
            ahead.append(parent)
    return found
