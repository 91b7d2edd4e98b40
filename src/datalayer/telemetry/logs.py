"""Calls in the application's log: every one on request, slow ones always; relays that are in trouble. No row values."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

from datalayer.errors import UnavailableError
from datalayer.telemetry.events import CallEvent, RelayEvent

LOGGER = logging.getLogger("datalayer.calls")
RELAY_LOGGER = logging.getLogger("datalayer.relay")


@dataclass(frozen=True, slots=True)
class LogObserver:
    """One line per call on the logger ``datalayer.calls``; the event is in the record's ``call`` attribute.

    Args:
        every_call: log all calls (level INFO), not only the slow ones (level WARNING).
        slow_seconds: calls that take longer are slow; 0 means that none is.
    """

    every_call: bool = False
    slow_seconds: float = 0.5

    def __call__(self, event: CallEvent) -> None:
        """Log the call if it is due."""
        # A server that is away is not slow, and is told of by whoever waits for it.
        slow = 0 < self.slow_seconds < event.duration_seconds and event.error != UnavailableError.__name__
        if not (slow or self.every_call):
            return
        LOGGER.log(
            logging.WARNING if slow else logging.INFO,
            "%sstore=%s operation=%s table=%s seconds=%.4f rows=%d error=%s",
            "slow call: " if slow else "",
            event.store,
            event.operation,
            event.table or "-",
            event.duration_seconds,
            event.rows,
            event.error or "-",
            extra={"call": asdict(event)},
        )

    def relayed(self, event: RelayEvent) -> None:
        """Log a report: with every call on request, and when something failed, is dead or is held."""
        wrong = bool(event.failed or event.dead or event.held or event.error)
        if not (wrong or (self.every_call and event.settled)):
            return
        RELAY_LOGGER.log(
            logging.WARNING if wrong else logging.INFO,
            "relay %s to %s: settled=%d failed=%d entries=%s dead=%s held=%s lag_seconds=%s error=%s failure=%s",
            event.primary,
            event.secondary,
            event.settled,
            event.failed,
            *("unknown" if number is None else number for number in (event.entries, event.dead, event.held)),
            "unknown" if event.lag_seconds is None else f"{event.lag_seconds:.1f}",
            event.error or "-",
            event.failure or "-",
            extra={"relay": asdict(event)},
        )
