"""Telemetry: one event per store call, one per report of a relay, one file per sink."""

from datalayer.telemetry.events import CallEvent, Observer, RelayEvent, RelayObserver
from datalayer.telemetry.notify import notify, notify_relay

__all__ = ["CallEvent", "Observer", "RelayEvent", "RelayObserver", "notify", "notify_relay"]
