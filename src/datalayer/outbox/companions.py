"""Which other keys have to change along with one that the secondary refused: holders, parents, children.

unique violation          another row still has the value on the secondary: it has to give it up first
foreign key, row written  a parent is not there yet
foreign key, row deleted  children are still there
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from datalayer.outbox.entries import Change, Key
from datalayer.outbox.keys import key_of
from datalayer.query import Select, where_equal
from datalayer.stores.catalog import Catalog, ForeignKey, Table, UniqueKey
from datalayer.stores.contract import Store

#: A row of a table.
Named: TypeAlias = tuple[str, Key]

#: Companions of one row that are looked for at a time; for more there are further rounds.
_AT_ONCE: Final = 200


class Companions:
    """Looks for companions on both stores.

    Args:
        primary: what the rows should be.
        secondary: what they are.
    """

    def __init__(self, primary: Store, secondary: Store) -> None:
        self._primary = primary
        self._secondary = secondary

    async def holders(self, change: Change) -> list[Named]:
        """Return the rows of the secondary that have a unique value which the change's row is to have."""
        if change.row is None:
            return []
        table = await self._table(change.table)
        found: list[Named] = []
        for unique in await self._uniques(change.table):
            values = {name: change.row.get(name) for name in unique.columns}
            if any(value is None for value in values.values()):
                continue
            question = Select(change.table, where_equal(**values), columns=table.primary_key, limit=_AT_ONCE)
            keys = [key_of(table, row) for row in await self._secondary.select(question)]
            found += [(change.table, key) for key in keys if key != change.key]
        return found

    async def parents(self, change: Change) -> list[Named]:
        """Return the parents of the change's row that the secondary does not have and the primary has."""
        if change.row is None:
            return []
        found: list[Named] = []
        for reference in await self._references(change.table):
            values = [change.row.get(name) for name in reference.columns]
            if any(value is None for value in values):
                continue
            parent = await self._table(reference.target_table)
            where = where_equal(**dict(zip(reference.target_columns, values, strict=True)))
            question = Select(parent.name, where, columns=parent.primary_key, limit=1)
            if not await self._secondary.select(question):
                rows = await self._primary.select(question)
                found += [(parent.name, key_of(parent, row)) for row in rows]
        return found

    async def children(self, change: Change) -> list[Named]:
        """Return rows of the secondary that refer to the one the change deletes."""
        if change.row is not None:
            return []
        table = await self._table(change.table)
        where = where_equal(**dict(zip(table.primary_key, change.key, strict=True)))
        stored = await self._secondary.select(Select(change.table, where, limit=1))
        if not stored:
            return []
        found: list[Named] = []
        for child, reference in await self._referring(change.table):
            values = [stored[0][name] for name in reference.target_columns]
            matching = where_equal(**dict(zip(reference.columns, values, strict=True)))
            question = Select(child.name, matching, columns=child.primary_key, limit=_AT_ONCE)
            found += [(child.name, key_of(child, row)) for row in await self._secondary.select(question)]
        return found

    async def _table(self, name: str) -> Table:
        return (await self._primary.catalog()).table(name, store=self._primary.name, operation="reconcile")

    async def _uniques(self, name: str) -> list[UniqueKey]:
        """Join what both sides know; PostgREST does not tell unique keys."""
        both = [await self._secondary.catalog(), await self._primary.catalog()]
        found = {u.columns: u for catalog in both if name in catalog.tables for u in catalog.tables[name].uniques}
        return list(found.values())

    async def _references(self, name: str) -> list[ForeignKey]:
        both = [await self._secondary.catalog(), await self._primary.catalog()]
        found = {k.columns: k for catalog in both if name in catalog.tables for k in catalog.tables[name].foreign_keys}
        return [reference for reference in found.values() if all(_has(c, reference.target_table) for c in both)]

    async def _referring(self, name: str) -> list[tuple[Table, ForeignKey]]:
        both = [await self._secondary.catalog(), await self._primary.catalog()]
        found = {(t.name, k.columns): (t, k) for catalog in both for t, k in _pointing(catalog, name)}
        return [(t, k) for t, k in found.values() if all(_has(catalog, t.name) for catalog in both)]


def _has(catalog: Catalog, name: str) -> bool:
    return name in catalog.tables


def _pointing(catalog: Catalog, name: str) -> Iterator[tuple[Table, ForeignKey]]:
    for table in catalog.tables.values():
        if table.primary_key:
            yield from ((table, key) for key in table.foreign_keys if key.target_table == name)
