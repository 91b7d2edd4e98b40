"""Agreement on the primary: a start that would have late entries land on newer rows is refused, and says what to do."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
import pytest
from tests.integration.routing.applications import AWAY, refused, run
from tests.integration.routing.salons import CLIENT, assert_equal, led_by, postgres_of, put_client, rows, settled
from tests.integration.routing.waiting import until

from datalayer import (
    DataLayer,
    GivenSettings,
    StoreKind,
    WritesHeldError,
)
from datalayer.cli.errors import ExitCode
from datalayer.query import Update, where_equal
from datalayer.stores.sqlite import SqliteStore


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
    await put_client(led_by(pair, StoreKind.SQLITE))
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
    await put_client(led_by(pair, StoreKind.SQLITE))
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
    await put_client(before)
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
    await put_client(settings)
    async with postgres_of(pair) as store:
        await store.execute("update clients set name = 'back door'")
    async with DataLayer.open(settings) as layer:
        await layer.upsert_client({**CLIENT, "yclients_id": 2})
        await until(lambda: settled(layer))
        assert {row.name for row in await layer.clients.list()} == {"Анна"}
    assert any("postgres owes 1 change of tables that the other store leads" in message for message in caplog.messages)


@pytest.mark.parametrize("command", [["backfill"], ["relay", "--once"]])
async def test_commands_with_the_other_primary_leave_what_the_old_one_owes(
    pair: dict[str, Any], command: list[str]
) -> None:
    """They are refused as a start is: nothing that a caller was told of is overwritten by an older row."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    await put_client(before)
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
    await put_client(before)
    async with postgres_of(pair) as store:
        await store.execute("update clients set name = 'back door'")
    code, said = await run(after, "relay", "--once")
    assert (code, "postgres owes 1 change made while it followed" in said) == (ExitCode.CONFIGURATION, True)
    async with DataLayer.open(before) as layer:
        assert [row.name for row in await layer.clients.list()] == ["Анна"]


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
