"""Whose a row is, where the call does not say so: found by its conflict target, or by the row that it refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datalayer.query import Filter, Group, Insert, Select, Upsert, col, where_equal
from datalayer.routing.companies import COMPANY, company_of
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import Store


class Holders:
    """Looks up companies, on the main primary first: it has every row, but for those of the last moment.

    Args:
        other: asked for what the main primary does not have.
    """

    def __init__(self, main: Store, other: Store) -> None:
        self._main = main
        self._other = other

    async def of_new(self, question: Insert | Upsert) -> list[str | None]:
        """Return the company of each row to be inserted; None for nobody's."""
        table = await self._table(question.table)
        if COMPANY in table.by_name:
            return [company_of(row) for row in question.rows]
        key = await self.parent_of(table)
        if key is None:
            return [None] * len(question.rows)
        names = [row.get(key.columns[0]) for row in question.rows]
        found = await self._of_parents(key, [name for name in names if name is not None])
        return [found.get(name) for name in names]

    async def of_upsert(self, question: Upsert) -> list[str | None]:
        """Return the company of each row; one that does not say so has that of the row it will be laid over."""
        owners = await self.of_new(question)
        table = await self._table(question.table)
        if COMPANY not in table.by_name or all(COMPANY in row for row in question.rows):
            return owners
        held = await self._by_target(question)
        return [
            owner if COMPANY in row else held.get(_target(question, row))
            for owner, row in zip(owners, question.rows, strict=True)
        ]

    async def of_targets(self, question: Upsert) -> list[str | None]:
        """Return the company of the row that each one will be laid over; None where there is none, or the same."""
        table = await self._table(question.table)
        if COMPANY not in table.by_name or COMPANY in question.target:
            return [None] * len(question.rows)
        held = await self._by_target(question)
        return [held.get(_target(question, row)) for row in question.rows]

    async def children_of(
        self, store: Store, table: Table, where: Filter | None, wanted: Callable[[str | None], bool]
    ) -> list[Filter]:
        """Return filters for the matching rows of wanted companies in a store: each row matches one of them."""
        key = await self.parent_of(table)
        if key is None:
            return []
        column = key.columns[0]
        rows = await store.select(Select(table.name, where, columns=(column,)))
        names = {row[column] for row in rows}
        parents = await self.companies(store, key, [name for name in names if name is not None])
        own = [name for name in names if name is not None and wanted(parents.get(name))]
        found: list[Filter] = [col(column).in_(own)] if own else []
        return [*found, col(column).is_null()] if None in names and wanted(None) else found

    async def is_nobodys(self, name: str, *, deleted: bool = False) -> bool:
        """Whether a table's rows are of no company: they say none, and refer to no row that does.

        Args:
            deleted: whether rows are to be deleted, which can reach the rows that refer to them.
        """
        tables = (await self._main.catalog()).tables
        table = tables.get(name)
        if table is None or COMPANY in table.by_name:
            return False
        with_companies = {found.name for found in tables.values() if COMPANY in found.by_name}
        if any(key.target_table in with_companies for key in table.foreign_keys):
            return False
        return not deleted or all(
            key.target_table != name for found in tables.values() for key in found.foreign_keys if found is not table
        )

    async def parent_of(self, table: Table) -> ForeignKey | None:
        """Return the foreign key that leads to a table with companies; None where there is none."""
        tables = (await self._main.catalog()).tables
        for key in table.foreign_keys:
            target = tables.get(key.target_table)
            if len(key.columns) == 1 and target is not None and COMPANY in target.by_name:
                return key
        return None

    async def companies(self, store: Store, key: ForeignKey, names: Sequence[Any]) -> dict[Any, str | None]:
        """Return the companies of the rows of a store that a foreign key refers to, by the values that it has."""
        if not names:
            return {}
        target = key.target_columns[0]
        question = Select(key.target_table, col(target).in_(names), columns=(target, COMPANY))
        return {row[target]: company_of(row) for row in await store.select(question)}

    async def _of_parents(self, key: ForeignKey, names: Sequence[Any]) -> dict[Any, str | None]:
        found = await self.companies(self._main, key, names)
        missing = [name for name in names if name not in found]
        return {**found, **(await self.companies(self._other, key, missing) if missing else {})}

    async def _by_target(self, question: Upsert) -> Mapping[tuple[Any, ...], str | None]:
        """Return the company of every row that has one of the targets' values, by these values."""
        where: Filter = Group("or", tuple(_equal(question, row) for row in question.rows))
        if len(question.target) == 1:
            where = col(question.target[0]).in_(row[question.target[0]] for row in question.rows)
        asked = Select(question.table, where, columns=tuple(dict.fromkeys((*question.target, COMPANY))))
        found: dict[tuple[Any, ...], str | None] = {}
        for store in (self._main, self._other):
            for row in await store.select(asked):
                found.setdefault(_target(question, row), company_of(row))
        return found

    async def _table(self, name: str) -> Table:
        return (await self._main.catalog()).table(name, store=self._main.name, operation="write")


def _equal(question: Upsert, row: Mapping[str, Any]) -> Filter:
    return where_equal(**{name: row[name] for name in question.target})


def _target(question: Upsert, row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in question.target)
