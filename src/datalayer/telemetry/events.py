"""One event per call to a store, one protocol for whoever wants to hear of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallEvent:
    """A finished call to a store.

    Args:
        store: ``postgres``, ``supabase`` or ``sqlite``.
        operation: the verb of the store contract.
        table: the table asked for; empty where there is none.
        duration_seconds: wall time, waiting for a connection included.
        rows: rows returned or written.
        error: name of the error class, None when the call succeeded.
        pool_size: connections open, None where the store has no pool.
        pool_waiting: calls waiting for a connection, None likewise.
    """

    store: str
    operation: str
    table: str
    duration_seconds: float
    rows: int
    error: str | None = None
    pool_size: int | None = None
    pool_waiting: int | None = None


class Observer(Protocol):
    """Hears of every call. Must be quick: it runs inside the caller's task. What it raises is logged, no more."""

    def __call__(self, event: CallEvent, /) -> None:
        """Take one event."""
