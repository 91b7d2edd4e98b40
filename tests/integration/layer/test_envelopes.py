"""Envelopes: the same calls with answers that ported call sites know."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.integration.layer.conftest import DrivenClock
from tests.integration.layer.salon import COMPANY, client

from datalayer import DataLayer


async def test_envelope_of_a_row_counts_one(layer: DataLayer, clock: DrivenClock) -> None:
    """Data is the row, and everything about the call stands beside it."""
    stored = await layer.upsert_client(client(1))
    answer = await layer.envelope.get_client_by_phone("+79990000001")
    assert (answer.success, answer.data, answer.count) == (True, stored, 1)
    assert (answer.operation, answer.error, answer.timestamp) == ("get_client_by_phone", None, clock.now)


async def test_envelope_of_none_is_a_success(layer: DataLayer) -> None:
    """Nothing found is an answer."""
    answer = await layer.envelope.get_client_by_id(1)
    assert (answer.success, answer.data, answer.count) == (True, None, 0)


async def test_envelope_of_a_list_counts_its_rows(layer: DataLayer) -> None:
    """Count is the number of rows in the answer."""
    answer = await layer.envelope.upsert_clients([client(1), client(2)])
    assert (answer.success, answer.count) == (True, 2)
    found = await layer.envelope.search_clients_by_name(COMPANY, "клиент", limit=1)
    assert found.count == 1


async def test_envelope_holds_the_error_without_the_value(layer: DataLayer) -> None:
    """A typed error becomes a message that names the field and not what was in it."""
    answer = await layer.envelope.get_client_by_phone("123")
    assert (answer.success, answer.data, answer.count) == (False, None, 0)
    assert answer.error is not None
    assert answer.error.startswith("phone:")
    assert "123" not in answer.error


async def test_envelope_lets_programming_errors_through(layer: DataLayer) -> None:
    """A wrong call is a mistake in the code, not an answer."""
    untyped_call: Any = layer.envelope.get_company
    with pytest.raises(TypeError):
        await untyped_call("ten", "eleven")


async def test_envelope_as_dict_is_plain(layer: DataLayer) -> None:
    """The old shape: plain containers all the way down."""
    await layer.upsert_client(client(1))
    answer = (await layer.envelope.search_clients_by_name(COMPANY, "клиент")).as_dict()
    assert set(answer) == {"success", "data", "operation", "timestamp", "error", "count"}
    assert answer["data"][0]["phone"] == "79990000001"
    assert datetime.fromisoformat(answer["timestamp"]).tzinfo is not None


async def test_envelope_of_the_health_check_is_its_health(layer: DataLayer) -> None:
    """Success means healthy."""
    answer = await layer.envelope.health_check()
    assert (answer.success, answer.operation) == (True, "health_check")
    assert answer.as_dict()["data"]["healthy"] is True
