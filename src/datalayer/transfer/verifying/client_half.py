"""A table that is hashed here, row by row: behind REST, or with columns that only Python spells."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from datalayer.query import Count, Filter, Row, Select, asc, col, desc
from datalayer.query.filters import Group
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.patience import count, select
from datalayer.transfer.reading import CHUNK_ROWS, source_rows
from datalayer.transfer.verifying.cuts import NULLS, Cut, HashCut, RangeCut
from datalayer.transfer.verifying.digests import MODULUS, Digest
from datalayer.transfer.verifying.plans import Hashes, Sums
from datalayer.transfer.verifying.snapshots import PATIENCE, Side
from datalayer.transfer.verifying.texts import RowTexts

#: Ranges that are asked for one by one; beyond, all rows are read.
_MOST_RANGES = 20


@dataclass(frozen=True, slots=True)
class ClientHalf:
    """One side of a table, its rows hashed in Python."""

    side: Side
    pair: TablePair
    texts: RowTexts
    digest: Digest

    async def rows(self) -> int:
        """Return how many rows the table has."""
        async with self.side.session() as session:
            return await count(session, Count(self.pair.name), timeout=PATIENCE)

    async def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and the largest key."""
        (name,) = self.pair.key
        ends = []
        for order in (asc(name), desc(name)):
            question = Select(self.pair.name, col(name).is_not_null(), columns=(name,), order=(order,), limit=1)
            async with self.side.session() as session:
                ends += [row[name] for row in await select(session, question, timeout=PATIENCE)]
        return (ends[0], ends[1]) if len(ends) > 1 else None

    async def sums(self, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""
        counts: dict[int, int] = defaultdict(int)
        totals: dict[int, int] = defaultdict(int)
        async with aclosing(self._rows(cut, None if _is_all(cut) else self._between(cut))) as rows:
            async for segment, row in rows:
                counts[segment] += 1
                totals[segment] += self.digest.number(self.texts.text(row))
        return {segment: (rows, totals[segment] % MODULUS) for segment, rows in counts.items()}

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments."""
        found: Hashes = {}
        wanted = frozenset(segments)
        for where in self._conditions(cut, segments):
            async with aclosing(self._rows(cut, where)) as rows:
                async for segment, row in rows:
                    if segment in wanted:
                        key = tuple(row[name] for name in self.pair.key)
                        hashed = f"{self.digest.number(self.texts.text(row)):0128b}"
                        found.setdefault(self.texts.key_text(row), []).append((key, hashed))
        return found

    async def _rows(self, cut: Cut, where: Filter | None) -> AsyncGenerator[tuple[int, Row], None]:
        number = 0
        async with self.side.session() as session, aclosing(source_rows(session, self.pair, where=where)) as rows:
            async for row in rows:
                segment = self._segment(cut, row)
                if segment is not None:
                    yield segment, row
                number += 1
                if number % CHUNK_ROWS == 0:
                    # A side whose rows come without waiting would keep the other one from its turn.
                    await asyncio.sleep(0)

    def _segment(self, cut: Cut, row: Row) -> int | None:
        if isinstance(cut, RangeCut):
            return cut.segment(row[self.pair.key[0]])
        return cut.segment(self.digest.cut(self.texts.key_text(row)))

    def _conditions(self, cut: Cut, segments: Sequence[int]) -> list[Filter | None]:
        """Return filters that together find the rows of these segments, each at most once."""
        if isinstance(cut, HashCut):
            return [None]
        ranges = _joined([cut.bounds(segment) for segment in sorted(segments) if segment != NULLS])
        if len(ranges) > _MOST_RANGES:
            return [self._between(cut)]
        name = self.pair.key[0]
        nulls = [col(name).is_null()] if NULLS in segments else []
        return [*nulls, *(col(name).gte(low) & col(name).lte(high) for low, high in ranges)]

    def _between(self, cut: Cut) -> Filter | None:
        if isinstance(cut, HashCut):
            return None
        key = col(self.pair.key[0])
        between = key.gte(cut.low) & key.lte(cut.high)
        return Group("or", (key.is_null(), between)) if cut.nulls else between


def _is_all(cut: Cut) -> bool:
    return isinstance(cut, RangeCut) and cut.whole


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that follow one another without a gap."""
    joined: list[tuple[int, int]] = []
    for low, high in ranges:
        if joined and joined[-1][1] + 1 == low:
            low = joined.pop()[0]
        joined.append((low, high))
    return joined
