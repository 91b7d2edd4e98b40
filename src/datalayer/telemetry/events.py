"""One event per call to a store and one per report of a relay; a protocol each for whoever wants to hear of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


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


@dataclass(frozen=True, slots=True)
class RelayEvent:
    """What a relay did since its last report, and what waits in its outbox now.

    Args:
        primary: the store that entries come from: ``postgres``, ``supabase`` or ``sqlite``.
        secondary: the store that is made equal.
        settled: entries settled.
        applied: keys that were newer than what the secondary had.
        failed: entries that were refused; they come again unless they are buried.
        buried: those among them that became dead letters.
        failure: of one of them: its table, the error's class, and constraint and columns where it names any.
        entries: everything in the outbox, dead letters and held deletes included; None where the outbox could not be
            asked, and so for the next three.
        dead: dead letters.
        held: deletes that wait for an operator.
        lag_seconds: age of the oldest entry that is not dead, nor about a table that the other store leads.
        duration_seconds: since the last report.
        error: name of the last error's class that both stores together could not work with, None when all went well.
    """

    primary: str
    secondary: str
    settled: int = 0
    applied: int = 0
    failed: int = 0
    buried: int = 0
    entries: int | None = 0
    dead: int | None = 0
    held: int | None = 0
    lag_seconds: float | None = 0.0
    duration_seconds: float = 0.0
    error: str | None = None
    failure: str | None = None


@runtime_checkable
class RelayObserver(Protocol):
    """Hears of a relay's reports. Must be quick, like :class:`Observer`; every sink of this package is one."""

    def relayed(self, event: RelayEvent, /) -> None:
        """Take one report."""
