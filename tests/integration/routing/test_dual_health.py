"""What the health of a dual-write says, and that it says nothing it does not know."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.integration.routing.salons import CLIENT, led_by, postgres_of
from tests.integration.routing.waiting import until

from datalayer import DataLayer, DualHealth, StoreKind
from datalayer.layer import leading
from datalayer.query import Insert


async def health_of(layer: DataLayer, *, timeout: float = 5.0) -> DualHealth:
    """Ask, and expect the answer of two stores."""
    health = await layer.health_check(timeout=timeout)
    assert isinstance(health, DualHealth)
    return health


async def test_health_counts_what_is_owed(pair: dict[str, Any]) -> None:
    """All entries, dead letters and held deletes apart, and for how long the oldest one has waited."""
    async with DataLayer.open(led_by(pair, StoreKind.POSTGRES, datalayer_relay=False)) as layer:
        clear = await health_of(layer)
        assert (clear.entries, clear.dead, clear.held, clear.lag_seconds) == (0, 0, 0, 0.0)
        assert (clear.rivals, clear.unknown_companies) == ((), ())
        await layer.upsert_clients([{**CLIENT, "yclients_id": n} for n in range(1, 4)])
        async with postgres_of(pair) as store:
            await store.execute(
                "update datalayer_outbox set dead_at = now()"
                " where version = (select max(version) from datalayer_outbox)"
            )
            await store.execute(
                "update datalayer_outbox set error = 'DeletesHeld'"
                " where version = (select min(version) from datalayer_outbox)"
            )
        owed = await health_of(layer)
        assert (owed.entries, owed.dead, owed.held) == (3, 1, 1)
        assert owed.lag_seconds is not None
        assert owed.lag_seconds > 0
        assert owed.secondary is not None
        assert (owed.secondary.store, owed.secondary.healthy) == ("sqlite", True)
        assert owed.secondary.response_seconds is not None


async def test_health_says_unknown_where_an_outbox_does_not_answer_in_time(pair: dict[str, Any]) -> None:
    """The stores are healthy, and nobody waits for the numbers."""
    async with (
        DataLayer.open(led_by(pair, StoreKind.POSTGRES, datalayer_relay=False)) as layer,
        postgres_of(pair) as store,
        store.connection() as connection,
        connection.transaction(),
    ):
        await connection.execute("lock table datalayer_outbox in access exclusive mode")
        health = await health_of(layer, timeout=0.5)
    assert health.healthy
    assert (health.entries, health.dead, health.held, health.lag_seconds) == (None, None, None, None)


async def test_health_names_applications_that_disagree(
    pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that was not heard of at the start is told of as soon as it is: in the health, and once in the log."""
    monkeypatch.setattr(leading, "BEAT_SECONDS", 0.05)
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer, postgres_of(pair) as store:
        row = {"process": uuid4(), "name": "elsewhere:1", "leads": '{"*": "postgres"}'}
        await store.insert(Insert("datalayer_processes", [row]))

        async def is_told() -> bool:
            return (await health_of(layer)).rivals == ("elsewhere:1",)

        await until(is_told)
        await store.execute("delete from datalayer_processes where name = 'elsewhere:1'")

        async def is_over() -> bool:
            return (await health_of(layer)).rivals == ()

        await until(is_over)
    told = [message for message in caplog.messages if message.startswith("elsewhere:1 has another primary")]
    assert len(told) == 1
