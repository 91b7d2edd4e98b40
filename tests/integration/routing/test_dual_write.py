"""Dual-write end to end between SQLite and PostgreSQL: callers ask the primary, the other store follows."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.salons import CLIENT, assert_equal, install, settled
from tests.integration.routing.waiting import until
from typer.testing import CliRunner

from datalayer import ConfigurationError, DataLayer, DualHealth, GivenSettings, Mode, Settings, StoreKind
from datalayer.cli.app import app
from datalayer.layer import directions
from datalayer.layer.covering import cover
from datalayer.migrations import apply
from datalayer.outbox.capture import sqlite as sqlite_capture
from datalayer.outbox.operations import Operation
from datalayer.outbox.spool import Spool
from datalayer.query import Insert
from datalayer.routing.late_store import LateStore
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore


async def equal(pair: dict[str, Any], *tables: str) -> None:
    """Both stores have the same rows, and some."""
    await assert_equal(GivenSettings(**pair), Mode(StoreKind.SQLITE, StoreKind.POSTGRES), *tables)


@pytest.mark.parametrize("postgres_leads", [False, True])
async def test_writes_follow_to_the_other_store(pair: dict[str, Any], postgres_leads: bool) -> None:
    """Single writes, batches, transactions, updates and deletes: once nothing is owed both stores are equal."""
    settings = GivenSettings(**pair, use_repository_pattern=postgres_leads)
    async with DataLayer.open(settings) as layer:
        assert layer.mode.primary is (StoreKind.POSTGRES if postgres_leads else StoreKind.SQLITE)
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        await layer.upsert_clients([{**CLIENT, "yclients_id": n} for n in range(1, 51)])
        async with layer.transaction() as tx:
            booking = await tx.bookings.upsert(
                {"yclients_record_id": 5, "company_id": 1, "datetime": "2026-03-02T10:00:00"}
            )
            await tx.reminders.insert({"booking_id": booking.id, "remind_at": "2026-03-02T09:00:00"})
        await layer.clients.update({"name": "Ольга"}, company_id=1, yclients_id=7)
        await layer.clients.delete(yclients_id=8)
        await until(lambda: settled(layer))
    await equal(pair, "companies", "clients", "bookings", "reminders")


async def test_callers_see_no_error_while_the_secondary_is_down(pair: dict[str, Any]) -> None:
    """For the whole run it is away; when a later run finds it, it catches up by itself."""
    away = {**pair, "database_url": "postgresql://nobody@127.0.0.1:1/nowhere", "datalayer_timeout_seconds": 1}
    async with DataLayer.open(GivenSettings(**away)) as layer:
        await layer.upsert_clients([{**CLIENT, "yclients_id": n} for n in range(1, 21)])
        await layer.clients.delete(yclients_id=3)
        assert await layer.clients.count() == 19
        health = await layer.health_check()
        assert isinstance(health, DualHealth)
        assert health.healthy
        assert (health.entries, health.secondary and health.secondary.healthy) == (21, False)
    async with DataLayer.open(GivenSettings(**pair)) as layer:
        await until(lambda: settled(layer))
    await equal(pair, "clients")


async def test_relay_is_left_to_another_process(pair: dict[str, Any]) -> None:
    """With DATALAYER_RELAY=false entries wait for `datalayer relay`."""
    async with DataLayer.open(GivenSettings(**pair, datalayer_relay=False)) as layer:
        await layer.upsert_client(CLIENT)
        assert not await settled(layer)
    async with DataLayer.open(GivenSettings(**pair)) as layer:
        await until(lambda: settled(layer))
    await equal(pair, "clients")


@pytest.mark.parametrize("lacking", ["sqlite", "postgres"])
async def test_dual_write_refuses_a_store_without_bookkeeping(
    postgres: PostgresPlace, tmp_path: Path, lacking: str
) -> None:
    """Whichever of the two it is, the message names it and the command."""
    file = tmp_path / "salon.sqlite3"
    store = await SqliteStore.open(file)
    await apply(store)
    if lacking == "postgres":
        await sqlite_capture.install(store)
    else:
        await install(postgres.dsn)
    await store.close()
    settings = postgres.settings(datalayer_sqlite_path=file, enable_dual_write=True)
    with pytest.raises(
        ConfigurationError, match=f"{lacking} has no table datalayer_control; run datalayer outbox install"
    ):
        async with DataLayer.open(settings):
            pass


async def test_routed_tables_follow_in_both_directions(pair: dict[str, Any]) -> None:
    """A table with a primary of its own is relayed the other way, by a relay of its own."""
    settings = GivenSettings(**pair, datalayer_routes={"clients": "postgres"})
    async with DataLayer.open(settings) as layer:
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    await equal(pair, "companies", "clients")


async def test_shadow_reads_heal_what_differs(pair: dict[str, Any]) -> None:
    """A row that was changed behind everyone's back is found by a read, marked, and made equal by the relay."""
    async with DataLayer.open(GivenSettings(**pair, datalayer_shadow_reads=1)) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
        await spoil(pair["database_url"])

        async def found() -> bool:
            await layer.get_client_by_phone("+79990000001")
            return layer.shadow_report().persistent > 0

        await until(found)
        await until(lambda: settled(layer))
    await equal(pair, "clients")


async def spoil(dsn: str) -> None:
    """Change a row as nobody should, unseen by capture."""
    store = await PostgresStore.open(dsn)
    async with store.transaction() as tx:
        await tx.fetch_all("select set_config('datalayer.applying', 'on', true)")
        await tx.execute("update clients set name = 'somebody else'")
    await store.close()


async def test_reload_moves_the_primary_when_nothing_is_owed(pair: dict[str, Any]) -> None:
    """Between the two stores of a dual-write, in both directions; what is written in between follows."""
    leads = {
        first: GivenSettings(**pair, use_repository_pattern=first == "postgres") for first in ("sqlite", "postgres")
    }
    async with DataLayer.open(leads["sqlite"]) as layer:
        for turn, name in enumerate(["postgres", "sqlite", "postgres"], start=1):
            await layer.upsert_client({**CLIENT, "yclients_id": turn})
            await layer.reload(leads[name])
            assert layer.mode.primary.value == name
            assert await layer.clients.count() == turn
        await layer.upsert_client({**CLIENT, "yclients_id": 9})
        await until(lambda: settled(layer))
    await equal(pair, "clients")


async def test_reload_refuses_to_move_the_primary_while_entries_are_owed(pair: dict[str, Any]) -> None:
    """Without a relay nothing settles: the command to look with is named, and writes go on."""
    settings: Settings = GivenSettings(**pair, datalayer_relay=False)
    async with DataLayer.open(settings) as layer:
        await layer.upsert_client(CLIENT)
        with pytest.raises(ConfigurationError, match="datalayer outbox status"):
            await layer.reload(GivenSettings(**pair, use_repository_pattern=True))
        assert layer.mode.primary is StoreKind.SQLITE
        await layer.upsert_client({**CLIENT, "yclients_id": 2})


async def test_refused_reload_carries_nothing_onto_the_primary(
    pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written to the store that follows stays off the primary; after a resync the reload is made."""
    async with DataLayer.open(GivenSettings(**pair)) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
        await write_by_the_back_door(pair["database_url"])
        with pytest.raises(ConfigurationError, match="postgres owes 1 change made while it followed"):
            await layer.reload(GivenSettings(**pair, use_repository_pattern=True))
        assert [row.name for row in await layer.clients.list()] == ["Анна"]
        for name in ("database_url", "datalayer_sqlite_path", "enable_dual_write"):
            monkeypatch.setenv(name.upper(), str(pair[name]))
        answer = await asyncio.to_thread(CliRunner().invoke, app, ["backfill", "--resync"])
        assert answer.exit_code == 0, answer.output
        await until(lambda: settled(layer))
        await layer.reload(GivenSettings(**pair, use_repository_pattern=True))
        assert [row.name for row in await layer.clients.list()] == ["Анна"]


async def write_by_the_back_door(dsn: str) -> None:
    """Change a row in the store that follows, as an application does that takes it for the primary."""
    store = await PostgresStore.open(dsn)
    await store.execute("update clients set name = 'back door'")
    await store.close()


async def test_relay_begins_anew_after_a_bug(pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody thought of does not end relaying for good."""
    monkeypatch.setattr(directions, "_RETRY_SECONDS", 0.05)
    failures = [RuntimeError("nobody thought of this")]

    async def opener() -> Store:
        if failures:
            raise failures.pop()
        return await PostgresStore.open(pair["database_url"])

    primary, secondary = await SqliteStore.open(pair["datalayer_sqlite_path"]), LateStore("postgres", opener)
    direction = directions.Direction(primary, secondary, GivenSettings(**pair))
    try:
        await primary.insert(Insert("clients", [dict(CLIENT)]))
        direction.start()
        await until(lambda: nothing_is_left(direction))
        assert failures == []
    finally:
        await direction.stop()
        await secondary.close()
        await primary.close()


async def nothing_is_left(direction: directions.Direction) -> bool:
    """Whether nothing is owed in this direction."""
    return (await direction.left()).entries == 0


async def test_spool_is_handed_over_under_another_policy(pair: dict[str, Any], tmp_path: Path) -> None:
    """What waits on the disk reaches PostgreSQL also when DATALAYER_SECONDARY_DOWN does not say spool any more."""
    path = tmp_path / "spool.sqlite3"
    spool = await Spool.open(path, "sqlite")
    await spool.begin(Operation(uuid4(), "clients", ("id",), ("[1]",), request_seconds=5))
    settings = GivenSettings(**pair, datalayer_secondary_down="strict", datalayer_spool_path=path)
    primary, follower = (
        await SqliteStore.open(tmp_path / "other.sqlite3"),
        await PostgresStore.open(pair["database_url"]),
    )
    try:
        async with AsyncExitStack() as opened:
            late = LateStore("postgres", lambda: asyncio.sleep(0, follower), follower)
            await cover(primary, late, settings, lambda: None, opened)
            await until(lambda: is_empty(spool))
            assert await follower.fetch_one("select count(*) as n from datalayer_operations") == {"n": 1}
    finally:
        await spool.close()
        await primary.close()
        await follower.close()


async def is_empty(spool: Spool) -> bool:
    """Whether nothing waits on the disk."""
    return await spool.count() == 0
