"""How a table is cut into segments inside the server, so that both sides cut at the same places.

A lone whole-number key is cut into ranges, which its index finds again; any other key by its hash, some bits at a time.
A segment that is unequal and still large is cut again, finer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

SEGMENTS: Final = 1024
_BITS: Final = 10
_DEEPEST: Final = 4
#: The segment of rows whose key is NULL.
_NULLS: Final = -1


class Cut(Protocol):
    """One way to cut a table, or some of its segments."""

    @property
    def number(self) -> str:
        """SQL: the segment of a row."""

    @property
    def within(self) -> str:
        """SQL: the rows that are cut."""

    @property
    def finest(self) -> bool:
        """Whether the segments cannot be cut again."""

    def inside(self, segments: Sequence[int]) -> str:
        """Return the SQL condition that a row is in one of these segments."""

    def finer(self, segments: Sequence[int]) -> Iterable[Cut]:
        """Return cuts of these segments."""


@dataclass(frozen=True, slots=True)
class RangeCut:
    """Ranges of a whole-number key.

    Args:
        key: SQL of the key column.
        low: the smallest key.
        high: the largest key; fewer than 2**63 above ``low``.
        nulls: whether rows without a key belong to it.
        whole: whether no row of the table is outside of it, so that none need be asked.
    """

    key: str
    low: int
    high: int
    nulls: bool = True
    whole: bool = False

    @property
    def step(self) -> int:
        """Keys in one segment."""
        return (self.high - self.low) // SEGMENTS + 1

    @property
    def number(self) -> str:
        """SQL: the segment of a row."""
        return f"coalesce(({self.key}::int8 - {_number(self.low)}) / {_number(self.step)}, {_NULLS})"

    @property
    def within(self) -> str:
        """SQL: the rows that are cut."""
        if self.whole:
            return "true"
        between = f"{self.key} between {_number(self.low)} and {_number(self.high)}"
        return f"({between} or {self.key} is null)" if self.nulls else between

    @property
    def finest(self) -> bool:
        """Whether each segment is one key."""
        return self.step == 1

    def inside(self, segments: Sequence[int]) -> str:
        """Return the SQL condition that a row is in one of these segments."""
        found = [self._condition(segment) for segment in segments]
        return f"({' or '.join(found)})"

    def finer(self, segments: Sequence[int]) -> Iterable[RangeCut]:
        """Return a cut of each of these segments."""
        return [RangeCut(self.key, *self._bounds(segment), nulls=False) for segment in segments if segment != _NULLS]

    def slices(self, count: int) -> list[RangeCut]:
        """Return so many cuts that make up this one."""
        if count == 1:
            return [replace(self, whole=True)]
        width = (self.high - self.low) // count + 1
        lows = range(self.low, self.high + 1, width)
        return [
            RangeCut(self.key, low, min(low + width - 1, self.high), nulls=place == 0) for place, low in enumerate(lows)
        ]

    def _bounds(self, segment: int) -> tuple[int, int]:
        low = self.low + segment * self.step
        return low, min(low + self.step - 1, self.high)

    def _condition(self, segment: int) -> str:
        if segment == _NULLS:
            return f"{self.key} is null"
        low, high = self._bounds(segment)
        return f"{self.key} between {_number(low)} and {_number(high)}"


@dataclass(frozen=True, slots=True)
class HashCut:
    """Bits of the hash of the key.

    Args:
        hashed: SQL of the key's hash.
        depth: how often the table has been cut before.
        parents: segments of the cut before; None for the whole table.
    """

    hashed: str
    depth: int = 0
    parents: tuple[int, ...] | None = None

    @property
    def number(self) -> str:
        """SQL: the segment of a row."""
        return f"({self.hashed} & {_number(_mask(self.depth))})"

    @property
    def within(self) -> str:
        """SQL: the rows that are cut."""
        if self.parents is None:
            return "true"
        return HashCut(self.hashed, self.depth - 1).inside(self.parents)

    @property
    def finest(self) -> bool:
        """Whether no more bits are looked at."""
        return self.depth == _DEEPEST

    def inside(self, segments: Sequence[int]) -> str:
        """Return the SQL condition that a row is in one of these segments."""
        return f"{self.number} = any('{{{','.join(map(str, segments))}}}'::int8[])"

    def finer(self, segments: Sequence[int]) -> Iterable[HashCut]:
        """Return one cut of all these segments."""
        return [HashCut(self.hashed, self.depth + 1, tuple(segments))]


def _mask(depth: int) -> int:
    return (1 << (_BITS * (depth + 1))) - 1


def _number(value: int) -> str:
    """Write a number that may be the smallest bigint, which has no literal of its own."""
    return f"'{value}'::int8"
