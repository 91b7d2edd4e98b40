"""Where a table has its primary in the other store, no older row of it is carried over a newer one."""

from __future__ import annotations

import datetime as dt
import json
import logging
from typing import Any
from uuid import uuid4

import pytest
from tests.integration.routing.applications import refused, run
from tests.integration.routing.salons import (
    CLIENT,
    assert_equal,
    carry,
    client_names,
    led_by,
    postgres_of,
    rows,
    settled,
)
from tests.integration.routing.waiting import until

from datalayer import ConfigurationError, DataLayer, DualHealth, Settings, StoreKind
from datalayer.cli.errors import ExitCode
from datalayer.layer.backfilling import backfill_pair, resync_pair
from datalayer.query import Delete, Insert, Update, col, where_equal
from datalayer.stores.sqlite import SqliteStore


def routed(pair: dict[str, Any], **more: Any) -> Settings:
    """Make settings that have clients in PostgreSQL, and all other tables in SQLite."""
    return led_by(pair, StoreKind.SQLITE, datalayer_routes={"clients": StoreKind.POSTGRES}, **more)


async def begun(pair: dict[str, Any]) -> None:
    """Have a client in both stores, led by PostgreSQL."""
    async with DataLayer.open(routed(pair)) as layer:
        await layer.upsert_company({"company_id": 1, "title": "Салон"})
        await layer.upsert_client(CLIENT)
        await until(lambda: settled(layer))


@pytest.mark.parametrize("bring", [backfill_pair, resync_pair])
async def test_rows_are_brought_from_the_store_that_leads_them(pair: dict[str, Any], bring: Any) -> None:
    """What PostgreSQL still owes is newer there, and so is a row that SQLite has not got yet."""
    await begun(pair)
    settings = routed(pair, datalayer_relay=False)
    async with DataLayer.open(settings) as layer:
        await layer.clients.update({"name": "newer"}, yclients_id=1)
        await layer.upsert_client({**CLIENT, "yclients_id": 2, "name": "not there yet"})
    await bring(settings)
    await carry(settings)
    assert await client_names(pair) == ["newer", "not there yet"]
    async with DataLayer.open(settings) as layer:
        assert await settled(layer)
        await assert_equal(settings, layer.mode, "clients", "companies")


async def test_backfill_brings_lost_rows_back_to_the_main_primary(pair: dict[str, Any]) -> None:
    """A routed table is filled the other way, and the report says from where."""
    await begun(pair)
    settings = routed(pair)
    store = await SqliteStore.open(pair["datalayer_sqlite_path"])
    await store.run(
        lambda c: c.executescript(
            "begin; update datalayer_applying set active = 1; delete from clients;"
            " update datalayer_applying set active = 0; commit"
        ).close()
    )
    await store.close()
    done = await backfill_pair(settings)
    found = {filled.table: (filled.source, filled.applied + filled.marked) for filled in done if filled.rows}
    assert found == {"clients": ("postgres", 1), "companies": ("sqlite", 0)}
    async with DataLayer.open(settings) as layer:
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "clients")


@pytest.mark.parametrize("change", [Update("clients", {"name": "by a job"}, where_equal(yclients_id=1)), None])
async def test_row_written_in_the_store_that_follows_is_not_carried(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture, change: Update | None
) -> None:
    """Something else writes or deletes it: the newer row stays, the log says what to do, and that is enough."""
    await begun(pair)
    settings = routed(pair)
    store = await SqliteStore.open(pair["datalayer_sqlite_path"])
    caplog.set_level(logging.ERROR, "datalayer")
    async with DataLayer.open(settings) as layer:
        if change is None:
            await store.delete(Delete("clients", col("yclients_id").eq(1)))
        else:
            await store.update(change)
        await until(lambda: any("clients were written in sqlite, and postgres leads" in m for m in caplog.messages))
        await layer.clients.update({"name": "newer"}, yclients_id=1)
        await until(lambda: arrived(store))
        assert await client_names(pair) == ["newer"]
        assert not await settled(layer)
        _, said = await run(settings, "outbox", "list", "--json")
        assert '"state": "set aside"' in said
        code, said = await run(settings, "outbox", "status", "--max-lag", "0", "--json")
        (shown,) = json.loads(said)["tables"]
        health = await layer.health_check()
        assert isinstance(health, DualHealth)
        assert (code, shown["waiting"], shown["lag_seconds"], health.lag_seconds) == (1, 0, 0.0, 0.0)
        assert shown["set_aside"] == health.entries
    caplog.clear()
    async with DataLayer.open(routed(pair, datalayer_relay=False)):
        assert any("of tables that the other store leads, and that nothing carries" in m for m in caplog.messages)
    await resync_pair(settings)
    async with DataLayer.open(settings) as layer:
        await until(lambda: settled(layer))
        await assert_equal(settings, layer.mode, "clients")
    await store.close()


async def test_entries_of_both_stores_are_told_apart(pair: dict[str, Any]) -> None:
    """Each counts its own versions: a number that both have is refused until it is said whose entry is meant."""
    settings = routed(pair, datalayer_relay=False)
    async with DataLayer.open(settings):
        store = await SqliteStore.open(pair["datalayer_sqlite_path"])
        async with postgres_of(pair) as other:
            for owes, version, hours in ((other, 7, 1), (store, 7, 2), (other, 8, 0)):
                made = {"created_at": dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours), "version": version}
                row = {"id": uuid4(), "aggregatetype": "clients", "aggregateid": "[1]", "type": "upsert", **made}
                await owes.insert(Insert("datalayer_outbox", [row], returning=False))
            listed = json.loads((await run(settings, "outbox", "list", "--json"))[1])["entries"]
            found = [(one["store"], one["version"]) for one in listed]
            assert found == [("sqlite", 7), ("postgres", 7), ("postgres", 8)]
            assert "primary version table" in (await run(settings, "outbox", "list", "--limit", "1"))[1]
            for command in (["discard", "--yes"], ["retry"]):
                code, said = await run(settings, "outbox", *command, "--version", "7")
                assert code == ExitCode.USAGE
                assert "7 names an entry of postgres and one of sqlite: say which with --primary" in said
            one = ["--version", "7", "--version", "8", "--primary", "postgres", "--json"]
            assert await run(settings, "outbox", "discard", "--yes", *one) == (0, '{ "discarded": 2 }')
            assert [row["version"] for row in await rows(store, "datalayer_outbox")] == [7]
            assert await rows(other, "datalayer_outbox") == []
        await store.close()


async def arrived(store: SqliteStore) -> bool:
    """Whether the only client has its new name."""
    return [row["name"] for row in await rows(store, "clients")] == ["newer"]


async def test_whole_table_of_the_store_that_follows_is_not_carried(
    pair: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A sweep that is owed there, as after a TRUNCATE, is set aside like any entry."""
    await begun(pair)
    settings = routed(pair)
    async with DataLayer.open(settings):
        store = await SqliteStore.open(pair["datalayer_sqlite_path"])
        await store.run(
            lambda c: c.execute(
                "insert into datalayer_outbox (id, aggregatetype, aggregateid, type)"
                " values ('b5c1cf2c-73a4-4c47-8a3b-5d0a3f1d8e11', 'clients', '*', 'sweep')"
            ).close()
        )
        await store.close()
        await until(lambda: any("clients were written in sqlite, and postgres leads" in m for m in caplog.messages))


async def test_start_that_is_refused_begins_after_a_resync(pair: dict[str, Any]) -> None:
    """What the message says is enough: the rows of the new primary win."""
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE, datalayer_relay=False)) as layer:
        await layer.upsert_client(CLIENT)
    await refused(routed(pair), "sqlite owes 1 change to the store .* run `datalayer backfill --resync`")
    await resync_pair(routed(pair))
    async with DataLayer.open(routed(pair)) as layer:
        await until(lambda: settled(layer))
        assert await layer.clients.count() == 0


@pytest.mark.parametrize("tables", [None, ["clients"]])
async def test_resync_is_refused_while_an_application_has_other_routes(
    pair: dict[str, Any], tables: list[str] | None
) -> None:
    """It would drop what that application owes."""
    async with DataLayer.open(led_by(pair, StoreKind.SQLITE, datalayer_relay=False)) as layer:
        await layer.upsert_client(CLIENT)
        with pytest.raises(ConfigurationError, match="at work with another primary than sqlite, postgres for clients"):
            await resync_pair(routed(pair), tables=tables)
    assert (await run(led_by(pair, StoreKind.SQLITE), "relay", "--once"))[0] == 0
    assert await client_names(pair) == ["Анна"]
