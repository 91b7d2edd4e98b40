"""Dual-write end to end between Supabase and PostgreSQL, with the script in Supabase and without it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.layer.places import PostgresPlace, SupabasePlace
from tests.integration.routing.salons import CLIENT, assert_equal, install, serving, settled, supabase_pair, uninstall
from tests.integration.routing.waiting import until

from datalayer import (
    AccessDeniedError,
    ConfigurationError,
    DataLayer,
    DualHealth,
    GivenSettings,
    Settings,
    StoreKind,
    UnsupportedOperationError,
    WritesHeldError,
)
from datalayer.outbox.capture.fences import is_fenced, unfence
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="module", params=[False, True], ids=["without the script", "with the script"])
async def supabase(
    request: pytest.FixtureRequest, datalayer_postgres: FoundServer, salon_template: str
) -> AsyncIterator[PostgrestServer]:
    """Lend a Supabase with the salon's tables."""
    async with serving(datalayer_postgres, salon_template, script=request.param) as server:
        yield server


@pytest.fixture
async def pair(supabase: PostgrestServer, postgres: PostgresPlace, tmp_path: Path) -> dict[str, Any]:
    """Lend the settings that name both stores."""
    spool = tmp_path / "spool.sqlite3"
    return await supabase_pair(supabase, postgres, datalayer_spool_path=spool, datalayer_request_lifetime_seconds=1)


def settings_of(pair: dict[str, Any], leader: str, **more: Any) -> Settings:
    """Make settings with one of the two as the primary."""
    return GivenSettings(**pair, use_legacy_supabase=leader == "supabase", **more)


@pytest.mark.parametrize("leader", ["supabase", "postgres"])
async def test_writes_follow_to_the_other_store(pair: dict[str, Any], leader: str) -> None:
    """Single writes, batches, server-made keys, filtered updates and deletes: both stores end equal."""
    settings = settings_of(pair, leader)
    async with DataLayer.open(settings) as layer:
        assert layer.mode.primary.value == leader
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        await layer.upsert_clients([{**CLIENT, "yclients_id": n} for n in range(1, 31)])
        booking = await layer.bookings.upsert(
            {"yclients_record_id": 5, "company_id": 1, "datetime": "2026-03-02T10:00:00"}
        )
        await layer.reminders.insert({"booking_id": booking.id, "remind_at": "2026-03-02T09:00:00"})
        await layer.clients.update({"name": "Ольга"}, company_id=1, yclients_id=7)
        await layer.clients.delete(yclients_id=8)
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "companies", "clients", "bookings", "reminders")
        assert await layer.clients.count() == 29


@pytest.mark.parametrize("leader", ["supabase", "postgres"])
async def test_callers_see_no_error_while_the_secondary_is_down(
    pair: dict[str, Any], supabase: PostgrestServer, leader: str
) -> None:
    """For the whole run it is away; when a later run finds it, it catches up by itself."""
    away = {"database_url": "postgresql://nobody@127.0.0.1:1/nowhere"}
    if leader == "postgres":
        away = {"supabase_url": "http://127.0.0.1:1"}
    async with DataLayer.open(settings_of({**pair, **away, "datalayer_timeout_seconds": 2}, leader)) as layer:
        await layer.upsert_clients([{**CLIENT, "yclients_id": n} for n in range(1, 11)])
        await layer.clients.delete(yclients_id=3)
        assert await layer.clients.count() == 9
        health = await layer.health_check()
        assert isinstance(health, DualHealth)
        assert health.healthy
        assert health.secondary is not None
        assert not health.secondary.healthy
        is_known = leader == "postgres" or await has_script(supabase)
        assert (health.entries, health.lag_seconds is not None) == ((11, True) if is_known else (None, False))
    settings = settings_of(pair, leader)
    async with DataLayer.open(settings) as layer:
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "clients")


async def test_key_without_service_rights_is_refused(pair: dict[str, Any], supabase: PostgrestServer) -> None:
    """Row security would hide rows from it, and hidden rows would be deleted on the other store."""
    anon = {**pair, "supabase_service_role_key": supabase.anon_key}
    with pytest.raises(AccessDeniedError, match="row security hides rows") as caught:
        async with DataLayer.open(settings_of(anon, "postgres", datalayer_check_schema=False)):
            pass
    assert supabase.anon_key not in str(caught.value)


async def test_routed_tables_follow_in_both_directions(pair: dict[str, Any]) -> None:
    """A table with its primary in PostgreSQL is relayed to Supabase, all others the other way."""
    settings = settings_of(pair, "supabase", datalayer_routes={"clients": StoreKind.POSTGRES})
    async with DataLayer.open(settings) as layer:
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "companies", "clients")


@pytest.mark.parametrize("leader", ["supabase", "postgres"])
async def test_one_database_under_two_names_is_refused(
    datalayer_postgrest: PostgrestServer, tmp_path: Path, leader: str
) -> None:
    """Whatever it is called, a database cannot follow itself."""
    await SupabasePlace.prepare(datalayer_postgrest)
    await install(datalayer_postgrest.dsn)
    datalayer_postgrest.reload_schema()
    both = {
        "database_url": datalayer_postgrest.dsn,
        "supabase_url": datalayer_postgrest.url,
        "supabase_service_role_key": datalayer_postgrest.service_key,
        "enable_dual_write": True,
        "datalayer_spool_path": tmp_path / "spool.sqlite3",
    }
    try:
        with pytest.raises(ConfigurationError, match="same database"):
            async with DataLayer.open(settings_of(both, leader)):
                pass
    finally:
        await uninstall(datalayer_postgrest.dsn)
        datalayer_postgrest.reload_schema()


async def test_reload_moves_the_primary_to_postgres(pair: dict[str, Any], supabase: PostgrestServer) -> None:
    """What was written in between follows; with the script Supabase refuses all others from then on."""
    before, after = settings_of(pair, "supabase"), settings_of(pair, "postgres")
    has_fence = await has_script(supabase)
    async with DataLayer.open(before) as layer:
        async with DataLayer.open(before) as old:
            await old.upsert_client(CLIENT)
            if has_fence:
                await layer.reload(after)
                with pytest.raises(WritesHeldError):
                    await old.clients.update({"name": "too late"}, yclients_id=1)
            else:
                with pytest.raises(ConfigurationError, match="is at work with another primary than postgres"):
                    await layer.reload(after)
        if not has_fence:
            await layer.reload(after)
        await layer.clients.update({"name": "Ольга"}, yclients_id=1)
        await until(lambda: settled(layer))
        await assert_equal(after, layer.mode, "clients")
    await open_again(supabase)


async def test_restart_with_postgres_as_primary_waits_for_what_supabase_owes(
    pair: dict[str, Any], supabase: PostgrestServer
) -> None:
    """Whoever took note of it, triggers or the layer: the start is refused until it was carried."""
    async with DataLayer.open(settings_of(pair, "supabase", datalayer_relay=False)) as layer:
        await layer.upsert_client(CLIENT)
    after = settings_of(pair, "postgres")
    with pytest.raises(ConfigurationError, match="supabase owes 1 change to the store"):
        async with DataLayer.open(after):
            pass
    async with DataLayer.open(settings_of(pair, "supabase")) as layer:
        await until(lambda: settled(layer))
    async with DataLayer.open(after) as layer:
        await layer.clients.update({"name": "Ольга"}, yclients_id=1)
        await until(lambda: settled(layer))
        await assert_equal(after, layer.mode, "clients")
    await open_again(supabase)


async def test_restart_with_postgres_as_primary_waits_for_what_is_spooled(
    pair: dict[str, Any], supabase: PostgrestServer
) -> None:
    """Writes that were covered on this machine's disk, while PostgreSQL was away, are owed like all others."""
    if await has_script(supabase):
        pair = {**pair, "datalayer_capture": "requests"}
    away = {**pair, "database_url": "postgresql://nobody@127.0.0.1:1/nowhere"}
    async with DataLayer.open(settings_of(away, "supabase")) as layer:
        await layer.upsert_client(CLIENT)
    with pytest.raises(ConfigurationError, match="supabase owes 1 change to the store"):
        async with DataLayer.open(settings_of(pair, "postgres")):
            pass
    async with DataLayer.open(settings_of(pair, "supabase")) as layer:
        await until(lambda: settled(layer))
    async with DataLayer.open(settings_of(pair, "postgres")) as layer:
        assert await layer.clients.count() == 1
    await open_again(supabase)


async def test_keys_that_supabase_generates_after_a_reload_are_new(
    pair: dict[str, Any], supabase: PostgrestServer
) -> None:
    """PostgreSQL has given the first numbers; without the script nobody can move the sequence, and it is said."""
    door = await PostgresStore.open(supabase.dsn)
    await door.execute("alter sequence clients_id_seq restart")
    await door.close()
    async with DataLayer.open(settings_of(pair, "postgres")) as layer:
        first = await layer.upsert_clients([{**CLIENT, "yclients_id": n} for n in range(1, 21)])
        await until(lambda: settled(layer))
        if not await has_script(supabase):
            with pytest.raises(UnsupportedOperationError, match="moving sequences"):
                await layer.reload(settings_of(pair, "supabase"))
            return
        await layer.reload(settings_of(pair, "supabase"))
        later = await layer.upsert_clients([{**CLIENT, "yclients_id": n} for n in range(21, 41)])
        assert min(row.id for row in later) > max(row.id for row in first)
        await until(lambda: settled(layer))
        assert await layer.clients.count() == 40
        await assert_equal(settings_of(pair, "supabase"), layer.mode, "clients")


async def has_script(supabase: PostgrestServer) -> bool:
    """Whether this Supabase has the script, and a fence with it."""
    store = await PostgresStore.open(supabase.dsn)
    try:
        return await is_fenced(store) is not None
    finally:
        await store.close()


async def open_again(supabase: PostgrestServer) -> None:
    """Take a fence away, for the tests that share this Supabase."""
    if await has_script(supabase):
        store = await PostgresStore.open(supabase.dsn)
        await unfence(store)
        await store.close()
