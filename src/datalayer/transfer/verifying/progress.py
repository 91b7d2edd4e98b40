"""Counts the rows of both sides of a table and tells about them."""

from __future__ import annotations

from datalayer.transfer.reports import OnProgress, Progress


class Meter:
    """How far one table is.

    Args:
        total: rows of both sides, as far as known.
    """

    def __init__(self, table: str, total: int, on_progress: OnProgress | None) -> None:
        self._table = table
        self._total = total
        self._on_progress = on_progress
        self._rows = 0
        self._before = 0

    def advance(self, rows: int, *, before: bool = False) -> None:
        """Count rows that have been read, ``before`` by an earlier run."""
        self._rows += rows
        self._before += rows if before else 0
        if self._on_progress is not None:
            self._on_progress(Progress(self._table, self._rows, max(self._rows, self._total), self._before))
