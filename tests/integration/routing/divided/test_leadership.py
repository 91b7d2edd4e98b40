"""Where single tables or companies have their primary in the other store, no older row is carried over a newer one."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
import pytest
from tests.integration.routing.salons import CLIENT, assert_equal, postgres_of, rows, settled
from tests.integration.routing.waiting import until

from datalayer import DataLayer, GivenSettings, Settings, StoreKind
from datalayer.layer.backfilling import backfill_pair, resync_pair
from datalayer.layer.pairs import open_links, pace_of
from datalayer.query import Update, where_equal
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore

COMPANY = {"company_id": 7, "title": "Салон"}
OF_COMPANY = {**CLIENT, "company_id": 7}


def divided(pair: dict[str, Any], by: str, **more: Any) -> Settings:
    """Make settings that have the client of company 7 in PostgreSQL: by a route of its table, or as one of a cohort."""
    if by == "table":
        return GivenSettings(**pair, datalayer_routes={"clients": StoreKind.POSTGRES}, **more)
    return GivenSettings(**pair, datalayer_cohort_companies=["7"], **more)


async def begun(pair: dict[str, Any], by: str) -> None:
    """Have the client in both stores, led by PostgreSQL."""
    async with DataLayer.open(divided(pair, by)) as layer:
        await until(lambda: by == "table" or layer.cohort == {"7"})
        await layer.upsert_company(COMPANY)
        await layer.upsert_client(OF_COMPANY)
        await until(lambda: settled(layer))


async def carry(settings: Settings) -> None:
    """Do what `datalayer relay --once` does."""
    async with open_links(settings) as links:
        for link in links:
            await link.relay(pace_of(settings)).drain()


async def names(pair: dict[str, Any]) -> list[str]:
    """Return what PostgreSQL has."""
    async with postgres_of(pair) as store:
        return [row["name"] for row in await rows(store, "clients")]


@pytest.mark.parametrize("by", ["table", "company"])
@pytest.mark.parametrize("how", ["backfill", "resync"])
async def test_backfill_brings_each_row_from_the_store_that_leads_it(pair: dict[str, Any], by: str, how: str) -> None:
    """What PostgreSQL still owes is newer there, and so is a row that Supabase has not got yet."""
    await begun(pair, by)
    settings = divided(pair, by, datalayer_relay=False)
    async with DataLayer.open(settings) as layer:
        await layer.clients.update({"name": "newer"}, company_id=7, yclients_id=1)
        await layer.upsert_client({**OF_COMPANY, "yclients_id": 2, "name": "not there yet"})
    if how == "backfill":
        await backfill_pair(settings)
    else:
        await resync_pair(settings)
    await carry(settings)
    assert await names(pair) == ["newer", "not there yet"]
    async with DataLayer.open(settings) as layer:
        assert await settled(layer)
        await assert_equal(settings, layer.mode, "clients", "companies")


@pytest.mark.parametrize("by", ["table", "company"])
async def test_backfill_brings_rows_back_to_the_store_that_follows(
    pair: dict[str, Any], supabase: PostgrestServer, by: str
) -> None:
    """Rows that are lost there come from the one that leads them, though that is not the main primary."""
    await begun(pair, by)
    settings = divided(pair, by)
    async with await psycopg.AsyncConnection.connect(supabase.dsn) as connection:
        await connection.execute("set local datalayer.applying = 'on'")
        await connection.execute("delete from clients")
    done = await backfill_pair(settings, tables=["clients"])
    assert [(filled.source, filled.applied + filled.marked) for filled in done if filled.rows] == [("postgres", 1)]
    async with DataLayer.open(settings) as layer:
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "clients")


@pytest.mark.parametrize("by", ["table", "company"])
async def test_row_written_in_the_store_that_follows_is_not_carried(
    pair: dict[str, Any], supabase: PostgrestServer, by: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A job inside Supabase writes it: PostgreSQL keeps the newer row, and the log says what to do."""
    await begun(pair, by)
    settings = divided(pair, by)
    store = await PostgresStore.open(supabase.dsn)
    caplog.set_level(logging.ERROR, "datalayer.relay")
    async with DataLayer.open(settings) as layer:
        await store.update(Update("clients", {"name": "by a job"}, where_equal(yclients_id=1)))
        await until(lambda: any("clients were written in supabase that postgres leads" in m for m in caplog.messages))
        await layer.clients.update({"name": "newer"}, company_id=7, yclients_id=1)
        await until(lambda: written(store, "newer"))
        assert await names(pair) == ["newer"]
        assert not await settled(layer)
    await store.close()
    if by == "table":
        await resync_pair(settings)
        async with DataLayer.open(settings) as layer:
            await until(lambda: settled(layer))


async def written(store: PostgresStore, name: str) -> bool:
    """Whether the only client has this name."""
    return [row["name"] for row in await rows(store, "clients")] == [name]
