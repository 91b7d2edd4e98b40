"""How much of everything a run measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Sizes of one run.

    Args:
        rows: of the table that most scenarios ask.
        sizes: rows of the tables that show what growth costs; the last one is also streamed.
        moved_rows: rows of the table that is copied to another server and compared there.
        kept_rows: rows that a process keeps in a list.
        bulk_rows: rows of the bulk upserts.
        relayed_keys: keys that a relay carries.
        callers: how many work at the same time.
        divisor: how many times fewer rounds than a full run.
    """

    rows: int
    sizes: tuple[int, ...]
    moved_rows: int
    kept_rows: int
    bulk_rows: tuple[int, ...]
    relayed_keys: int
    callers: tuple[int, ...]
    divisor: int

    @property
    def large_rows(self) -> int:
        """Rows of the largest table."""
        return self.sizes[-1]

    def rounds(self, full: int) -> int:
        """Return how many rounds to make where a full run makes so many."""
        return max(2, full // self.divisor)


FULL = Scale(
    rows=200_000,
    sizes=(10_000, 100_000, 1_000_000),
    moved_rows=1_000_000,
    kept_rows=100_000,
    bulk_rows=(10_000, 100_000),
    relayed_keys=20_000,
    callers=(1, 8, 32, 128),
    divisor=1,
)
QUICK = Scale(
    rows=100_000,
    sizes=(10_000, 50_000),
    moved_rows=50_000,
    kept_rows=10_000,
    bulk_rows=(10_000,),
    relayed_keys=5_000,
    callers=(1, 32),
    divisor=5,
)
