"""How observers are told: one that fails is logged once, and the others hear of the call all the same."""

from __future__ import annotations

import pytest
from tests.unit.telemetry.events import GOOD, SLOW

from datalayer.telemetry import CallEvent, notify


def test_notify_tells_everyone_when_one_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The first failure of a class is logged by class and place, without its message; later ones are not."""
    secret = "31337"

    class Broken:
        def __call__(self, event: CallEvent) -> None:
            raise RuntimeError(secret)

    heard: list[CallEvent] = []
    for event in (GOOD, SLOW):
        notify([Broken(), heard.append, Broken()], event)
    assert heard == [GOOD, SLOW]
    (record,) = caplog.records
    assert "Broken raised RuntimeError" in record.getMessage()
    assert "test_notify.py" in record.getMessage()
    assert secret not in record.getMessage()


def test_notify_lets_cancellation_through() -> None:
    """Only errors are kept from the call, not a wish to end the program."""

    def stop(event: CallEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        notify([stop], GOOD)
