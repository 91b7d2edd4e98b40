"""The way back over a fence: `datalayer outbox unfence` opens every store that is to lead, once nothing is owed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.salons import (
    CLIENT,
    assert_equal,
    led_by,
    postgres_of,
    put_client,
    serving,
    settled,
    supabase_pair,
)
from tests.integration.routing.waiting import until

from datalayer import ConfigurationError, DataLayer, GivenSettings, Settings, StoreKind
from datalayer.layer.fencing import open_primaries
from datalayer.outbox.capture.fences import fence, is_fenced
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.testing.servers import FoundServer

AWAY = "postgresql://nobody@127.0.0.1:1/nowhere"


@pytest.fixture
async def supabase(datalayer_postgres: FoundServer, salon_template: str) -> AsyncIterator[PostgrestServer]:
    """Lend a Supabase with the script."""
    async with serving(datalayer_postgres, salon_template, script=True) as server:
        yield server


@pytest.fixture
async def with_supabase(supabase: PostgrestServer, postgres: PostgresPlace, tmp_path: Path) -> dict[str, Any]:
    """Lend the settings that name PostgreSQL and that Supabase."""
    return await supabase_pair(
        supabase, postgres, datalayer_spool_path=tmp_path / "spool.sqlite3", datalayer_timeout_seconds=2
    )


def led_by_supabase(pair: dict[str, Any], **more: Any) -> Settings:
    """Make settings with Supabase as the primary."""
    return GivenSettings(**{**pair, "use_legacy_supabase": True, **more})


async def is_open(dsn: str) -> bool:
    """Whether a database can be written."""
    store = await PostgresStore.open(dsn)
    try:
        return not await is_fenced(store)
    finally:
        await store.close()


@pytest.mark.parametrize("where", ["in postgres", "on the spool"])
async def test_unfence_is_refused_while_a_covered_write_waits(
    with_supabase: dict[str, Any], supabase: PostgrestServer, where: str
) -> None:
    """Supabase led without its triggers: marks, operations and the spool are what it owes; it stays open."""
    pair = {**with_supabase, "datalayer_capture": "requests"}
    back = GivenSettings(**pair, use_legacy_supabase=False)
    async with DataLayer.open(back) as layer:
        await until(lambda: settled(layer))
    async with DataLayer.open(led_by_supabase(pair, datalayer_relay=False)) as layer:
        if where == "in postgres":
            await layer.upsert_client(CLIENT)
    if where == "on the spool":
        async with DataLayer.open(led_by_supabase(pair, database_url=AWAY)) as layer:
            await layer.upsert_client(CLIENT)
    with pytest.raises(ConfigurationError, match="supabase owes 1 change to the store"):
        await open_primaries(back)
    assert await is_open(supabase.dsn)
    assert not await is_open(with_supabase["database_url"])
    async with DataLayer.open(led_by_supabase(pair)) as layer:
        await until(lambda: settled(layer))
    assert await open_primaries(back)
    async with DataLayer.open(back) as layer:
        assert [row.name for row in await layer.clients.list()] == ["Анна"]


async def test_route_begins_after_a_fenced_move(pair: dict[str, Any]) -> None:
    """The store that is to lead one table is opened as the message says, the other one stays open."""
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer:
        await layer.reload(led_by(pair, StoreKind.POSTGRES))
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    routed = led_by(pair, StoreKind.POSTGRES, datalayer_routes={"clients": StoreKind.SQLITE})
    with pytest.raises(ConfigurationError, match=r"sqlite is fenced.*`datalayer outbox unfence --yes`"):
        async with DataLayer.open(routed):
            pass
    assert await open_primaries(routed)
    async with DataLayer.open(routed) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        await until(lambda: settled(layer))
        await assert_equal(routed, layer.mode, "clients", "companies")
    assert not await open_primaries(routed)


async def test_cohort_begins_after_a_fenced_move(with_supabase: dict[str, Any]) -> None:
    """Refused while the store that followed owes something; then both are open."""
    async with DataLayer.open(GivenSettings(**with_supabase, use_legacy_supabase=False)) as layer:
        await until(lambda: settled(layer))
        async with postgres_of(with_supabase) as store:
            await layer.reload(led_by_supabase(with_supabase))
            await store.execute(
                "insert into datalayer_outbox (aggregatetype, aggregateid, type) values ('clients', '[1]', 'upsert')"
            )
    wanted = led_by_supabase(with_supabase, datalayer_cohort_companies=["7"])
    with pytest.raises(ConfigurationError, match="postgres is fenced"):
        async with DataLayer.open(wanted):
            pass
    with pytest.raises(ConfigurationError, match="postgres owes 1 change to the store"):
        await open_primaries(wanted)
    async with postgres_of(with_supabase) as store:
        await store.execute("delete from datalayer_outbox")
    assert await open_primaries(wanted)
    async with DataLayer.open(wanted) as layer:
        await until(lambda: layer.cohort == {"7"})
        await layer.upsert_clients([{**CLIENT, "company_id": company} for company in (7, 8)])
        await until(lambda: settled(layer))
        await assert_equal(wanted, layer.mode, "clients")


async def test_schema_of_a_fenced_supabase_is_checked_all_the_same(
    with_supabase: dict[str, Any], supabase: PostgrestServer
) -> None:
    """A key that is there is found, and one that is not is missed; so a start beside the fence is no different."""
    door = await PostgresStore.open(supabase.dsn)
    await fence(door)
    await door.close()
    store = await SupabaseStore.open(supabase.url, supabase.service_key)
    assert await store.check_conflict_target("clients", ["company_id", "yclients_id"])
    assert not await store.check_conflict_target("clients", ["name"])
    await store.close()
    await put_client(GivenSettings(**with_supabase, use_legacy_supabase=False))
