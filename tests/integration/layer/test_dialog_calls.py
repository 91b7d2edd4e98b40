"""Calls about talks with clients, and the health check."""

from __future__ import annotations

import pytest
from tests.integration.layer.conftest import DrivenClock
from tests.integration.layer.salon import COMPANY

from datalayer import DataLayer, InvalidValueError


async def test_dialog_context_is_written_by_user_alone(layer: DataLayer, clock: DrivenClock) -> None:
    """Callers know the user, not the row; both times become the present."""
    first = await layer.upsert_dialog_context({"user_id": "79990000001", "state": "greeting", "data": {"a": [1, None]}})
    clock.move(minutes=1)
    second = await layer.upsert_dialog_context({"user_id": "79990000001", "state": "booking", "company_id": COMPANY})
    assert (second.id, second.state, second.data) == (first.id, "booking", {"a": [1, None]})
    assert (second.last_activity, second.updated_at) == (clock.naive, clock.naive)
    assert await layer.get_dialog_context("79990000001") == second


async def test_get_dialog_context_answers_none(layer: DataLayer) -> None:
    """A user who never wrote has no context."""
    assert await layer.get_dialog_context("79990000001") is None


async def test_upsert_dialog_context_requires_the_user(embedded_layer: DataLayer) -> None:
    """A context of nobody is refused."""
    with pytest.raises(InvalidValueError) as caught:
        await embedded_layer.upsert_dialog_context({"state": "greeting"})
    assert caught.value.field == "user_id"


async def test_health_check_tells_the_response_time(layer: DataLayer) -> None:
    """A store that answers is healthy."""
    health = await layer.health_check()
    assert (health.healthy, health.error, health.store) == (True, None, layer.mode.primary.value)
    assert health.response_seconds is not None
    assert 0 < health.response_seconds < 5
