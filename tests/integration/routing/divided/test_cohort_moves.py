"""A company moves only when it is settled, while every process holds its writes."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, LiteralString

import psycopg
import pytest
from tests.integration.routing.divided.companies import cohort, environment_of, lose, remind, there
from tests.integration.routing.salons import CLIENT, assert_equal, postgres_of, settled
from tests.integration.routing.waiting import until

from datalayer import (
    DataLayer,
    Settings,
)
from datalayer.servers.postgrest import PostgrestServer


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


@pytest.mark.usefixtures("short_holds")
async def test_company_stays_while_the_stores_differ(pair: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Without its rows there it does not go there: the log says what to run, and its writes go on here."""
    async with DataLayer.open(cohort(pair, datalayer_relay=False)) as layer:
        await layer.upsert_client({**CLIENT, "company_id": 7})
    async with DataLayer.open(cohort(pair, "7", datalayer_relay=False)) as layer:
        await until(lambda: any("company 7 stays in supabase" in message for message in caplog.messages))
        await layer.upsert_client({**CLIENT, "company_id": 7, "yclients_id": 2})
        assert layer.cohort == frozenset()


@pytest.mark.usefixtures("short_holds")
async def test_company_stays_while_rows_that_refer_to_its_rows_differ(
    pair: dict[str, Any], supabase: PostgrestServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Its reminders were lost where it is to go: they would be gone there, and a resync would delete those here."""
    async with DataLayer.open(cohort(pair, "7")) as layer:
        await until(lambda: layer.cohort == {"7"})
        await remind(layer, 7)
        await until(lambda: settled(layer))
    await lose(supabase.dsn, "delete from reminders")
    caplog.clear()
    async with DataLayer.open(cohort(pair)) as layer:
        await until(lambda: any("company 7" in message and "postgres" in message for message in caplog.messages))
        assert "company 7 stays in postgres for now" in caplog.messages[-1]
        assert "(reminders 0 and 1): run `datalayer backfill`" in caplog.messages[-1]
        assert layer.cohort == {"7"}


@pytest.mark.usefixtures("short_holds")
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("revoke select on clients from service_role; commit", "supabase count on clients: permission denied"),
        ("lock table clients in access exclusive mode", "supabase count on clients: the server did not answer"),
    ],
    ids=["error", "silence"],
)
async def test_company_is_written_while_the_store_it_is_to_go_to_cannot_be_asked(
    pair: dict[str, Any], supabase: PostgrestServer, caplog: pytest.LogCaptureFixture, trouble: LiteralString, said: str
) -> None:
    """Its writes wait for some seconds, and then go on where it is: the log says what was in the way."""
    settings = cohort({**pair, "datalayer_timeout_seconds": 3}, "7")
    async with DataLayer.open(settings) as layer, postgres_of(pair) as store:
        await until(lambda: layer.cohort == {"7"})
        with psycopg.connect(supabase.dsn) as connection:
            connection.execute(trouble)
            try:
                await store.execute("update datalayer_cohorts set wanted = 'supabase'")
                stays = f"company 7 stays in postgres for now: {said}"
                await until(lambda: any(message.startswith(stays) for message in caplog.messages))
                await layer.upsert_client({**CLIENT, "company_id": 7})
                assert await there(pair, "clients", company_id=7) == 1
            finally:
                connection.execute("rollback; grant select on clients to service_role")


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
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log names it, once; it is taken for gone when no request of it can arrive any more, not after an hour."""
    monkeypatch.setattr("datalayer.layer.cohorts.LEASE_SECONDS", 4.0)
    short = {**pair, "datalayer_request_lifetime_seconds": 1}
    longest, count = 0.0, 0
    async with DataLayer.open(cohort(short, "9")) as layer:
        await until(lambda: layer.cohort == {"9"})
        async with process_of(cohort(short, "9")) as process:
            process.kill()
        async with postgres_of(pair) as store:
            # Longer ago than a hold lasts: it cannot be expected to acknowledge one.
            await store.execute(
                "update datalayer_cohort_members set beat = beat - interval '6 s' where name like %(name)s",
                {"name": f"%:{process.pid}"},
            )
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


@pytest.mark.usefixtures("short_holds")
async def test_company_stays_while_a_covered_write_of_before_has_no_answer(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Request capture has left it: once it expires, its rows are looked for where the company was."""
    async with DataLayer.open(cohort(pair, "9")) as layer, postgres_of(pair) as store:
        await until(lambda: layer.cohort == {"9"})
        await store.execute(
            "insert into datalayer_operations (aggregatetype, expires_at) values ('clients', now() + interval '1 hour')"
        )
        await layer.reload(cohort(pair, "7", "9"))
        stays = "company 7 stays in supabase for now: entries are owed from supabase"
        await until(lambda: stays in caplog.messages)
        assert layer.cohort == {"9"}
        await store.execute("delete from datalayer_operations")
        await until(lambda: layer.cohort == {"7", "9"}, seconds=60)
