"""How a table is cut into segments, at the same places on both sides.

A lone whole-number key is cut into ranges, which its index finds again; any other key by its hash, some bits at a time.
A segment that is unequal and still large is cut again, finer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

SEGMENTS: Final = 1024
_BITS: Final = 10
_DEEPEST: Final = 4
#: The segment of rows whose key is NULL.
NULLS: Final = -1


@dataclass(frozen=True, slots=True)
class RangeCut:
    """Ranges of a whole-number key.

    Args:
        low: the smallest key.
        high: the largest key; fewer than 2**63 above ``low``.
        nulls: whether rows without a key belong to it.
        whole: whether no row of the table is outside of it, so that none need be asked.
    """

    low: int
    high: int
    nulls: bool = True
    whole: bool = False

    @property
    def step(self) -> int:
        """Keys in one segment."""
        return (self.high - self.low) // SEGMENTS + 1

    @property
    def finest(self) -> bool:
        """Whether each segment is one key, so that they cannot be cut again."""
        return self.step == 1

    def segment(self, key: int | None) -> int | None:
        """Return the segment of a row by its key; None outside."""
        if key is None:
            return NULLS if self.nulls else None
        return (key - self.low) // self.step if self.low <= key <= self.high else None

    def finer(self, segments: Sequence[int]) -> Iterable[RangeCut]:
        """Return a cut of each of these segments."""
        return [RangeCut(*self.bounds(segment), nulls=False) for segment in segments if segment != NULLS]

    def slices(self, count: int) -> list[RangeCut]:
        """Return so many cuts that make up this one."""
        if count == 1:
            return [replace(self, whole=True)]
        width = (self.high - self.low) // count + 1
        lows = range(self.low, self.high + 1, width)
        return [RangeCut(low, min(low + width - 1, self.high), nulls=place == 0) for place, low in enumerate(lows)]

    def bounds(self, segment: int) -> tuple[int, int]:
        """Return the first and the last key of a segment."""
        low = self.low + segment * self.step
        return low, min(low + self.step - 1, self.high)


@dataclass(frozen=True, slots=True)
class HashCut:
    """Bits of the hash of the key.

    Args:
        depth: how often the table has been cut before.
        parents: segments of the cut before; None for the whole table.
    """

    depth: int = 0
    parents: tuple[int, ...] | None = None

    @property
    def mask(self) -> int:
        """The bits of the hash that are the segment's number."""
        return (1 << (_BITS * (self.depth + 1))) - 1

    @property
    def above(self) -> HashCut:
        """The cut whose segments the parents are."""
        return HashCut(self.depth - 1)

    @property
    def finest(self) -> bool:
        """Whether no more bits are looked at."""
        return self.depth == _DEEPEST

    def segment(self, hashed: int) -> int | None:
        """Return the segment of a row by the hash of its key; None outside."""
        if self.parents is not None and hashed & self.above.mask not in self.parents:
            return None
        return hashed & self.mask

    def finer(self, segments: Sequence[int]) -> Iterable[HashCut]:
        """Return one cut of all these segments."""
        return [HashCut(self.depth + 1, tuple(segments))]


Cut: TypeAlias = RangeCut | HashCut
