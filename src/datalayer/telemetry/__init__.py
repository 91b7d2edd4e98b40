"""Telemetry: one event per store call, one file per sink."""

from datalayer.telemetry.events import CallEvent, Observer
from datalayer.telemetry.notify import notify

__all__ = ["CallEvent", "Observer", "notify"]
