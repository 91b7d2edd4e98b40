"""Which keys of a table differ between two stores, page by page.

Either side is paged in its own order and the other one asked for the same keys, so the stores' collations need not
agree. Rows that are being written meanwhile may seem different: that costs a reconcile, no more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
class Chosen:
    """Rows of a table that no filter tells, or none that is short enough.

    Args:
        column: what has to be known of a row.
        of: returns those of a store's rows that are meant.
    """

    column: str
    of: Callable[[Store, Sequence[Row]], Awaitable[list[Row]]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which rows of a table are compared.

    Args:
        after: go on after this key.
        where: only rows that match.
        chosen: of these, only those.
    """

    after: Key | None = None
    where: Filter | None = None
    chosen: Chosen | None = None

    def within(self, other: Stretch) -> Stretch:
        """Return the rows of this one, for which a filter is enough, that are in the other one too."""
        if self.where is None or other.where is None:
            where = self.where if other.where is None else other.where
        else:
            where = self.where & other.where
        return replace(self, where=where, chosen=other.chosen)

    def asked(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return what to ask for so that these columns are known, and which rows are meant."""
        return tuple(dict.fromkeys([*columns, *([] if self.chosen is None else [self.chosen.column])]))

    async def of(self, store: Store, rows: list[Row]) -> list[Row]:
        """Return those of a store's matching rows that are meant."""
        return rows if self.chosen is None else await self.chosen.of(store, rows)


@dataclass(frozen=True, slots=True)
class ComparedPage:
    """One page.

    Args:
        rows: how many were compared; those that are not meant are none.
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
        ours = {key_of(table, row): row for row in await stretch.of(primary, rows)}
        there = await read_rows(secondary, table, list(ours), columns=columns)
        different = {k: row for k, row in ours.items() if k not in there or not equal_rows(row, there[k], columns)}
        return ComparedPage(len(ours), key_of(table, rows[-1]), different)

    async for rows in _pages(primary, table, stretch.asked(columns), stretch):
        yield await compared(rows)


async def extra_keys(primary: Store, secondary: Store, table: Table, stretch: Stretch) -> AsyncIterator[ComparedPage]:
    """Page the secondary's keys; yield those that the primary lacks. ``table`` is the primary's."""
    async for rows in _pages(secondary, table, stretch.asked(table.primary_key), stretch):
        theirs = {key_of(table, row): row for row in await stretch.of(secondary, rows)}
        here = await read_rows(primary, table, list(theirs), columns=table.primary_key)
        yield ComparedPage(len(theirs), key_of(table, rows[-1]), {k: row for k, row in theirs.items() if k not in here})


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
