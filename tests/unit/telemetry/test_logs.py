"""The log sink: which calls are logged, at which level, with which fields."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace

import pytest
from tests.unit.telemetry.events import FAILED, GOOD, SLOW, WITHOUT_TABLE

from datalayer.telemetry import CallEvent
from datalayer.telemetry.logs import LogObserver


@pytest.fixture(autouse=True)
def captured(caplog: pytest.LogCaptureFixture) -> None:
    """Let INFO lines through."""
    caplog.set_level(logging.INFO, logger="datalayer.calls")


def test_log_is_silent_about_quick_calls_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """Without LOG_DATABASE_CALLS a quick call leaves no line, a failed one neither: its error was raised."""
    observer = LogObserver()
    observer(GOOD)
    observer(FAILED)
    assert caplog.records == []


def test_log_warns_of_slow_calls_by_default(caplog: pytest.LogCaptureFixture) -> None:
    """A call over the threshold is a warning even when calls are not logged."""
    LogObserver(slow_seconds=0.5)(SLOW)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("slow call: store=supabase operation=select table=services seconds=0.7000")


def test_log_does_not_call_a_server_slow_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for it says so once; a call that timed out at work is slow."""
    LogObserver(slow_seconds=0.5)(replace(SLOW, error="UnavailableError"))
    assert caplog.records == []
    LogObserver(slow_seconds=0.5)(replace(SLOW, error="StoreTimeoutError"))
    assert len(caplog.records) == 1


def test_log_warns_of_nothing_when_the_threshold_is_zero(caplog: pytest.LogCaptureFixture) -> None:
    """Zero turns the warnings off."""
    LogObserver(slow_seconds=0)(SLOW)
    assert caplog.records == []


@pytest.mark.parametrize("event", [GOOD, FAILED, WITHOUT_TABLE])
def test_log_has_one_line_with_fields_per_call_when_asked(caplog: pytest.LogCaptureFixture, event: CallEvent) -> None:
    """Every call is one INFO line, and log processors find the event's fields in the record."""
    LogObserver(every_call=True)(event)
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert f"error={event.error or '-'}" in record.getMessage()
    assert record.__dict__["call"] == asdict(event)
