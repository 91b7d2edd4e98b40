"""Each company is written where its primary is, and none in both stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.divided.companies import book, cohort, remind, there
from tests.integration.routing.salons import CLIENT, assert_equal, postgres_of, serving, settled, supabase_pair
from tests.integration.routing.waiting import until

from datalayer import (
    DataLayer,
    UnsupportedOperationError,
)
from datalayer.layer.backfilling import backfill_pair
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.outbox.capture import supabase as supabase_capture
from datalayer.query import Count, Delete, Insert, Update, Upsert, col
from datalayer.testing.servers import FoundServer


async def test_company_of_the_cohort_is_written_to_the_other_store(pair: dict[str, Any]) -> None:
    """Its rows are in PostgreSQL at once, the others' later; with both relays both stores end equal, keys included."""
    settings = cohort(pair, "7")
    async with DataLayer.open(settings) as layer:
        await until(lambda: layer.cohort == {"7"})
        for company in (7, 8):
            await layer.upsert_company({"company_id": company, "title": "Салон"})
            await layer.upsert_clients([{**CLIENT, "company_id": company, "yclients_id": n} for n in range(1, 11)])
            assert await layer.clients.count(company_id=company) == 10
        assert await there(pair, "clients", company_id=7) == 10
        await layer.clients.update({"name": "Ольга"}, company_id=7, yclients_id=1)
        await until(lambda: settled(layer))
        assert await layer.clients.count() == 20
        await assert_equal(settings, layer.mode, "companies", "clients")


async def test_writes_that_name_no_company_reach_every_company_where_it_is(pair: dict[str, Any]) -> None:
    """Updates and deletes are split between the stores; a row is changed in its company's store alone."""
    settings = cohort(pair, "7")
    async with DataLayer.open(settings) as layer:
        await until(lambda: layer.cohort == {"7"})
        rows = [{**CLIENT, "company_id": company, "yclients_id": n} for company in (7, 8) for n in range(1, 6)]
        written = await layer.upsert_clients(rows)
        assert [(row.company_id, row.yclients_id) for row in written] == [
            (row["company_id"], row["yclients_id"]) for row in rows
        ]
        await until(lambda: settled(layer))
        assert await layer.clients.update({"name": "все"}, every_row=True) == 10
        assert await layer.clients.delete(col("yclients_id").gt(3)) == 4
        await until(lambda: settled(layer))
        assert await layer.clients.count(name="все") == 6
        await assert_equal(settings, layer.mode, "clients")


async def test_rows_without_a_company_of_their_own_go_with_what_they_refer_to(pair: dict[str, Any]) -> None:
    """A reminder is written where its booking's company is, and changed there."""
    settings = cohort(pair, "7")
    async with DataLayer.open(settings) as layer:
        await until(lambda: layer.cohort == {"7"})
        for company in (7, 8):
            await remind(layer, company)
        assert await there(pair, "reminders") >= 1
        await until(lambda: settled(layer))
        assert await layer.reminders.update({"status": "sent"}, every_row=True) == 2
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "bookings", "reminders")


async def test_first_write_of_a_process_finds_what_rows_refer_to(pair: dict[str, Any]) -> None:
    """Nothing was looked up before: a reminder is changed where its booking's company is all the same."""
    async with DataLayer.open(cohort(pair, "7")) as layer:
        await until(lambda: layer.cohort == {"7"})
        await remind(layer, 7)
        await until(lambda: settled(layer))
    async with DataLayer.open(cohort(pair, "7", datalayer_relay=False)) as layer:
        assert await layer.reminders.update({"status": "sent"}, every_row=True) == 1
        assert await there(pair, "reminders", status="sent") == 1


@pytest.fixture
async def widened(
    request: pytest.FixtureRequest, datalayer_postgres: FoundServer, salon_template: str, postgres: PostgresPlace
) -> AsyncIterator[dict[str, Any]]:
    """Lend the settings that name both stores, which have what was asked for besides the salon's tables."""
    async with serving(datalayer_postgres, salon_template, script=True) as supabase:
        for dsn in (supabase.dsn, postgres.dsn):
            async with postgres_of({"database_url": dsn}) as store:
                for statement in request.param:
                    await store.execute(statement)
        async with postgres_of({"database_url": supabase.dsn}) as store:
            await supabase_capture.install(store)
        supabase.reload_schema()
        yield await supabase_pair(supabase, postgres)


_NOTES = (
    "create table notes (id int primary key, booking_id uuid references bookings, said text)",
    "grant all on notes to service_role",
)


@pytest.mark.parametrize("widened", [_NOTES], ids=["notes"], indirect=True)
async def test_write_reaches_rows_that_refer_to_nothing(widened: dict[str, Any]) -> None:
    """They are nobody's, and so the main primary's, as they were when they were inserted."""
    async with DataLayer.open(cohort(widened, "7")) as layer:
        await until(lambda: layer.cohort == {"7"})
        booking = await book(layer, 7)
        await layer.session.insert(Insert("notes", [{"id": 1, "booking_id": booking.id}]))
        await layer.session.insert(Insert("notes", [{"id": 2, "booking_id": None}]))
        await until(lambda: settled(layer))
        assert (await layer.session.update(Update("notes", {"said": "x"}))).count == 2
        assert (await layer.session.delete(Delete("notes", col("id").eq(2)))).count == 1


async def test_what_could_not_be_whole_is_refused(pair: dict[str, Any]) -> None:
    """One insert for companies of both stores, one transaction over both, a row that changes sides: each says why."""
    async with DataLayer.open(cohort(pair, "7")) as layer:
        await until(lambda: layer.cohort == {"7"})
        both = [{**CLIENT, "company_id": company} for company in (7, 8)]
        with pytest.raises(UnsupportedOperationError, match="one company at a time"):
            await layer.clients.insert_many(both)
        await layer.upsert_dialog_context({"user_id": "x", "company_id": 7})
        with pytest.raises(UnsupportedOperationError, match="a row of a company in the other store"):
            await layer.upsert_dialog_context({"user_id": "x", "company_id": 8})
        with pytest.raises(UnsupportedOperationError, match="gives rows to a company of the other store"):
            await layer.dialog_contexts.update({"company_id": 8}, company_id=7)

        async def transact(*companies: int) -> None:
            async with layer.transaction() as tx:
                for company in companies:
                    await tx.upsert_client({**CLIENT, "company_id": company})

        with pytest.raises(UnsupportedOperationError, match="over companies in both stores"):
            await transact(7, 8)
        assert await layer.clients.count() == 0
        await transact(7)
        assert await there(pair, "clients", company_id=7) == 1


_CATEGORIES = (
    "create table categories (id int primary key, title text)",
    "alter table services add column category int references categories",
    "grant all on categories to service_role",
)


@pytest.mark.parametrize("widened", [_CATEGORIES], ids=["categories"], indirect=True)
async def test_tables_of_no_company_do_not_wait_for_a_move(widened: dict[str, Any]) -> None:
    """They are the main primary's, and do not disturb it; a company's own write waits, and what may delete it."""
    async with DataLayer.open(cohort(widened, "7")) as layer, postgres_of(widened) as store:
        await until(lambda: layer.cohort == {"7"})
        # Such a process never acknowledges, so the hold stands until it is given up.
        await store.execute(
            "insert into datalayer_cohort_members (process, name, beat)"
            " values (gen_random_uuid(), 'mute', clock_timestamp() + interval '1 hour')"
        )
        await store.execute(
            "insert into datalayer_cohorts (company, store, wanted, moving, version, since)"
            " values ('8', 'supabase', 'postgres', true, nextval('datalayer_cohort_version'), clock_timestamp())"
        )
        assert layer._opened is not None
        cohorts = layer._opened.arrangement.cohorts
        assert cohorts is not None
        await until(lambda: cohorts.assignments.moving == {"8"})
        own = asyncio.create_task(layer.upsert_client({**CLIENT, "company_id": 8}))
        session = layer.session
        await session.insert(Insert("categories", [{"id": 1, "title": "a"}]))
        await session.upsert(Upsert("categories", [{"id": 2, "title": "b"}], ("id",)))
        await session.update(Update("categories", {"title": "c"}, col("id").eq(1)))
        gone = asyncio.create_task(session.delete(Delete("categories", col("id").eq(2))))
        assert await session.count(Count("categories")) == 2
        assert cohorts.assignments.moving == {"8"}
        assert not own.done()
        assert not gone.done()
        await own
        await gone
    async with postgres_of(widened) as store:
        registry = CohortRegistry(store)
        (placement,) = [one for one in await registry.read() if one.company == "8"]
        assert await registry.hold(placement)
        before = await registry.read()
        (filled,) = await backfill_pair(cohort(widened, "7"), tables=["categories"])
        assert (filled.source, filled.rows) == ("supabase", 1)
        assert [one.version for one in await registry.read()] == [one.version for one in before]
