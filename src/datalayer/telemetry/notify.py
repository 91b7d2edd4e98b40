"""How stores tell observers of a call: an observer that fails never fails the call, which may have committed."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable

from datalayer.telemetry.events import CallEvent, Observer, RelayEvent, RelayObserver

LOGGER = logging.getLogger("datalayer.telemetry")

#: Observers whose failure has been logged, by class or function; grows here alone, for the life of the process.
_known_to_fail: set[str] = set()


def notify(observers: Iterable[Observer], event: CallEvent) -> None:
    """Give the event to every observer; log what one raises, once per class of observer."""
    for observer in observers:
        try:
            observer(event)
        except Exception as error:
            _log_once(observer, error)


def notify_relay(observers: Iterable[RelayObserver], event: RelayEvent) -> None:
    """Give a relay's report to every observer, likewise."""
    for observer in observers:
        try:
            observer.relayed(event)
        except Exception as error:
            _log_once(observer, error)


def _log_once(observer: Observer | RelayObserver, error: Exception) -> None:
    """Log class and place of the error: its message, or the call's own error behind it, might quote a row."""
    named = observer if hasattr(observer, "__qualname__") else type(observer)
    name = f"{named.__module__}.{named.__qualname__}"
    if name in _known_to_fail:
        return
    _known_to_fail.add(name)
    place = "".join(traceback.format_tb(error.__traceback__))
    LOGGER.error("observer %s raised %s; its further errors are not logged\n%s", name, type(error).__name__, place)
