"""Whole tables while companies are in both stores: each row is compared from the store that leads it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.integration.routing.divided.companies import cohort, lose, remind, there
from tests.integration.routing.salons import CLIENT, assert_equal, carry, client_names, postgres_of, rows, settled
from tests.integration.routing.waiting import until

from datalayer import ConfigurationError, DataLayer, GivenSettings, StoreKind
from datalayer.layer.backfilling import backfill_pair, resync_pair
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.layer.opening import open_store_for
from datalayer.layer.pairs import open_links, reconcile
from datalayer.outbox.backfill import backfill
from datalayer.query import where_equal
from datalayer.servers.postgrest import PostgrestServer


async def begun(pair: dict[str, Any]) -> None:
    """Have a client of company 7, which is in PostgreSQL, and one of company 8, which is at home, in both stores."""
    async with DataLayer.open(cohort(pair, "7")) as layer:
        await until(lambda: layer.cohort == {"7"})
        for company in (7, 8):
            await layer.upsert_company({"company_id": company, "title": "Салон"})
            await layer.upsert_client({**CLIENT, "company_id": company})
        await until(lambda: settled(layer))


@pytest.mark.parametrize("bring", [backfill_pair, resync_pair])
async def test_newer_rows_of_either_store_stay(pair: dict[str, Any], bring: Any) -> None:
    """What each still owes of its own companies is newer there, and so is a row that the other has not got yet."""
    await begun(pair)
    settings = cohort(pair, "7", datalayer_relay=False)
    async with DataLayer.open(settings) as layer:
        for company in (7, 8):
            await layer.clients.update({"name": "newer"}, company_id=company, yclients_id=1)
            await layer.upsert_client({**CLIENT, "company_id": company, "yclients_id": 2, "name": "new"})
    await bring(settings)
    await carry(settings)
    assert sorted(await client_names(pair)) == ["new", "new", "newer", "newer"]
    async with DataLayer.open(settings) as layer:
        assert await settled(layer)
        await assert_equal(settings, layer.mode, "clients", "companies")


@pytest.mark.parametrize("bring", [backfill_pair, resync_pair])
async def test_lost_rows_come_back_from_the_store_that_leads_them(
    pair: dict[str, Any], supabase: PostgrestServer, bring: Any
) -> None:
    """In both directions; so a company that stayed as the numbers differed can move after a backfill."""
    await begun(pair)
    await lose(supabase.dsn, "delete from clients where company_id = 7")
    await lose(pair["database_url"], "delete from clients where company_id = 8")
    settings = cohort(pair, "7")
    await bring(settings, tables=["clients"])
    await carry(settings)
    async with DataLayer.open(cohort(pair)) as layer:
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "clients")
        await until(lambda: layer.cohort == frozenset(), seconds=60)
        assert await layer.clients.count() == 2


async def test_any_number_of_companies_may_be_elsewhere(pair: dict[str, Any], supabase: PostgrestServer) -> None:
    """More than a URL can name: rows lost on either side come back from the store that leads them."""
    await begun(pair)
    async with postgres_of(pair) as store:
        await store.execute(
            "insert into datalayer_cohorts (company, store, wanted, version)"
            " select n::text, 'postgres', 'postgres', 0 from generate_series(1000000, 1009000) n"
        )
    await lose(supabase.dsn, "delete from clients where company_id = 7")
    await lose(pair["database_url"], "delete from clients where company_id = 8")
    settings = cohort(pair, "7")
    await resync_pair(settings, tables=["clients"])
    await carry(settings)
    followed = await open_store_for(StoreKind.SUPABASE, settings, ())
    async with postgres_of(pair) as store:
        for one in (store, followed):
            assert [row["company_id"] for row in await rows(one, "clients")] in ([7, 8], [8, 7])
    await followed.close()


async def test_truncate_takes_no_rows_of_the_other_stores_companies(
    pair: dict[str, Any], supabase: PostgrestServer
) -> None:
    """A job inside Supabase truncates the table: company 8 has no clients any more, company 7 keeps its own."""
    await begun(pair)
    settings = cohort(pair, "7", datalayer_relay_max_deletes=0)
    async with await psycopg.AsyncConnection.connect(supabase.dsn, autocommit=True) as connection:
        await connection.execute("truncate clients cascade")
    async with DataLayer.open(settings) as layer, postgres_of(pair) as store:
        await until(lambda: settled(layer))
        assert [row["company_id"] for row in await rows(store, "clients")] == [7]


async def test_truncate_of_rows_that_refer_to_a_company_s_rows(pair: dict[str, Any], supabase: PostgrestServer) -> None:
    """A reminder's company stands in its booking: company 8's are gone everywhere, company 7's come back."""
    await begun(pair)
    settings = cohort(pair, "7", datalayer_relay_max_deletes=0)
    async with DataLayer.open(settings) as layer:
        for company in (7, 8):
            await remind(layer, company)
        await until(lambda: settled(layer))
    async with await psycopg.AsyncConnection.connect(supabase.dsn, autocommit=True) as connection:
        await connection.execute("truncate reminders")
    await carry(settings)
    assert await there(pair, "reminders") == 1
    await resync_pair(settings, tables=["reminders"])
    await carry(settings)
    async with DataLayer.open(settings) as layer:
        assert await settled(layer)
        await assert_equal(settings, layer.mode, "reminders")


@pytest.mark.parametrize("bring", [backfill_pair, resync_pair])
async def test_rows_that_refer_to_a_company_s_rows_come_from_the_store_that_leads_them(
    pair: dict[str, Any], supabase: PostgrestServer, bring: Any
) -> None:
    """A reminder that is newer, and one that was lost, in either direction."""
    await begun(pair)
    settings = cohort(pair, "7", datalayer_relay=False)
    async with DataLayer.open(settings) as layer:
        for company in (7, 8):
            await remind(layer, company, days=(1, 2))
        await carry(settings)
        await layer.reminders.update({"status": "newer"}, where_equal(remind_at="2026-03-01T09:00:00"))
    await lose(
        supabase.dsn,
        "delete from reminders where status is null and booking_id in (select id from bookings where company_id = 7)",
    )
    await lose(
        pair["database_url"],
        "delete from reminders where status is null and booking_id in (select id from bookings where company_id = 8)",
    )
    await bring(settings, tables=["reminders"])
    await carry(settings)
    async with DataLayer.open(settings) as layer, postgres_of(pair) as store:
        assert await settled(layer)
        await assert_equal(settings, layer.mode, "reminders")
        found = [row["status"] for row in await rows(store, "reminders")]
        assert (found.count("newer"), found.count(None)) == (2, 2)


async def test_backfill_that_began_before_a_cohort_brings_no_older_row(pair: dict[str, Any]) -> None:
    """While it was busy with another table company 7 moved: its newer row stays."""
    undivided = GivenSettings(**pair, datalayer_relay=False)
    async with DataLayer.open(undivided) as layer:
        for company in (7, 8):
            await layer.upsert_company({"company_id": company, "title": "Салон"})
            await layer.upsert_client({**CLIENT, "company_id": company})
    await carry(undivided)
    async with open_links(undivided) as (link,):
        await backfill(link.reconciler, link.outbox, tables=["companies"])
        async with DataLayer.open(cohort(pair, "7", datalayer_relay=False)) as layer:
            await until(lambda: layer.cohort == {"7"})
            await layer.clients.update({"name": "newer"}, company_id=7, yclients_id=1)
        await backfill(link.reconciler, link.outbox, tables=["clients"])
    await carry(cohort(pair, "7"))
    async with DataLayer.open(cohort(pair, "7")) as layer:
        await assert_equal(undivided, layer.mode, "clients")
        assert await layer.clients.count(name="newer") == 1


async def test_table_with_a_route_is_led_as_a_whole_while_a_cohort_ends(pair: dict[str, Any]) -> None:
    """Wherever its rows' companies are: what TRUNCATE took from PostgreSQL is gone from Supabase as well."""
    await begun(pair)
    settings = GivenSettings(**pair, datalayer_routes={"clients": StoreKind.POSTGRES}, datalayer_relay_max_deletes=0)
    async with postgres_of(pair) as store:
        await store.execute("truncate clients cascade")
    await carry(settings)
    followed = await open_store_for(StoreKind.SUPABASE, settings, ())
    assert await rows(followed, "clients") == []
    await followed.close()


async def test_move_that_did_not_see_a_table_s_entry_begins_anew(pair: dict[str, Any]) -> None:
    """Whose a row is stays so until the table is done."""
    await begun(pair)
    async with postgres_of(pair) as store:
        registry = CohortRegistry(store)
        await registry.wish([], main="supabase", other="postgres")
        (placement,) = await registry.read()
        assert await registry.hold(placement)
        (held,) = await registry.read()
        await backfill_pair(cohort(pair, "7"), tables=["clients"])
        assert not await registry.release(held, move=True, lease_seconds=0)
        assert [one.store for one in await registry.read()] == ["postgres"]


async def test_consumer_has_to_say_whose_outbox_it_reads(pair: dict[str, Any]) -> None:
    """Either store may lead the row."""
    await begun(pair)
    with pytest.raises(ConfigurationError, match="both stores lead rows of clients"):
        await reconcile("clients", [(1,)], cohort(pair, "7"))
