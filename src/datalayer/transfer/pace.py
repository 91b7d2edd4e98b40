"""How fast a copy goes: rows counted for who watches, and held to a rate for who shares the servers."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping

from datalayer.errors import TransferError
from datalayer.transfer.reports import OnProgress, Progress

#: What an interruption may cost a copy that is held back.
_PART_SECONDS = 5
_MOST_PART_ROWS = 1e9
#: What may go at once of a copy that is held back.
_BURST_SECONDS = 0.2


def part_rows(max_rate: float | None, jobs: int) -> int | None:
    """Return how many rows a part may have to be written soon, ``jobs`` of them at a time; None for any number."""
    return None if max_rate is None else max(1, int(min(max_rate * _PART_SECONDS / jobs, _MOST_PART_ROWS)))


class Pace:
    """Counts rows as they pass. Its fields change on the event loop's thread only.

    Args:
        totals: about how many rows each table has.
        max_rate: rows a second over all tables; None for as fast as it goes.
    """

    def __init__(self, totals: Mapping[str, int], on_progress: OnProgress | None, max_rate: float | None) -> None:
        if max_rate is not None and max_rate <= 0:
            raise TransferError("the largest rate must be more than 0 rows a second")
        self._totals = totals
        self._on_progress = on_progress
        self._max_rate = max_rate
        #: When the rows that passed so far are due; only with a largest rate.
        self._due = 0.0
        self._passed: dict[str, int] = defaultdict(int)
        self._before: dict[str, int] = {}

    @property
    def most_at_once(self) -> int | None:
        """How many rows may go at once, about; None for any number."""
        return None if self._max_rate is None else max(1, int(min(self._max_rate * _BURST_SECONDS, _MOST_PART_ROWS)))

    async def passed(self, table: str, rows: int) -> None:
        """Count rows on their way, where they came too early after waiting until they are due."""
        if self._max_rate is not None:
            now = asyncio.get_running_loop().time()
            self._due = max(self._due, now) + rows / self._max_rate
            await asyncio.sleep(self._due - now)
        self.count(table, rows)

    def resume(self, table: str, rows: int) -> None:
        """Count rows that an earlier run has brought."""
        self._before[table] = rows
        self.count(table, rows)

    def count(self, table: str, rows: int) -> None:
        """Count rows; below 0, rows that were rolled back."""
        self._passed[table] += rows
        if self._on_progress is not None:
            passed = self._passed[table]
            total = max(passed, self._totals.get(table, 0))
            self._on_progress(Progress(table, passed, total, self._before.get(table, 0)))
