"""Which keys of a table differ between two stores, page by page.

Either side is paged in its own order and the other one asked for the same keys, so the stores' collations need not
agree. Rows that are being written meanwhile may seem different: that costs a reconcile, no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
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
    primary: Store, secondary: Store, name: str, *, after: Key | None = None
) -> AsyncIterator[ComparedPage]:
    """Page the primary; yield its rows that the secondary lacks or has otherwise."""
    ours, theirs = await _tables(primary, secondary, name)
    columns = tuple(c.name for c in ours.columns if c.name in theirs.by_name)
    async for keys, rows in _pages(primary, ours, columns, after):
        there = await read_rows(secondary, ours, keys, columns=columns)
        different = {
            key: row
            for key, row in zip(keys, rows, strict=True)
            if key not in there or not equal_rows(row, there[key], columns)
        }
        yield ComparedPage(len(rows), keys[-1], different)


async def extra_keys(
    primary: Store, secondary: Store, name: str, *, after: Key | None = None
) -> AsyncIterator[ComparedPage]:
    """Page the secondary's keys; yield those that the primary lacks."""
    ours, _ = await _tables(primary, secondary, name)
    async for keys, rows in _pages(secondary, ours, ours.primary_key, after):
        there = await read_rows(primary, ours, keys, columns=ours.primary_key)
        different = {key: row for key, row in zip(keys, rows, strict=True) if key not in there}
        yield ComparedPage(len(rows), keys[-1], different)


async def _tables(primary: Store, secondary: Store, name: str) -> tuple[Table, Table]:
    ours = (await primary.catalog()).table(name, store=primary.name, operation="compare")
    theirs = (await secondary.catalog()).table(name, store=secondary.name, operation="compare")
    return ours, theirs


async def _pages(
    store: Store, table: Table, columns: tuple[str, ...], after: Key | None
) -> AsyncIterator[tuple[list[Key], list[Row]]]:
    key = table.primary_key
    order = tuple(map(asc, key))
    while True:
        where: Filter | None = None
        if after is not None:
            where = after_row(order, dict(zip(key, after, strict=True)))
        rows = await store.select(Select(table.name, where, order=order, limit=PAGE_ROWS, columns=columns))
        if not rows:
            return
        keys = [key_of(table, row) for row in rows]
        yield keys, rows
        after = keys[-1]
