"""Processes that disagree on the primary: one of them is refused, and the dead are not waited for."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partialmethod
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.integration.routing.applications import APPLICATION, refused, run
from tests.integration.routing.salons import CLIENT, led_by, postgres_of, put_client, rows, settled
from tests.integration.routing.waiting import until

from datalayer import (
    ConfigurationError,
    DataLayer,
    DualHealth,
    StoreKind,
)
from datalayer.cli.errors import ExitCode
from datalayer.layer import counting_in
from datalayer.layer.backfilling import backfill_pair
from datalayer.layer.process_registry import BEAT_SECONDS, LEASE_SECONDS, ProcessRegistry
from datalayer.outbox.backfill import Filled
from datalayer.query import Insert, Select
from datalayer.stores.postgres import PostgresStore


async def test_start_with_the_other_primary_is_refused_while_an_application_is_at_work(pair: dict[str, Any]) -> None:
    """Another one with the same primary begins beside it; so does the other primary, once both have ended."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(before) as layer, DataLayer.open(before) as second:
        await refused(after, "is at work with another primary than postgres")
        for command in (["relay", "--once"], ["backfill"]):
            assert "is at work with another primary" in (await run(after, *command))[1]
        for each, number in ((layer, 1), (second, 2)):
            await each.upsert_client({**CLIENT, "yclients_id": number})
        await until(lambda: settled(layer))
    async with DataLayer.open(after) as layer:
        assert await layer.clients.count() == 2


async def test_relay_of_its_own_is_counted_and_gives_way(pair: dict[str, Any]) -> None:
    """A start with the other primary is refused while it works; should one be at work all the same, the relay ends."""
    before = led_by(pair, StoreKind.SQLITE)
    carrying = asyncio.create_task(run(before, "relay", seconds={"datalayer.layer.counting_in.BEAT_SECONDS": 1.0}))
    async with postgres_of(pair) as store:
        while not await store.fetch_all("select process from datalayer_processes"):
            assert not carrying.done(), carrying.result()
            await asyncio.sleep(0.05)
        await refused(led_by(pair, StoreKind.POSTGRES), "is at work with another primary than postgres")
        await store.execute(
            "insert into datalayer_processes (process, name, leads) values (gen_random_uuid(), 'rival:1', %(leads)s)",
            {"leads": '{"*": "postgres"}'},
        )
        code, said = await carrying
        assert (code, "rival:1 is at work with another primary than sqlite" in said) == (ExitCode.CONFIGURATION, True)
        assert [row["name"] for row in await store.fetch_all("select name from datalayer_processes")] == ["rival:1"]


async def test_backfill_is_counted_and_gives_way(pair: dict[str, Any]) -> None:
    """A start with the other primary is refused while it fills; should one have begun all the same, it ends."""
    before = led_by(pair, StoreKind.SQLITE)
    await put_client(before)
    counted: list[str] = []

    def heard(_: Filled) -> None:
        with psycopg.connect(pair["database_url"], autocommit=True) as connection:
            counted.extend(leads for (leads,) in connection.execute("select leads from datalayer_processes"))
            connection.execute(
                "insert into datalayer_processes (process, name, leads)"
                """ values (gen_random_uuid(), 'rival:1', '{"*": "postgres"}')"""
            )
            connection.execute("""update datalayer_leads set leads = '{"*": "postgres"}'""")

    with pytest.raises(ConfigurationError, match="the primary is postgres by now"):
        await backfill_pair(before, on_progress=heard)
    assert counted == ['{"*": "sqlite"}']
    async with postgres_of(pair) as store:
        assert [row["name"] for row in await rows(store, "datalayer_processes")] == ["rival:1"]


async def test_backfill_begins_no_table_while_an_application_has_another_primary(
    pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It was silent, and is heard again: the table at hand is finished, since an entry of it holds back the primary."""
    monkeypatch.setattr(counting_in, "BEAT_SECONDS", 0.01)
    before = led_by(pair, StoreKind.SQLITE, datalayer_relay=False)
    async with DataLayer.open(before) as layer:
        await layer.upsert_client(CLIENT)
    async with postgres_of(pair) as store:
        with psycopg.connect(pair["database_url"]) as busy:
            busy.execute("lock table datalayer_ledger in share row exclusive mode")
            filling = asyncio.create_task(backfill_pair(before))
            waits = "select from pg_locks where relation = 'datalayer_ledger'::regclass and not granted"
            await until(lambda: store.fetch_all(waits))
            await store.execute(
                "insert into datalayer_processes (process, name, leads)"
                """ values (gen_random_uuid(), 'rival:1', '{"*": "postgres"}')"""
            )
            said = "no other table is begun: rival:1 is at work with another primary than sqlite"
            await until(lambda: any(message.startswith(said) for message in caplog.messages))
        with pytest.raises(ConfigurationError, match="rival:1 is at work with another primary than sqlite"):
            await filling
        assert len(await rows(store, "clients")) == 1


async def test_of_two_starts_that_disagree_one_is_refused(pair: dict[str, Any]) -> None:
    """However close they are: each looks and is seen in one step."""
    ended = asyncio.Event()

    async def start(leader: StoreKind) -> bool:
        try:
            async with DataLayer.open(led_by(pair, leader)):
                await ended.wait()
        except ConfigurationError:
            ended.set()
            return False
        return True

    assert sorted(await asyncio.gather(start(StoreKind.SQLITE), start(StoreKind.POSTGRES))) == [False, True]


async def test_application_that_was_killed_on_this_machine_is_not_waited_for(pair: dict[str, Any]) -> None:
    """Its process is gone for all to see, so the other primary begins at once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        APPLICATION,
        pair["database_url"],
        str(pair["datalayer_sqlite_path"]),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    await refused(led_by(pair, StoreKind.SQLITE), f":{process.pid} is at work with another primary than sqlite")
    process.send_signal(signal.SIGKILL)
    await process.wait()
    async with postgres_of(pair) as store, asyncio.timeout(BEAT_SECONDS / 2):
        assert len(await rows(store, "datalayer_processes")) == 1
        async with DataLayer.open(led_by(pair, StoreKind.SQLITE)):
            pass


async def test_application_that_was_killed_elsewhere_is_counted_until_its_lease_ends(
    pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can see that it is gone; once it was taken for gone, no later start waits for word of it."""
    before, after = led_by(pair, StoreKind.POSTGRES), led_by(pair, StoreKind.SQLITE)
    async with DataLayer.open(before):
        pass
    row = {"process": uuid4(), "name": "elsewhere:1", "leads": '{"*": "postgres"}'}
    async with postgres_of(pair) as store:
        await store.insert(Insert("datalayer_processes", [row]))
        await refused(after, f"elsewhere:1 is at work .* {LEASE_SECONDS:.0f} seconds")
        await silence(store)
    with monkeypatch.context() as impatient:
        impatient.setattr(ProcessRegistry, "rivals", partialmethod(ProcessRegistry.rivals, patience=1.0))
        async with asyncio.timeout(BEAT_SECONDS * 2), DataLayer.open(after):
            pass
    async with asyncio.timeout(BEAT_SECONDS / 2), DataLayer.open(after):
        pass


async def test_application_that_nobody_heard_while_postgres_was_away_is_heard_again(
    pair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All leases have ended together; a start with the other primary, and a command, wait for word of the living."""
    # They wait for as long as ever; the living one is heard after longer than a command takes to begin.
    monkeypatch.setattr("datalayer.layer.leading.BEAT_SECONDS", 4.0)
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(before) as layer, postgres_of(pair) as store:
        await silence(store)
        await refused(after, "at work with another primary")
        await silence(store)
        assert "is at work with another primary" in (await run(after, "relay", "--once"))[1]
        await layer.upsert_client(CLIENT)


async def silence(store: PostgresStore) -> None:
    """Have nobody been heard of for longer than a lease."""
    await store.execute(
        "update datalayer_processes set beat = beat - make_interval(secs => %(lease)s)", {"lease": LEASE_SECONDS + 1}
    )


@pytest.mark.parametrize("ends_dual_write", [False, True])
async def test_process_is_no_rival_of_its_own_while_calls_of_before_go_on(
    pair: dict[str, Any], *, ends_dual_write: bool
) -> None:
    """A stream is open that began before the primary moved; others with the new primary begin, and see no rival."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    wanted = led_by({**pair, "enable_dual_write": False}, StoreKind.POSTGRES) if ends_dual_write else after
    async with DataLayer.open(before) as layer:
        await layer.upsert_clients([{**CLIENT, "yclients_id": number} for number in (1, 2)])
        await until(lambda: settled(layer))
        stream = layer.session.stream(Select("clients"), chunk_rows=1)
        await anext(aiter(stream))
        await layer.reload(wanted)
        async with postgres_of(pair) as store:

            async def leads() -> list[str]:
                return [row["leads"] for row in await rows(store, "datalayer_processes")]

            expected = [] if ends_dual_write else ['{"*": "postgres"}']
            await until(lambda: same(leads, expected))
        async with DataLayer.open(after) as second:
            health = await second.health_check()
            assert isinstance(health, DualHealth)
            assert health.rivals == ()
        assert len([row async for row in stream]) == 1


async def same(ask: Callable[[], Awaitable[list[str]]], expected: list[str]) -> bool:
    """Whether that is the answer now."""
    return await ask() == expected
