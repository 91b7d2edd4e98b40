"""What a comparison by segments needs of each side, and where it cuts a table."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from datalayer.transfer.reports import Method
from datalayer.transfer.verifying.cuts import Cut, HashCut, RangeCut
from datalayer.transfer.verifying.snapshots import together

Key: TypeAlias = tuple[Any, ...]
#: Rows and sum of row hashes by segment.
Sums: TypeAlias = dict[int, tuple[int, int]]
#: By what both sides call a key alike: the keys of the rows as the side has them, each with the row's hash.
Hashes: TypeAlias = dict[Hashable, list[tuple[Key, object]]]

#: Rows compared by one statement of a table with a whole-number key; the next one is a place to resume at.
_SLICE_ROWS: Final = 5_000_000
_MOST_SLICES: Final = 1000
_WIDEST_RANGE: Final = 1 << 62


class NotAlikeError(Exception):
    """Hashes do not tell which rows differ: one has an unreadable value, or most are only written differently."""


class Half(Protocol):
    """One side of one table, hashed."""

    async def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and the largest key, which is one whole number; None without rows."""

    async def sums(self, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments; a side without the key may have several of one key."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How both sides of one table are hashed alike.

    Args:
        bits: width of a checksum.
        rows: about how many rows the larger side has.
        ranged: whether the key is one whole number on both sides.
        exact: whether unequal hashes always mean unequal values.
    """

    source: Half
    target: Half
    method: Method
    bits: int
    rows: int
    ranged: bool
    exact: bool

    async def cuts(self) -> Sequence[Cut]:
        """Return cuts that together are the whole table, each compared by one statement on each side."""
        if not self.ranged:
            return [HashCut()]
        known = [bounds for bounds in await together(self.source.bounds(), self.target.bounds()) if bounds is not None]
        if not known:
            return [RangeCut(0, 0)]
        low, high = min(low for low, _ in known), max(high for _, high in known)
        if high - low >= _WIDEST_RANGE:
            return [HashCut()]
        return RangeCut(low, high).slices(max(1, min(_MOST_SLICES, -(-self.rows // _SLICE_ROWS))))
