"""Which sinks a layer has, by its settings."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from datalayer import GivenSettings
from datalayer.layer.opening import observers_for
from datalayer.telemetry.logs import LogObserver
from datalayer.telemetry.sentry import SentryObserver


class SilentTransport(Transport):
    """Sends nothing."""

    def capture_envelope(self, envelope: Envelope) -> None:
        """Drop it."""


@pytest.fixture
def initialised_sentry() -> Iterator[None]:
    """Initialise the SDK for one test."""
    with sentry_sdk.isolation_scope():
        sentry_sdk.init(dsn="https://public@localhost/1", transport=SilentTransport(), default_integrations=False)
        yield
        sentry_sdk.get_client().close(timeout=0)
        sentry_sdk.get_global_scope().set_client(None)


def test_slow_calls_are_watched_by_default() -> None:
    """With nothing set, calls over half a second are logged."""
    assert observers_for(GivenSettings()) == (LogObserver(every_call=False, slow_seconds=0.5),)


def test_settings_turn_every_sink_off() -> None:
    """Without sinks a store calls nobody."""
    assert observers_for(GivenSettings(db_query_latency_threshold_ms=0)) == ()


def test_relays_are_logged_where_no_call_is() -> None:
    """With dual-write the log hears of dead letters and outages, whatever is said of slow calls."""
    settings = GivenSettings(enable_dual_write=True, db_query_latency_threshold_ms=0)
    assert observers_for(settings) == (LogObserver(every_call=False, slow_seconds=0),)


def test_settings_reach_the_log_sink() -> None:
    """The flag and the threshold are what the settings say."""
    settings = GivenSettings(log_database_calls="true", db_query_latency_threshold_ms=250)
    assert observers_for(settings) == (LogObserver(every_call=True, slow_seconds=0.25),)


@pytest.mark.usefixtures("initialised_sentry")
def test_sentry_is_told_when_the_application_initialised_it() -> None:
    """Nothing needs to be set for it, and a setting turns it off."""
    assert isinstance(observers_for(GivenSettings())[-1], SentryObserver)
    assert len(observers_for(GivenSettings(datalayer_sentry=False))) == 1


def test_sentry_can_be_asked_for_before_it_is_initialised() -> None:
    """An application that initialises the SDK later says so."""
    assert isinstance(observers_for(GivenSettings(datalayer_sentry=True))[-1], SentryObserver)
