"""Telemetry: one event per store call, one file per sink."""

from datalayer.telemetry.events import CallEvent, Observer

__all__ = ["CallEvent", "Observer"]
