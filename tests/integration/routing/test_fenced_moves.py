"""Moves of the primary behind a fence: a process that does not know of the move cannot write to the store it left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.integration.routing.salons import CLIENT, assert_equal, led_by, postgres_of, settled
from tests.integration.routing.waiting import until
from typer.testing import CliRunner

from datalayer import (
    ConfigurationError,
    DataLayer,
    StoreKind,
    UniqueViolationError,
    WritesHeldError,
)
from datalayer.cli.app import app
from datalayer.query import Insert


async def test_process_in_the_old_mode_cannot_write_until_it_reloads(pair: dict[str, Any]) -> None:
    """Its writes are refused instead of carried over the new primary's rows; its reload finds the move made."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(before) as first, DataLayer.open(before) as second:
        await second.upsert_client(CLIENT)
        await first.reload(after)
        await first.clients.update({"name": "Ольга"}, yclients_id=1)
        with pytest.raises(WritesHeldError):
            await second.clients.update({"name": "too late"}, yclients_id=1)
        await second.reload(after)
        await second.upsert_client({**CLIENT, "yclients_id": 2})
        await until(lambda: settled(second))
        assert {row.name for row in await first.clients.list()} == {"Анна", "Ольга"}
        await assert_equal(after, first.mode, "clients")


async def test_refused_move_leaves_both_stores_open(pair: dict[str, Any]) -> None:
    """Entries are left, so the primary stays; nobody who wrote before is held."""
    quiet = {**pair, "datalayer_relay": False}
    async with DataLayer.open(led_by(quiet, StoreKind.SQLITE)) as layer:
        await layer.upsert_client(CLIENT)
        with pytest.raises(ConfigurationError, match="datalayer outbox status"):
            await layer.reload(led_by(quiet, StoreKind.POSTGRES))
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
    async with postgres_of(pair) as store:
        await store.insert(Insert("clients", [{**CLIENT, "yclients_id": 3}]))


async def test_start_with_the_store_that_was_left_is_refused(
    pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process with old settings does not begin; an operator goes back by a command, once nothing is owed."""
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer:
        await layer.reload(led_by(pair, StoreKind.POSTGRES))
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    with pytest.raises(ConfigurationError, match="datalayer outbox unfence"):
        async with DataLayer.open(led_by(pair, StoreKind.SQLITE)):
            pass
    for name in ("database_url", "datalayer_sqlite_path", "enable_dual_write"):
        monkeypatch.setenv(name.upper(), str(pair[name]))
    answer = await asyncio.to_thread(CliRunner().invoke, app, ["outbox", "unfence", "--yes"])
    assert answer.exit_code == 0, answer.output
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
        await until(lambda: settled(layer))
        with pytest.raises(ConfigurationError, match="is fenced"):
            async with DataLayer.open(led_by(pair, StoreKind.POSTGRES)):
                pass


async def test_move_there_and_back_under_load_loses_nothing(pair: dict[str, Any]) -> None:
    """Two processes write while both change the primary: what is refused is told, what is told is in both stores."""
    modes = [led_by(pair, StoreKind.POSTGRES), led_by(pair, StoreKind.SQLITE)]
    stop = asyncio.Event()
    goals: list[int] = []
    told: set[int] = set()

    async with DataLayer.open(modes[1]) as first, DataLayer.open(modes[1]) as second:

        async def work(layer: DataLayer, start: int) -> None:
            number = start
            while not stop.is_set():
                number += 2
                try:
                    await layer.upsert_client({**CLIENT, "yclients_id": number})
                    told.add(number)
                except (WritesHeldError, UniqueViolationError):
                    # A key that the fenced store generates may be one that the other store gave already.
                    await asyncio.sleep(0.01)

        callers = [asyncio.create_task(work(first, 0)), asyncio.create_task(work(second, 1))]
        for mode in modes:
            goals.append(len(told) + 20)
            await until(lambda: len(told) >= goals[-1])
            await first.reload(mode)
            await second.reload(mode)
        stop.set()
        await asyncio.gather(*callers)
        await until(lambda: settled(first))
        assert told <= {row.yclients_id for row in await first.clients.list(limit=1000)}
        await assert_equal(modes[1], first.mode, "clients")
