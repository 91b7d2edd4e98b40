"""Supabase as the source: pages by primary key, each asked again as long as the gateway or the network fails.

A page starts behind the last row of the one before, so asking again neither doubles nor loses a row. A part is a few
pages; where it ended is kept with it, and the next run goes on from there.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

from datalayer.query import Count, Filter, Row, Select, asc
from datalayer.stores.catalog import Kind, Table
from datalayer.stores.contract import StoreName
from datalayer.stores.supabase import SupabaseStore
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Done, Part, Rows, Strand
from datalayer.transfer.readers.fitting_blocks import BlockFitter
from datalayer.transfer.readers.page_size import PageSize
from datalayer.transfer.readers.patience import after, patiently
from datalayer.transfer.reading import CHUNK_ROWS

_PART_PAGES = 5
_PART_ROWS = _PART_PAGES * CHUNK_ROWS


class PagesReader:
    """Reads one copy out of Supabase."""

    name: StoreName = "supabase"

    def __init__(self, store: SupabaseStore) -> None:
        self._store = store

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """REST has no snapshot: each page is read at its own moment."""
        yield

    async def estimate(self, table: Table) -> int:
        """Count the rows."""
        return await patiently(lambda: self._store.count(Count(table.name)))

    async def mark(self, table: Table) -> str:
        """Return the address and the table's key."""
        return json.dumps([self._store.url, table.name, *table.primary_key])

    async def layout(self, table: Table, most_rows: int | None = None) -> str:
        """Return how many rows a part has where it is told: the parts are found on the way."""
        return str(most_rows or "")

    def strands(self, pair: TablePair, layout: str, done: Done) -> Sequence[Strand]:
        """Return one strand that goes on behind the last part; a table without a key is one part."""
        if pair.source.primary_key:
            return [partial(self._parts, pair, done, int(layout or _PART_ROWS))]
        return [] if done else [partial(self._whole, pair)]

    async def _parts(self, pair: TablePair, done: Done, part_rows: int) -> AsyncIterator[Part]:
        key = pair.source.primary_key
        columns = tuple(dict.fromkeys((*BlockFitter(pair, 1).columns, *key)))
        last, size = max(done, default=0), PageSize(CHUNK_ROWS)
        position = _read_key(pair.source, done[last]) if last else None
        while True:
            rows: list[Row] = []
            for _ in range(_PART_PAGES):
                asked = min(size.rows, part_rows - len(rows))
                page = await self._page(pair, columns, after(key, position), 0, asked)
                rows += page
                if not page:
                    break
                size.saw([list(row.values()) for row in page])
                position = [page[-1][name] for name in key]
                if len(rows) >= part_rows:
                    break
            if not rows:
                return
            last += 1
            yield Part(last, _write_key(position), partial(_fitted, pair, last, rows))

    async def _whole(self, pair: TablePair) -> AsyncIterator[Part]:
        yield Part(1, "", partial(self._pages_by_offset, pair))

    async def _pages_by_offset(self, pair: TablePair) -> AsyncGenerator[Rows, None]:
        fitter, offset = BlockFitter(pair, 1), 0
        while page := await self._page(pair, fitter.columns, None, offset, CHUNK_ROWS):
            offset += len(page)
            yield fitter.fitted([[row[name] for name in fitter.columns] for row in page])

    async def _page(
        self, pair: TablePair, columns: tuple[str, ...], where: Filter | None, offset: int, rows: int
    ) -> list[Row]:
        order = tuple(asc(name) for name in pair.source.primary_key)
        question = Select(pair.name, where, columns=columns, order=order, offset=offset, limit=rows)
        return await patiently(lambda: self._store.select(question))


async def _fitted(pair: TablePair, part: int, rows: Sequence[Row]) -> AsyncGenerator[Rows, None]:
    fitter = BlockFitter(pair, part)
    for start in range(0, len(rows), CHUNK_ROWS):
        yield fitter.fitted([[row[name] for name in fitter.columns] for row in rows[start : start + CHUNK_ROWS]])


def _write_key(values: Sequence[Any] | None) -> str:
    return json.dumps([value.hex() if isinstance(value, bytes) else str(value) for value in values or ()])


def _read_key(table: Table, text: str) -> list[Any]:
    kinds = [table.by_name[name].type.kind for name in table.primary_key]
    return [_FROM_TEXT.get(kind, str)(value) for kind, value in zip(kinds, json.loads(text), strict=True)]


_FROM_TEXT: Mapping[Kind, Callable[[str], Any]] = {
    **dict.fromkeys(INTEGERS, int),
    Kind.BOOLEAN: "True".__eq__,
    Kind.NUMERIC: Decimal,
    Kind.REAL: float,
    Kind.DOUBLE: float,
    Kind.UUID: uuid.UUID,
    Kind.DATE: dt.date.fromisoformat,
    Kind.TIME: dt.time.fromisoformat,
    Kind.TIMESTAMP: dt.datetime.fromisoformat,
    Kind.TIMESTAMPTZ: dt.datetime.fromisoformat,
    Kind.BYTEA: bytes.fromhex,
}
