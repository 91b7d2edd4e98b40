"""Dependency order: tables that others refer to come first; those that refer to each other in a circle, together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
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


async def parents_first(
    tables: Mapping[str, Table],
    work: Callable[[Sequence[Table]], Awaitable[None]],
    jobs: int,
    weight: Callable[[Sequence[Table]], int],
) -> None:
    """Do some work for each group of tables, so many at a time, when it is done for those that the group refers to.

    Args:
        weight: the heaviest of the groups that can begin does so first.

    The first failure ends the others, and is raised.
    """
    groups = dependency_groups(tables)
    done = {table.name: asyncio.Event() for group in groups for table in group}
    free = asyncio.Semaphore(max(1, jobs))

    async def in_turn(group: Sequence[Table]) -> None:
        names = {table.name for table in group}
        for parent in {key.target_table for table in group for key in table.foreign_keys} & done.keys() - names:
            await done[parent].wait()
        async with free:
            await work(group)
        for name in names:
            done[name].set()

    try:
        async with asyncio.TaskGroup() as tasks:
            for group in sorted(groups, key=weight, reverse=True):
                tasks.create_task(in_turn(group))
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


def _reached(start: str, parents: Mapping[str, set[str]]) -> set[str]:
    """Return every table that ``start`` refers to, over any number of steps."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for parent in parents[ahead.pop()] - found:
            found.add(parent)
            ahead.append(parent)
    return found
