"""Which keys of a table differ between two stores, page by page.

Either side is paged in its own order and the other one asked for the same keys, so the stores' collations need not
agree. Rows that are being written meanwhile may seem different: that costs a reconcile, no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from datalayer.outbox.entries import Key
from datalayer.outbox.keys import key_of
from datalayer.outbox.rows import equal_rows, read_rows
from datalayer.query import Filter, Row, Select, asc
from datalayer.query.keyset import after_row
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store

PAGE_ROWS: Final = 500


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which rows of a table are compared.

    Args:
        after: go on after this key.
        where: only rows that match.
    """

    after: Key | None = None
    where: Filter | None = None

    def within(self, other: Stretch) -> Stretch:
        """Return the rows of this one that are in the other one too."""
        if other.where is None:
            return self
        return replace(self, where=other.where if self.where is None else self.where & other.where)


@dataclass(frozen=True, slots=True)
class ComparedPage:
    """One page.

    Args:
        rows: how many were compared.
        last: the key to go on after.
        different: keys that differ, with the row of the side that was paged.
    """

    rows: int
    last: Key
    different: dict[Key, Row]


async def different_rows(
    primary: Store, secondary: Store, table: Table, stretch: Stretch
) -> AsyncIterator[ComparedPage]:
    """Page the primary; yield its rows that the secondary lacks or has otherwise. ``table`` is the primary's."""
    theirs = (await secondary.catalog()).table(table.name, store=secondary.name, operation="compare")
    columns = tuple(c.name for c in table.columns if c.name in theirs.by_name)

    async def compared(rows: list[Row]) -> ComparedPage:
        ours = {key_of(table, row): row for row in rows}
        there = await read_rows(secondary, table, list(ours), columns=columns)
        different = {k: row for k, row in ours.items() if k not in there or not equal_rows(row, there[k], columns)}
        return ComparedPage(len(rows), key_of(table, rows[-1]), different)

    async for rows in _pages(primary, table, columns, stretch):
        yield await compared(rows)


async def extra_keys(primary: Store, secondary: Store, table: Table, stretch: Stretch) -> AsyncIterator[ComparedPage]:
    """Page the secondary's keys; yield those that the primary lacks. ``table`` is the primary's."""
    async for rows in _pages(secondary, table, table.primary_key, stretch):
        theirs = {key_of(table, row): row for row in rows}
        here = await read_rows(primary, table, list(theirs), columns=table.primary_key)
        yield ComparedPage(len(rows), key_of(table, rows[-1]), {k: row for k, row in theirs.items() if k not in here})


async def _pages(store: Store, table: Table, columns: tuple[str, ...], stretch: Stretch) -> AsyncIterator[list[Row]]:
    """Yield pages in the order of the key; the next one is asked for while one is looked at."""
    order = tuple(map(asc, table.primary_key))

    def ask(after: Key | None) -> asyncio.Task[list[Row]]:
        where = stretch.where
        if after is not None:
            further = after_row(order, dict(zip(table.primary_key, after, strict=True)))
            where = further if where is None else where & further
        question = Select(table.name, where, order=order, limit=PAGE_ROWS, columns=columns)
        return asyncio.create_task(store.select(question))

    asking = ask(stretch.after)
    try:
        while rows := await asking:
            asking = ask(key_of(table, rows[-1]))
            yield rows
    finally:
        asking.cancel()
        await asyncio.wait([asking])
