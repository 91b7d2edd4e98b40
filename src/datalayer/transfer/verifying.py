"""Verify: every table of two stores compared, row counts and contents, whatever order the rows come in.

    table of the source ─> rows ─> canonical bytes ─> BLAKE2b ─┐
                                                                ├─> sums of 4,096 segments: equal? ─no─> second look
    table of the target ─> rows ─> canonical bytes ─> BLAKE2b ─┘

It detects any lost, added, doubled or changed row and value, down to a trailing space. It does not see what is not
content: indexes, checks, sequences, and columns that only the target has. Each side is read at its own moment, so
verify while nobody writes. Memory: 1,000 rows, two lists of 4,096 sums; for an unequal table see ``differences``.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Literal

from datalayer.query import Count
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Session, Store
from datalayer.transfer.checksum import Segments
from datalayer.transfer.conversions import comparable
from datalayer.transfer.differences import SEGMENTS, find_differences
from datalayer.transfer.hashing import RowHasher
from datalayer.transfer.pairing import TablePair, pair_for_verify
from datalayer.transfer.reading import CHUNK_ROWS, source_rows
from datalayer.transfer.reports import Difference, OnProgress, Progress, VerifiedTable, VerifyReport
from datalayer.transfer.selection import check_named, selected


async def verify(
    source: Store,
    target: Store,
    *,
    tables: Sequence[str] | None = None,
    limit: int = 10,
    on_progress: OnProgress | None = None,
) -> VerifyReport:
    """Compare tables of two stores; a table that only one of them has is a difference.

    Args:
        source: what should be there.
        target: what is there.
        tables: names; None for all but the stores' bookkeeping.
        limit: how many differences are named per table.
        on_progress: hears of every 1,000 rows; runs in the verifying task.

    Raises:
        TransferError: a table that was named is on neither side, or a row cannot be read.
    """
    started = perf_counter()
    left, right = await source.catalog(refresh=True), await target.catalog(refresh=True)
    check_named(tables, left, right)
    verified: list[VerifiedTable] = []
    notes: list[str] = []
    for name in sorted(selected(left, tables) | selected(right, tables)):
        mine, theirs = left.tables.get(name), right.tables.get(name)
        if mine is None or theirs is None:
            verified.append(await _one_sided(source, target, mine, theirs))
            continue
        notes += [
            f"{name}.{column} is only in the target and was not compared"
            for column in theirs.by_name
            if column not in mine.by_name
        ]
        verified.append(await _compare(source, target, mine, theirs, limit, on_progress))
    return VerifyReport(tuple(verified), tuple(notes), perf_counter() - started)


async def _one_sided(source: Store, target: Store, mine: Table | None, theirs: Table | None) -> VerifiedTable:
    if mine is not None:
        rows = await source.count(Count(mine.name))
        return VerifiedTable(mine.name, rows, None, None, None, (Difference("missing table", {}),))
    name = "" if theirs is None else theirs.name
    return VerifiedTable(name, None, await target.count(Count(name)), None, None, (Difference("extra table", {}),))


async def _compare(
    source: Store, target: Store, mine: Table, theirs: Table, limit: int, on_progress: OnProgress | None
) -> VerifiedTable:
    pair = pair_for_verify(mine, theirs)
    differences = _schema_differences(mine, theirs)
    total = 0
    if on_progress is not None:
        total = await source.count(Count(mine.name)) + await target.count(Count(mine.name))
    progress = _Progress(mine.name, total, on_progress)
    sums = (await _sums(source, pair, "source", progress), await _sums(target, pair, "target", progress))
    if sums[0].unequal(sums[1]):
        differences += await find_differences(source, target, pair, sums, limit)
    return VerifiedTable(
        mine.name, sums[0].rows, sums[1].rows, sums[0].checksum, sums[1].checksum, tuple(differences[:limit])
    )


def _schema_differences(mine: Table, theirs: Table) -> list[Difference]:
    found = []
    for column in mine.columns:
        other = theirs.by_name.get(column.name)
        if other is None:
            found.append(Difference("missing column", {}, (column.name,)))
        elif not comparable(column.type, other.type):
            found.append(Difference("unlike types", {}, (column.name,)))
    return found


class _Progress:
    """Counts the rows of both sides and tells about them."""

    def __init__(self, table: str, total: int, on_progress: OnProgress | None) -> None:
        self._table = table
        self._total = total
        self._on_progress = on_progress
        self._rows = 0

    def advance(self, rows: int) -> None:
        self._rows += rows
        if self._on_progress is not None:
            self._on_progress(Progress(self._table, self._rows, max(self._rows, self._total)))


async def _sums(session: Session, pair: TablePair, side: Literal["source", "target"], progress: _Progress) -> Segments:
    sums, hasher = Segments(SEGMENTS), RowHasher(pair, side)
    async with aclosing(source_rows(session, pair)) as rows:
        async for row in rows:
            sums.add(*hasher.digests(hasher.parts(row)))
            if sums.rows % CHUNK_ROWS == 0:
                progress.advance(CHUNK_ROWS)
    progress.advance(sums.rows % CHUNK_ROWS)
    return sums
