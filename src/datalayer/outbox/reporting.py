"""What a relay does every few seconds besides relaying: count what waits, tell observers, free claims of the dead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from time import monotonic

from datalayer.errors import DataLayerError
from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.pace import Pace
from datalayer.outbox.queue import Outbox
from datalayer.outbox.waiting import Selection, tables_waiting, waiting
from datalayer.telemetry import RelayEvent, RelayObserver, notify_relay


class Report:
    """Counts between two reports. Changed by its relay alone."""

    def __init__(
        self,
        outbox: Outbox,
        breaker: DeleteBreaker,
        between: tuple[str, str],
        pace: Pace,
        observers: Sequence[RelayObserver],
        chores: Sequence[Callable[[], Awaitable[object]]],
    ) -> None:
        self._outbox = outbox
        self._breaker = breaker
        self._between = between
        self._seconds = pace.report_seconds
        self._observers = tuple(observers)
        self._chores = tuple(chores)
        self._event = RelayEvent(*between)
        self._known_held: set[str] = set()
        self._due = monotonic()
        self._began = monotonic()

    def count(
        self,
        *,
        settled: int = 0,
        applied: int = 0,
        failed: int = 0,
        buried: int = 0,
        error: str | None = None,
        failure: str | None = None,
    ) -> None:
        """Add to the event that is told next."""
        event = self._event
        self._event = replace(
            event,
            settled=event.settled + settled,
            applied=event.applied + applied,
            failed=event.failed + failed,
            buried=event.buried + buried,
            error=error or event.error,
            failure=failure or event.failure,
        )

    async def give_when_due(self) -> None:
        """Do what is due; costs a look at the clock otherwise."""
        if monotonic() < self._due:
            return
        self._due = monotonic() + self._seconds
        await self._outbox.expire()
        await self._heed_held_deletes()
        for chore in self._chores:
            await chore()
        if self._observers:
            await self.give()

    async def give(self) -> RelayEvent:
        """Tell the observers now; return what they hear."""
        event, self._event = self._event, RelayEvent(*self._between)
        event = replace(event, duration_seconds=monotonic() - self._began)
        self._began = monotonic()
        try:
            left = await waiting(self._outbox.store, self._outbox.table, self._outbox.clock)
            event = replace(event, entries=left.entries, dead=left.dead, held=left.held, lag_seconds=left.lag_seconds)
        except DataLayerError as error:
            error_name = event.error or type(error).__name__
            event = replace(event, entries=None, dead=None, held=None, lag_seconds=None, error=error_name)
        notify_relay(self._observers, event)
        return event

    async def _heed_held_deletes(self) -> None:
        """Hold the deletes that other relays hold, and let those pass again that an operator has let through."""
        held = set(await tables_waiting(self._outbox.store, self._outbox.table, Selection(held_deletes=True)))
        for table in held:
            self._breaker.trip(table)
        # Only what was held before: a breaker that has just tripped has not held its deletes yet.
        for table in self._known_held - held:
            self._breaker.reset(table)
        self._known_held = held
