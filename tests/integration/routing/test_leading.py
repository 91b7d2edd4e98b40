"""Agreement on the primary: a start that would have late entries land on newer rows is refused, and says what to do."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tests.integration.routing.salons import CLIENT, assert_equal, led_by, postgres_of, rows, settled
from tests.integration.routing.waiting import until

from datalayer import (
    ConfigurationError,
    DataLayer,
    DualHealth,
    GivenSettings,
    Settings,
    StoreError,
    StoreKind,
    WritesHeldError,
)
from datalayer.cli.errors import ExitCode
from datalayer.layer.process_registry import BEAT_SECONDS, LEASE_SECONDS
from datalayer.outbox.capture.fences import fence
from datalayer.query import Insert, Select, Update, where_equal
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore

AWAY = "postgresql://nobody@127.0.0.1:1/nowhere"
#: An application that is at work until it is killed.
APPLICATION = """
import asyncio, sys
from datalayer import DataLayer, GivenSettings

async def work():
    settings = GivenSettings(
        database_url=sys.argv[1], datalayer_sqlite_path=sys.argv[2], enable_dual_write=True, use_repository_pattern=True
    )
    async with DataLayer.open(settings):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(work())
"""


async def run(settings: Settings, *command: str) -> tuple[int | None, str]:
    """Run a command with these settings as its environment; return its exit code and what it said."""
    environment = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    for name in ("datalayer_sqlite_path", "enable_dual_write", "use_repository_pattern"):
        environment[name.upper()] = str(getattr(settings, name))
    assert settings.database_url is not None
    environment["DATABASE_URL"] = settings.database_url.get_secret_value()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from datalayer.cli.app import main; main()",
        *command,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, " ".join(said.decode().split())


async def refused(settings: Settings, words: str) -> None:
    """A start with these settings is refused in such words."""
    with pytest.raises(ConfigurationError, match=words):
        async with DataLayer.open(settings):
            pass


async def test_restart_with_the_other_primary_waits_for_what_is_owed(pair: dict[str, Any]) -> None:
    """It is refused, and names the command that settles; after that it begins, with every row."""
    before, after = led_by(pair, StoreKind.SQLITE, datalayer_relay=False), led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(before) as layer:
        await layer.upsert_client(CLIENT)
    await refused(after, "sqlite owes 1 change to the store .*`datalayer relay --once`")
    assert (await run(before, "relay", "--once"))[0] == 0
    async with DataLayer.open(after) as layer:
        await layer.clients.update({"name": "Ольга"}, yclients_id=1)
        await until(lambda: settled(layer))
        await assert_equal(after, layer.mode, "clients")
        assert [row.name for row in await layer.clients.list()] == ["Ольга"]


async def test_store_that_a_restart_leaves_is_fenced(pair: dict[str, Any]) -> None:
    """A writer that nobody knew of is refused there, instead of being carried over the new primary's rows."""
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    async with DataLayer.open(led_by(pair, StoreKind.POSTGRES)) as layer:
        store = await SqliteStore.open(pair["datalayer_sqlite_path"])
        with pytest.raises(WritesHeldError):
            await store.update(Update("clients", {"name": "too late"}, where_equal(yclients_id=1)))
        await store.close()
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
        await until(lambda: settled(layer))
    await refused(led_by(pair, StoreKind.SQLITE), "datalayer outbox unfence")


async def test_refused_restart_leaves_the_other_store_open(pair: dict[str, Any]) -> None:
    """Whoever goes back to the settings of before writes as before."""
    before = led_by(pair, StoreKind.SQLITE, datalayer_relay=False)
    async with DataLayer.open(before) as layer:
        await layer.upsert_client(CLIENT)
    await refused(led_by(pair, StoreKind.POSTGRES), "datalayer relay --once")
    async with DataLayer.open(before) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})


async def test_resync_lets_the_new_primary_win(pair: dict[str, Any]) -> None:
    """The other way that the message names: what was owed is dropped, and both stores end equal."""
    after = led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE, datalayer_relay=False)) as layer:
        await layer.clients.update({"name": "never carried"}, yclients_id=1)
    await refused(after, "datalayer backfill --resync")
    assert (await run(after, "backfill", "--resync"))[0] == 0
    async with DataLayer.open(after) as layer:
        await until(lambda: settled(layer))
        await assert_equal(after, layer.mode, "clients")
        assert [row.name for row in await layer.clients.list()] == ["Анна"]


async def test_restart_is_refused_where_the_new_primary_was_written_while_it_followed(pair: dict[str, Any]) -> None:
    """Its own relay would carry that over the old primary's rows; a resync of before heals it."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(before) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    async with postgres_of(pair) as store:
        await store.execute("update clients set name = 'back door'")
    await refused(after, "postgres owes 1 change made while it followed")
    assert (await run(before, "backfill", "--resync"))[0] == 0
    assert (await run(before, "relay", "--once"))[0] == 0
    async with DataLayer.open(after) as layer:
        assert [row.name for row in await layer.clients.list()] == ["Анна"]


async def test_start_tells_of_writes_on_the_store_that_follows(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """With the primary of before it begins: nobody carries them, and the log says what to do."""
    settings = led_by(pair, StoreKind.SQLITE)
    async with DataLayer.open(settings) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    async with postgres_of(pair) as store:
        await store.execute("update clients set name = 'back door'")
    async with DataLayer.open(settings) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
        await until(lambda: settled(layer))
        assert {row.name for row in await layer.clients.list()} == {"Анна"}
    assert any("postgres, which follows, owes 1 change " in message for message in caplog.messages)


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


@pytest.mark.parametrize("command", [["backfill"], ["relay", "--once"]])
async def test_commands_with_the_other_primary_leave_what_the_old_one_owes(
    pair: dict[str, Any], command: list[str]
) -> None:
    """They are refused as a start is: nothing that a caller was told of is overwritten by an older row."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(before) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE, datalayer_relay=False)) as layer:
        await layer.clients.update({"name": "told to a caller"}, yclients_id=1)
    code, said = await run(after, *command)
    assert (code, "sqlite owes " in said) == (ExitCode.CONFIGURATION, True)
    assert await run(before, "relay", "--once") == (ExitCode.OK, "sqlite to postgres: 2 settled, 0 left, lag 0.0 s")
    async with DataLayer.open(after) as layer:
        assert [row.name for row in await layer.clients.list()] == ["told to a caller"]


async def test_relay_does_not_carry_what_was_written_while_its_store_followed(pair: dict[str, Any]) -> None:
    """It would land over newer rows of the primary on record, also before any application begins."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    async with DataLayer.open(before) as layer:
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))
    async with postgres_of(pair) as store:
        await store.execute("update clients set name = 'back door'")
    code, said = await run(after, "relay", "--once")
    assert (code, "postgres owes 1 change made while it followed" in said) == (ExitCode.CONFIGURATION, True)
    async with DataLayer.open(before) as layer:
        assert [row.name for row in await layer.clients.list()] == ["Анна"]


async def test_relay_of_its_own_is_counted_and_gives_way(pair: dict[str, Any]) -> None:
    """A start with the other primary is refused while it works; should one be at work all the same, the relay ends."""
    before = led_by(pair, StoreKind.SQLITE)
    carrying = asyncio.create_task(run(before, "relay"))
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


async def test_application_that_was_killed_elsewhere_is_counted_until_its_lease_ends(pair: dict[str, Any]) -> None:
    """Nobody can see that it is gone; once it was taken for gone, no later start waits for word of it."""
    before, after = led_by(pair, StoreKind.POSTGRES), led_by(pair, StoreKind.SQLITE)
    async with DataLayer.open(before):
        pass
    row = {"process": uuid4(), "name": "elsewhere:1", "leads": '{"*": "postgres"}'}
    async with postgres_of(pair) as store:
        await store.insert(Insert("datalayer_processes", [row]))
        await refused(after, f"elsewhere:1 is at work .* {LEASE_SECONDS:.0f} seconds")
        await silence(store)
    async with asyncio.timeout(BEAT_SECONDS * 2), DataLayer.open(after):
        pass
    async with asyncio.timeout(BEAT_SECONDS / 2), DataLayer.open(after):
        pass


async def test_application_that_nobody_heard_while_postgres_was_away_is_heard_again(pair: dict[str, Any]) -> None:
    """All leases have ended together; a start with the other primary, and a command, wait for word of the living."""
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


async def test_primary_changes_while_the_other_store_is_away(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The application begins, since the old primary may never be back; should it be, nothing is carried over it."""
    owing = led_by(pair, StoreKind.POSTGRES, datalayer_relay=False)
    async with DataLayer.open(owing) as layer:
        await layer.upsert_client({**CLIENT, "name": "told to a caller"})
    away = GivenSettings(**{**pair, "database_url": AWAY}, datalayer_timeout_seconds=1)
    async with DataLayer.open(away) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
    caplog.set_level(logging.ERROR, "datalayer")
    back = led_by(pair, StoreKind.SQLITE)
    await refused(back, "postgres owes 1 change to the store")
    async with postgres_of(pair) as store:
        assert [row["name"] for row in await rows(store, "clients")] == ["told to a caller"]


async def test_what_was_not_looked_at_is_looked_at_when_the_other_store_is_back(pair: dict[str, Any]) -> None:
    """A start without the old primary is on record as such: the next one asks for what it owes."""
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE, datalayer_relay=False)) as layer:
        await layer.upsert_client(CLIENT)
    supabase = {"supabase_url": "http://127.0.0.1:1", "supabase_service_role_key": "sb_secret_x"}
    bare = {key: value for key, value in pair.items() if key != "datalayer_sqlite_path"}
    async with DataLayer.open(
        GivenSettings(**bare, **supabase, use_legacy_supabase=False, datalayer_timeout_seconds=1)
    ) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
    await refused(led_by(pair, StoreKind.POSTGRES), "sqlite owes 1 change to the store")


async def test_route_that_changes_by_a_restart_waits_for_what_is_owed(pair: dict[str, Any]) -> None:
    """Entries about the table would land over its new primary's rows, so the start is refused; both ways."""
    plain = led_by(pair, StoreKind.SQLITE, datalayer_relay=False)
    routed = led_by(pair, StoreKind.SQLITE, datalayer_relay=False, datalayer_routes={"clients": "postgres"})
    async with DataLayer.open(plain) as layer:
        await layer.upsert_client(CLIENT)
    await refused(routed, "sqlite owes 1 change to the store")
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer:
        await until(lambda: settled(layer))
    async with DataLayer.open(routed) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
        await refused(plain, "postgres for clients|at work with another primary than sqlite")
    await refused(plain, "postgres owes 1 change to the store")


async def test_route_does_not_change_at_run_time_while_entries_of_it_are_left(pair: dict[str, Any]) -> None:
    """There is no fence for a table: the reload is refused, and again while another application has the old route."""
    plain = led_by(pair, StoreKind.SQLITE, datalayer_relay=False)
    routes = {"datalayer_routes": {"clients": "postgres"}}
    async with DataLayer.open(plain) as layer:
        await layer.upsert_client(CLIENT)
        with pytest.raises(ConfigurationError, match="1 outbox entries are not settled"):
            await layer.reload(led_by(pair, StoreKind.SQLITE, **routes))
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE)) as layer:
        await until(lambda: settled(layer))
        async with DataLayer.open(led_by(pair, StoreKind.SQLITE)):
            with pytest.raises(ConfigurationError, match="at work with another primary than sqlite, postgres for clie"):
                await layer.reload(led_by(pair, StoreKind.SQLITE, **routes))
        await layer.reload(led_by(pair, StoreKind.SQLITE, **routes))
        await layer.upsert_client({**CLIENT, "yclients_id": 3})
        async with postgres_of(pair) as store:
            assert len(await rows(store, "clients")) == 3


async def test_store_that_follows_and_refuses_does_not_stop_the_start(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A standby that cannot be written, after a failover: callers are served, and it catches up once it can be."""
    settings = led_by(pair, StoreKind.SQLITE)
    async with postgres_of(pair) as store:
        found = await store.fetch_one("select current_database() as name")
    assert found is not None
    name = found["name"]

    async def only_read(value: str) -> None:
        dsn, options = pair["database_url"], "-c default_transaction_read_only=off"
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True, options=options) as connection:
            await connection.execute(f'alter database "{name}" set default_transaction_read_only = {value}'.encode())
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid()"
            )

    await only_read("on")
    async with DataLayer.open(settings) as layer:
        await layer.upsert_client(CLIENT)
        assert any("who leads is asked later" in message for message in caplog.messages)
        await only_read("off")
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "clients")
        async with postgres_of(pair) as store:
            assert [row["settled"] for row in await store.fetch_all("select settled from datalayer_leads")] == [True]


async def test_reload_that_fails_leaves_the_primaries_of_before_on_record(pair: dict[str, Any]) -> None:
    """Else the next start would be told that the store that leads had followed, and to overwrite it."""
    before = led_by(pair, StoreKind.SQLITE)
    async with postgres_of(pair) as store:
        async with DataLayer.open(before) as layer:
            await layer.upsert_client(CLIENT)
            await until(lambda: settled(layer))
            await fence(store)
            await store.execute("alter function datalayer_unfence() rename to datalayer_unfence_that_is_gone")
            with pytest.raises(StoreError):
                await layer.reload(led_by(pair, StoreKind.SQLITE, datalayer_routes={"clients": StoreKind.POSTGRES}))
            await layer.upsert_client({**CLIENT, "yclients_id": 2})
        record = await store.fetch_one("select leads, settled from datalayer_leads")
        assert record == {"leads": '{"*": "sqlite"}', "settled": True}
    async with DataLayer.open(before) as layer:
        assert await layer.clients.count() == 2


async def test_reload_that_cannot_note_the_new_primary_goes_on_with_the_old_one(pair: dict[str, Any]) -> None:
    """A fenced move as well: both stores are as before, and so is the record."""
    before = led_by(pair, StoreKind.SQLITE)
    async with postgres_of(pair) as store, DataLayer.open(before) as layer:
        await until(lambda: settled(layer))
        await store.execute('alter table datalayer_leads add constraint stays check (leads = \'{"*": "sqlite"}\')')
        with pytest.raises(StoreError):
            await layer.reload(led_by(pair, StoreKind.POSTGRES))
        await layer.upsert_client(CLIENT)
        await store.execute("alter table datalayer_leads drop constraint stays")
        await layer.reload(led_by(pair, StoreKind.POSTGRES))
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
        await until(lambda: settled(layer))
