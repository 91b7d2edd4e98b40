"""The second look at a table that is not equal: which rows, which columns.

Both sides are read once more, and only rows of a few unequal segments are kept. With at most ``limit`` segments of
SEGMENTS, that is about ``limit / SEGMENTS`` of the source's rows: their keys and digests, never their values. Each
unequal segment has at least one difference, so as many as were asked for are found where there are that many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

from datalayer.stores.contract import Session
from datalayer.transfer.checksum import Segments, digest
from datalayer.transfer.hashing import RowHasher
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.reading import source_rows
from datalayer.transfer.reports import Difference

SEGMENTS: Final = 4096


@dataclass(frozen=True, slots=True)
class _Seen:
    """A row of an unequal segment: its key, its digests, its place in the stream."""

    key: tuple[Any, ...]
    identity: bytes
    columns: tuple[bytes, ...]
    number: int


async def find_differences(
    source: Session, target: Session, pair: TablePair, sums: tuple[Segments, Segments], limit: int
) -> list[Difference]:
    """Return differences of rows, at most ``limit``, in the order of their keys."""
    places = frozenset(sums[0].unequal(sums[1])[:limit])
    waiting: dict[bytes, list[_Seen]] = defaultdict(list)
    async with aclosing(_rows_of(source, pair, "source", sums[0], places)) as rows:
        async for seen in rows:
            waiting[seen.identity].append(seen)
    names = RowHasher(pair, "source").names
    found: list[tuple[_Seen, Difference]] = []
    async with aclosing(_rows_of(target, pair, "target", sums[1], places)) as rows:
        async for seen in rows:
            counterparts = waiting.get(seen.identity)
            if not counterparts:
                found.append((seen, _difference("extra row", pair, seen)))
                continue
            other = counterparts.pop()
            unequal = tuple(n for n, a, b in zip(names, other.columns, seen.columns, strict=True) if a != b)
            if unequal:
                found.append((seen, _difference("unequal value", pair, seen, unequal)))
    found += [(seen, _difference("missing row", pair, seen)) for left in waiting.values() for seen in left]
    found.sort(key=lambda each: _order(each[0]))
    return [difference for _, difference in found[:limit]]


async def _rows_of(
    session: Session, pair: TablePair, side: Literal["source", "target"], sums: Segments, places: frozenset[int]
) -> AsyncGenerator[_Seen, None]:
    hasher = RowHasher(pair, side)
    number = 0
    async with aclosing(source_rows(session, pair)) as rows:
        async for row in rows:
            number += 1
            parts = hasher.parts(row)
            identity, _ = hasher.digests(parts)
            if sums.place(identity) in places:
                key = tuple(row[name] for name in pair.key)
                yield _Seen(key, identity, tuple(map(digest, parts)), number)


def _difference(
    finding: Literal["missing row", "extra row", "unequal value"],
    pair: TablePair,
    seen: _Seen,
    columns: tuple[str, ...] = (),
) -> Difference:
    key = dict(zip(pair.key, seen.key, strict=True))
    return Difference(finding, key, columns, None if pair.key else seen.number)


def _order(seen: _Seen) -> tuple[Any, ...]:
    """Order keys as people do: numbers by value, everything else by its text."""
    numbers = [(part, "") if isinstance(part, int) else (0, str(part)) for part in seen.key]
    return (*numbers, seen.number)
