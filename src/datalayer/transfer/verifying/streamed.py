"""Any two stores: both sides read row by row, each row hashed here in its canonical form.

Memory is two lists of 65,536 sums. When they differ, both sides are read again and only rows of unequal segments are
kept, as keys and digests, never more than ROUND_ROWS of the source at a time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from datalayer.transfer.checksum import Segments
from datalayer.transfer.hashing import RowHasher
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.reading import CHUNK_ROWS, source_rows
from datalayer.transfer.verifying.findings import Findings
from datalayer.transfer.verifying.progress import Meter
from datalayer.transfer.verifying.snapshots import Side
from datalayer.transfer.verifying.texts import SideName

SEGMENTS: Final = 65_536
ROUND_ROWS: Final = 100_000
#: Rows found after which the rest is not looked at, when nobody needs all of them.
_ENOUGH: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """A row of an unequal segment: its key, the digests of its key and of all of it, its place in the stream."""

    key: tuple[Any, ...]
    identity: bytes
    whole: bytes
    number: int


async def streamed_sums(side: Side, pair: TablePair, name: SideName, meter: Meter) -> Segments:
    """Read one side and return its sums by segment."""
    sums, hasher = Segments(SEGMENTS), RowHasher(pair, name)
    add, digests, parts = sums.add, hasher.digests, hasher.parts
    async with side.session() as session, aclosing(source_rows(session, pair, keep_unreadable=True)) as rows:
        async for row in rows:
            add(*digests(parts(row)))
            if sums.rows % CHUNK_ROWS == 0:
                meter.advance(CHUNK_ROWS)
                # A side whose rows come without waiting would keep the other one from its turn.
                await asyncio.sleep(0)
    meter.advance(sums.rows % CHUNK_ROWS)
    return sums


async def find_streamed(findings: Findings, sums: tuple[Segments, Segments]) -> None:
    """Read the rows of unequal segments again and note how they differ."""
    for places in _rounds(sums[0], sums[0].unequal(sums[1])):
        await _second_look(findings, sums, frozenset(places))
        found = findings.missing + findings.extra + findings.changed
        if not findings.keep_keys and found >= _ENOUGH:
            findings.complete = False
            break
    await findings.look()


def _rounds(sums: Segments, places: Sequence[int]) -> list[list[int]]:
    """Put segments together until they have as many rows as are kept at a time."""
    rounds: list[list[int]] = [[]]
    rows = 0
    for place in places:
        held = sums.rows_in(place)
        if rounds[-1] and rows + held > ROUND_ROWS:
            rounds.append([])
            rows = 0
        rounds[-1].append(place)
        rows += held
    return rounds


async def _second_look(findings: Findings, sums: tuple[Segments, Segments], places: frozenset[int]) -> None:
    pair = findings.pair
    waiting: dict[bytes, list[_Seen]] = defaultdict(list)
    async with aclosing(_rows_of(findings.source, pair, "source", sums[0], places)) as rows:
        async for seen in rows:
            waiting[seen.identity].append(seen)
    unequal: list[tuple[_Seen, _Seen]] = []
    async with aclosing(_rows_of(findings.target, pair, "target", sums[1], places)) as rows:
        async for seen in rows:
            counterparts = waiting.get(seen.identity)
            if not counterparts:
                findings.added(seen.key, seen.number)
                continue
            other = next((each for each in counterparts if each.whole == seen.whole), counterparts[-1])
            counterparts.remove(other)
            if other.whole != seen.whole:
                unequal.append((other, seen))
    for seen in (each for left in waiting.values() for each in left):
        findings.lost(seen.key, seen.number)
    for mine, theirs in unequal:
        await findings.unequal(mine.key, theirs.key)


async def _rows_of(
    side: Side, pair: TablePair, name: SideName, sums: Segments, places: frozenset[int]
) -> AsyncGenerator[_Seen, None]:
    hasher = RowHasher(pair, name)
    number = 0
    async with side.session() as session, aclosing(source_rows(session, pair, keep_unreadable=True)) as rows:
        async for row in rows:
            number += 1
            identity, whole = hasher.digests(hasher.parts(row))
            if sums.place(identity) in places:
                yield _Seen(tuple(row[each] for each in pair.key), identity, whole, number)
