"""Cohorts: some companies live on the other store, none in both, and they move only when they are settled."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.salons import CLIENT, assert_equal, install, postgres_of, serving, settled, supabase_pair
from tests.integration.routing.waiting import until

from datalayer import (
    ConfigurationError,
    DataLayer,
    DualHealth,
    GivenSettings,
    Settings,
    UnavailableError,
    UnsupportedOperationError,
    open_store,
)
from datalayer.cli.errors import ExitCode
from datalayer.flags import resolve_mode
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.outbox.capture import supabase as supabase_capture
from datalayer.query import Count, Delete, Insert, Update, Upsert, col, where_equal
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer


@pytest.fixture(scope="module")
async def supabase(datalayer_postgres: FoundServer, salon_template: str) -> AsyncIterator[PostgrestServer]:
    """Lend a Supabase with the script."""
    async with serving(datalayer_postgres, salon_template, script=True) as server:
        yield server


@pytest.fixture(scope="module")
async def bare(datalayer_postgres: FoundServer, salon_template: str) -> AsyncIterator[PostgrestServer]:
    """Lend a Supabase without the script."""
    async with serving(datalayer_postgres, salon_template, script=False) as server:
        yield server


@pytest.fixture
async def pair(supabase: PostgrestServer, postgres: PostgresPlace) -> dict[str, Any]:
    """Lend the settings that name both stores, Supabase being the main primary."""
    return await supabase_pair(supabase, postgres, datalayer_timeout_seconds=10)


def cohort(pair: dict[str, Any], *companies: str, **more: Any) -> Settings:
    """Make settings with these companies in PostgreSQL."""
    return GivenSettings(**pair, datalayer_cohort_companies=companies, **more)


async def there(pair: dict[str, Any], table: str, **equal: Any) -> int:
    """Count rows in PostgreSQL, whatever the layer would ask."""
    store = await open_store(pair["database_url"])
    try:
        return await store.count(Count(table, where_equal(**equal) if equal else None))
    finally:
        await store.close()


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
            booking = await layer.bookings.upsert(
                {"yclients_record_id": company, "company_id": company, "datetime": "2026-03-02T10:00:00"}
            )
            await layer.reminders.insert({"booking_id": booking.id, "remind_at": "2026-03-02T09:00:00"})
        assert await there(pair, "reminders") >= 1
        await until(lambda: settled(layer))
        assert await layer.reminders.update({"status": "sent"}, every_row=True) == 2
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "bookings", "reminders")


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


async def test_company_moves_there_and_back_while_two_processes_write_it(pair: dict[str, Any]) -> None:
    """Callers of both see no error, both know where it is, and nothing that they were told is written is lost."""
    stop = asyncio.Event()
    written = [0, 0]
    home, away = cohort(pair, "9"), cohort(pair, "7", "9")
    async with DataLayer.open(home) as layer, DataLayer.open(home) as second:

        async def write(place: int, through: DataLayer) -> None:
            while not stop.is_set():
                await through.upsert_client({**CLIENT, "company_id": 7, "yclients_id": 2 * written[place] + place + 1})
                written[place] += 1
                await asyncio.sleep(0.02)

        writers = [asyncio.create_task(write(place, through)) for place, through in enumerate((layer, second))]

        def arrived(expected: bool) -> bool:
            known = [("7" in through.cohort) is expected for through in (layer, second)]
            return all(known) or any(writer.done() for writer in writers)

        for settings, expected in ((away, True), (home, False)):
            await layer.reload(settings)
            await until(partial(arrived, expected), seconds=90)
        stop.set()
        await asyncio.gather(*writers)
        await until(lambda: settled(layer))
        assert await layer.clients.count(company_id=7) == sum(written)
        await assert_equal(home, layer.mode, "clients")


async def test_company_stays_while_the_stores_differ(pair: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Without its rows there it does not go there: the log says what to run, and its writes go on here."""
    async with DataLayer.open(cohort(pair, datalayer_relay=False)) as layer:
        await layer.upsert_client({**CLIENT, "company_id": 7})
    async with DataLayer.open(cohort(pair, "7", datalayer_relay=False)) as layer:
        await until(lambda: any("company 7 stays in supabase" in message for message in caplog.messages))
        await layer.upsert_client({**CLIENT, "company_id": 7, "yclients_id": 2})
        assert layer.cohort == frozenset()


async def test_phone_selects_its_company(pair: dict[str, Any]) -> None:
    """Not the client alone: a company is never split, and the number may be written in any way."""
    async with DataLayer.open(GivenSettings(**pair)) as layer:
        await layer.upsert_client({**CLIENT, "company_id": 7, "phone": "+79686484488"})
        await until(lambda: settled(layer))
    async with DataLayer.open(GivenSettings(**pair, test_phone="8 (968) 648-44-88")) as layer:
        await until(lambda: layer.cohort == {"7"})
    async with DataLayer.open(GivenSettings(**pair)) as layer:
        assert layer.cohort == {"7"}
        await until(lambda: layer.cohort == frozenset(), seconds=60)


async def placements(pair: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what PostgreSQL knows of companies: each one with its store."""
    async with postgres_of(pair) as store:
        return [(row["company"], row["store"]) for row in await store.fetch_all("select * from datalayer_cohorts")]


async def test_ended_cohort_leaves_nothing_behind(
    datalayer_postgres: FoundServer, salon_template: str, postgres: PostgresPlace
) -> None:
    """Its companies go with all others when the main primary changes, also those of which an old row has stayed."""
    async with serving(datalayer_postgres, salon_template, script=True) as supabase:
        pair = await supabase_pair(supabase, postgres)
        async with DataLayer.open(cohort(pair, "7", "8")) as layer:
            await until(lambda: layer.cohort == {"7", "8"})
            assert sorted(await placements(pair)) == [("7", "postgres"), ("8", "postgres")]
        async with DataLayer.open(GivenSettings(**pair)) as layer:
            await until(lambda: layer.cohort == frozenset())
            await until(lambda: settled(layer))
        assert await placements(pair) == []
        async with postgres_of(pair) as store:
            await store.execute(
                "insert into datalayer_cohorts (company, store, wanted, version)"
                " select company, 'supabase', 'supabase', 1 from unnest(array['7', '9']) company"
            )
        async with DataLayer.open(GivenSettings(**pair, use_legacy_supabase=False)) as layer:
            assert layer.cohort == frozenset()
            await layer.upsert_client({**CLIENT, "company_id": 7})
            assert await there(pair, "clients", company_id=7) == 1
        assert await placements(pair) == []


async def command(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code, and what it printed."""
    program = "import sys; from datalayer.cli.app import run; sys.exit(run(sys.argv[1:]))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )
    printed, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (printed or errors).decode()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the variables that stand for these settings, and those of this process."""
    given = {name.upper(): getattr(settings, name) for name in settings.model_fields_set}
    given |= {name: value.get_secret_value() for name, value in given.items() if isinstance(value, SecretStr)}
    return {**os.environ} | {n: ",".join(v) if isinstance(v, tuple) else str(v) for n, v in given.items()}


async def test_commands_look_both_ways_while_a_company_is_not_back(pair: dict[str, Any]) -> None:
    """Also where the settings name no cohort any more: what its store owes is shown, carried, and not dropped."""
    quiet = {**pair, "datalayer_relay": False}
    plain = GivenSettings(**quiet)
    environment = environment_of(plain)
    async with DataLayer.open(cohort(quiet, "7")) as layer:
        await until(lambda: layer.cohort == {"7"})
        await layer.upsert_client({**CLIENT, "company_id": 7})
    code, shown = await command(environment, "outbox", "status", "--json")
    assert code == ExitCode.OK, shown
    tables = json.loads(shown)["tables"]
    assert [(table["store"], table["table"], table["waiting"]) for table in tables] == [("postgres", "clients", 1)]
    code, shown = await command(environment, "relay", "--once")
    assert code == ExitCode.OK, shown
    assert "postgres to supabase: 1 settled, 0 left" in shown
    await assert_equal(plain, resolve_mode(plain), "clients")
    code, shown = await command(environment, "outbox", "uninstall")
    assert code == ExitCode.USAGE
    assert "companies of a cohort are in the other store" in shown
    code, shown = await command(environment, "outbox", "uninstall", "--yes")
    assert code == ExitCode.OK, shown
    async with postgres_of(pair) as store:
        assert not any(name.startswith("datalayer_cohort") for name in (await store.catalog()).tables)


async def test_main_primary_takes_all_companies_along_where_a_cohort_goes_on(
    datalayer_postgres: FoundServer, salon_template: str, postgres: PostgresPlace
) -> None:
    """Only those that settings name are brought to the other store, from the first write on."""
    async with serving(datalayer_postgres, salon_template, script=True) as supabase:
        pair = await supabase_pair(supabase, postgres)
        async with DataLayer.open(cohort(pair, "7")) as layer:
            await until(lambda: layer.cohort == {"7"})
        async with postgres_of(pair) as store:
            await store.execute(
                "insert into datalayer_cohorts (company, store, wanted, version)"
                " values ('8', 'supabase', 'supabase', 1)"
            )
        async with DataLayer.open(cohort(pair, "9", use_legacy_supabase=False)) as layer:
            assert layer.cohort == frozenset()
            for company in (7, 8):
                await layer.upsert_client({**CLIENT, "company_id": company})
                assert await there(pair, "clients", company_id=company) == 1
            await until(lambda: layer.cohort == {"9"})
        assert await placements(pair) == [("9", "supabase")]


async def test_company_moves_without_the_script(pair: dict[str, Any], bare: PostgrestServer, tmp_path: Path) -> None:
    """Where requests are captured, too: an open one holds the move up, none is lost."""
    settings = cohort(
        {
            **pair,
            "supabase_url": bare.url,
            "supabase_service_role_key": bare.service_key,
            "datalayer_spool_path": tmp_path / "spool.sqlite3",
        },
        "7",
    )
    async with DataLayer.open(settings) as layer:
        for turn in range(1, 21):
            for company in (7, 8):
                await layer.upsert_client({**CLIENT, "company_id": company, "yclients_id": turn})
        await until(lambda: layer.cohort == {"7"}, seconds=60)
        await layer.upsert_client({**CLIENT, "company_id": 7, "yclients_id": 21})
        assert await there(pair, "clients", company_id=7) == 21
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "clients")


async def test_company_stays_while_a_process_that_knows_no_cohorts_is_at_work(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It would go on writing where the company was: the log names it, and the company moves once it has ended."""
    async with DataLayer.open(cohort(pair)) as plain, DataLayer.open(cohort(pair, "7")) as layer:
        await until(lambda: any("has not acknowledged it" in message for message in caplog.messages))
        await plain.upsert_client({**CLIENT, "company_id": 7})
        assert layer.cohort == frozenset()
    async with DataLayer.open(cohort(pair, "7")) as layer:
        await until(lambda: layer.cohort == {"7"}, seconds=60)
        assert await layer.clients.count(company_id=7) == 1


async def test_company_that_does_not_exist_is_told_of(pair: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """A mistake in typing is in the log and in the health, by its name; a company that is there is not."""
    async with DataLayer.open(cohort(pair)) as layer:
        await layer.upsert_company({"company_id": 7, "title": "Салон"})
    async with DataLayer.open(cohort(pair, "7", "78", "79")) as layer:
        health = await layer.health_check()
    assert isinstance(health, DualHealth)
    assert health.unknown_companies == ("78", "79")
    assert any("DATALAYER_COHORT_COMPANIES names 78, 79" in message for message in caplog.messages)


@pytest.mark.parametrize("impossible", ["x", "007", "-7", "٧", "9223372036854775808"])
async def test_company_that_cannot_be_is_refused(pair: dict[str, Any], impossible: str) -> None:
    """No row can ever have it where companies are numbers, so it would be moved again and again."""
    with pytest.raises(ConfigurationError, match=f"DATALAYER_COHORT_COMPANIES names {impossible}, and") as caught:
        async with DataLayer.open(cohort(pair, "7", impossible)):
            pass
    assert caught.value.variables == ("DATALAYER_COHORT_COMPANIES",)


async def test_phone_that_selects_nobody_is_told_of_by_its_place(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The log says which variable, and which one of a list; no digits of it. A stored plus makes no difference."""
    store = await open_store(f"supabase+{pair['supabase_url']}", key=pair["supabase_service_role_key"])
    await store.insert(Insert("clients", [{**CLIENT, "company_id": 7, "phone": "+79686484488"}]))
    await store.close()
    phones = ("8 (968) 648-44-88", "+7 968 648 44 89", "12")
    settings = GivenSettings(**pair, datalayer_cohort_phones=phones, test_phone="+79686484480")
    async with DataLayer.open(settings) as layer:
        await until(lambda: settled(layer))
    told = [message for message in caplog.messages if "PHONE" in message]
    assert told == [
        "DATALAYER_COHORT_PHONES (1 of 3) selects company 7 as a whole",
        "DATALAYER_COHORT_PHONES (2 of 3) is no client's and no company's phone in supabase, and selects nobody",
        "DATALAYER_COHORT_PHONES (3 of 3) is no phone number and selects nobody",
        "TEST_PHONE is no client's and no company's phone in supabase, and selects nobody",
    ]


async def test_cohort_needs_both_stores(pair: dict[str, Any]) -> None:
    """Where nobody can say which store a company is in, nothing is written to either."""
    with pytest.raises(UnavailableError):
        async with DataLayer.open(cohort({**pair, "database_url": "postgresql://nobody@127.0.0.1:1/x"}, "7")):
            pass


_WORKS = """
import asyncio
from datalayer import DataLayer

async def main():
    async with DataLayer.open():
        print("at work", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def process_of(settings: Settings) -> AsyncIterator[asyncio.subprocess.Process]:
    """Lend a process that has a layer of these settings open, and kill it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WORKS, env=environment_of(settings), stdout=PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"at work\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_company_moves_in_spite_of_a_killed_process_and_no_write_waits_meanwhile(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The log names it, once; it is taken for gone when no request of it can arrive any more, not after an hour."""
    short = {**pair, "datalayer_request_lifetime_seconds": 1}
    longest, count = 0.0, 0
    async with DataLayer.open(cohort(short, "9")) as layer:
        await until(lambda: layer.cohort == {"9"})
        async with process_of(cohort(short, "9")) as process:
            process.kill()
        await asyncio.sleep(6)
        await layer.reload(cohort(short, "7", "9"))
        ends = monotonic() + 60
        while "7" not in layer.cohort:
            begun = monotonic()
            await layer.upsert_client({**CLIENT, "company_id": 7, "yclients_id": count + 1})
            longest, count = max(longest, monotonic() - begun), count + 1
            assert monotonic() < ends
            await asyncio.sleep(0.05)
        assert longest < 4
        await until(lambda: settled(layer))
        assert await there(pair, "clients", company_id=7) == count
    stays = [message for message in caplog.messages if "company 7 stays in supabase" in message]
    assert len(stays) == len({*stays})
    assert stays[-1].endswith(f":{process.pid} has not acknowledged it")


async def test_process_that_postgres_has_a_connection_of_is_waited_for(postgres: PostgresPlace) -> None:
    """It may only be paused and go on with a write; one whose connections have ended is gone after the lease."""
    await install(postgres.dsn)
    async with postgres_of({"database_url": postgres.dsn}) as store:
        registry = CohortRegistry(store)
        await registry.prepare()
        async with postgres_of({"database_url": postgres.dsn}) as of_paused:
            await CohortRegistry(of_paused).beat(uuid4(), "paused")
            async with postgres_of({"database_url": postgres.dsn}) as of_killed:
                await CohortRegistry(of_killed).beat(uuid4(), "killed")
            assert await registry.behind(1, lease_seconds=60) == ["killed", "paused"]
            await until(partial(_is_behind, registry, ["paused"]))
            assert await registry.silent(0, lease_seconds=0.2) == ["paused"]
        await until(partial(_is_behind, registry, []))


async def _is_behind(registry: CohortRegistry, names: list[str]) -> bool:
    return await registry.behind(1, lease_seconds=0.2) == names


async def test_tables_of_no_company_do_not_wait_for_a_move(
    datalayer_postgres: FoundServer, salon_template: str, postgres: PostgresPlace
) -> None:
    """They are the main primary's; a company's own write waits meanwhile, and a delete that may reach its rows."""
    async with serving(datalayer_postgres, salon_template, script=True) as supabase:
        for dsn in (supabase.dsn, postgres.dsn):
            async with postgres_of({"database_url": dsn}) as store:
                await store.execute("create table categories (id int primary key, title text)")
                await store.execute("alter table services add column category int references categories")
        async with postgres_of({"database_url": supabase.dsn}) as store:
            await store.execute("grant all on categories to service_role")
            await supabase_capture.install(store)
        supabase.reload_schema()
        pair = await supabase_pair(supabase, postgres)
        async with DataLayer.open(cohort(pair, "7")) as layer, postgres_of(pair) as store:
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


async def test_wish_leaves_a_move_its_time(postgres: PostgresPlace) -> None:
    """A company that is being moved is wanted elsewhere meanwhile: the time after which its hold ends still runs."""
    await install(postgres.dsn)
    store = await open_store(postgres.dsn)
    assert isinstance(store, PostgresStore)
    registry = CohortRegistry(store)
    try:
        await registry.prepare()
        await registry.wish(["7"], main="supabase", other="postgres")
        assert await registry.hold((await registry.read())[0])
        await registry.wish([], main="supabase", other="postgres")
        (held,) = await registry.read()
        assert held.moving
        assert held.seconds is not None
        await registry.release(held, move=False, lease_seconds=60)
        await registry.wish(["7"], main="supabase", other="postgres")
        assert [one.seconds for one in await registry.read()] == [None]
    finally:
        await store.execute("delete from datalayer_cohorts")
        await store.close()
