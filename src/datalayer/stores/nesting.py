"""Nested transactions, kept apart by task."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from datalayer.errors import UnsupportedOperationError


class Nesting:
    """Refuses a savepoint while another task has one open: they would end out of order and undo each other's rows.

    ``_task``, which has a savepoint open, is set and reset by the block of that savepoint.
    """

    def __init__(self, store: str) -> None:
        self._store = store
        self._task: asyncio.Task[Any] | None = None

    @contextmanager
    def block(self) -> Iterator[None]:
        """Mark the block of one savepoint; one inside another is fine within a task."""
        task, outer = asyncio.current_task(), self._task
        if outer is not None and outer is not task:
            raise UnsupportedOperationError(
                self._store, "nested transactions of two tasks at once", "open them one after the other"
            )
        self._task = task
        try:
            yield
        finally:
            self._task = outer
