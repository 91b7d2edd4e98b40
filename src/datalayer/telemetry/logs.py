"""Calls in the application's log: every one on request, slow ones always. Fields, never row values."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

from datalayer.telemetry.events import CallEvent

LOGGER = logging.getLogger("datalayer.calls")


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
        slow = 0 < self.slow_seconds < event.duration_seconds
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
