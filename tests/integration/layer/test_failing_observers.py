"""Observers that fail: the call does what it does all the same, on every store."""

from __future__ import annotations

import pytest
from tests.integration.layer.places import Place
from tests.integration.layer.salon import client

from datalayer import DataLayer
from datalayer.telemetry import CallEvent


async def test_observer_that_raises_does_not_fail_the_call(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A write has committed when its observers are told; its answer is the row."""

    class Broken:
        def __call__(self, event: CallEvent) -> None:
            raise RuntimeError("the sink is full")

    async with DataLayer.open(place.settings(), observers=[Broken()]) as layer:
        stored = await layer.upsert_client(client(1))
        assert await layer.get_client_by_id(1) == stored
    assert len([record for record in caplog.records if "Broken raised RuntimeError" in record.getMessage()]) <= 1
