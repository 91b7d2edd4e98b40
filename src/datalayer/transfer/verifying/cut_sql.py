"""Cuts as PostgreSQL's SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from datalayer.transfer.verifying.cuts import NULLS, Cut, HashCut, RangeCut

#: Ends a subquery of segments and hashes, so that a hash is computed once for all its uses, and that the planner
#: expects few segments: it would expect one for each key, and sort the rows. As a bigint it does not stand in the way
#: of parallel workers. Source: PostgreSQL's src/backend/optimizer/plan/planner.c, limit_needed.
APART: Final = "OFFSET '0'::int8"


@dataclass(frozen=True, slots=True)
class CutSql:
    """Writes cuts of one table.

    Args:
        key: SQL of the key column; ranges are cut only where there is one.
        hashed: SQL of the hash of the key, a bigint.
    """

    key: str
    hashed: str

    def number(self, cut: Cut) -> str:
        """SQL: the segment of a row."""
        if isinstance(cut, HashCut):
            return f"({self.hashed} & {_number(cut.mask)})"
        return f"coalesce(({self.key}::int8 - {_number(cut.low)}) / {_number(cut.step)}, {NULLS})"

    def within(self, cut: Cut) -> str:
        """SQL: the rows that are cut."""
        if isinstance(cut, HashCut):
            return "true" if cut.parents is None else self.inside(cut.above, cut.parents)
        if cut.whole:
            return "true"
        between = self._between(cut.low, cut.high)
        return f"({between} or {self.key} is null)" if cut.nulls else between

    def inside(self, cut: Cut, segments: Sequence[int]) -> str:
        """SQL: the rows in one of these segments."""
        if isinstance(cut, HashCut):
            return f"{self.number(cut)} = any('{{{','.join(map(str, segments))}}}'::int8[])"
        return f"({' or '.join(self._condition(cut, segment) for segment in segments)})"

    def _condition(self, cut: RangeCut, segment: int) -> str:
        return f"{self.key} is null" if segment == NULLS else self._between(*cut.bounds(segment))

    def _between(self, low: int, high: int) -> str:
        return f"{self.key} between {_number(low)} and {_number(high)}"


def _number(value: int) -> str:
    """Write a number that may be the smallest bigint, which has no literal of its own."""
    return f"'{value}'::int8"
