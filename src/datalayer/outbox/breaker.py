"""Stops a burst of deletes and asks: rows that vanish by the thousand may be hidden, or deleted by mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import monotonic

from datalayer.outbox.entries import Key


class DeleteBreaker:
    """Counts the keys of each table that a relay found absent on the primary, each once however often it is tried.

    A table's breaker trips when a batch would bring the count of the window above the limit; from then on none of its
    deletes passes until :meth:`reset`. Changed on the relay's event loop only.

    Args:
        limit: absences of one table within the window; 0 turns the breaker off.
        window_seconds: how far back they count.
    """

    def __init__(
        self, *, limit: int = 1000, window_seconds: float = 60.0, clock: Callable[[], float] = monotonic
    ) -> None:
        self._limit = limit
        self._window = window_seconds
        self._clock = clock
        self._passed: dict[str, dict[Key, float]] = {}
        self._tripped: set[str] = set()

    @property
    def tripped(self) -> frozenset[str]:
        """Tables whose deletes are held."""
        return frozenset(self._tripped)

    def admits(self, table: str, absent: Collection[Key]) -> bool:
        """Whether the deletes of these keys of a table may pass; counts them if so, trips if not."""
        if not self._limit or not absent:
            return True
        if table in self._tripped:
            return False
        now = self._clock()
        recent = {key: at for key, at in self._passed.get(table, {}).items() if at > now - self._window}
        recent |= dict.fromkeys(absent, now)
        if len(recent) > self._limit:
            self._tripped.add(table)
            return False
        self._passed[table] = recent
        return True

    def trip(self, table: str) -> None:
        """Hold a table's deletes, since another relay or an earlier run does."""
        if self._limit:
            self._tripped.add(table)

    def reset(self, table: str) -> None:
        """Let deletes of a table pass again, counted from none."""
        self._tripped.discard(table)
        self._passed.pop(table, None)
