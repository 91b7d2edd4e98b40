"""The primaries on record, as routes and reloads change them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.routing.applications import refused, run
from tests.integration.routing.salons import CLIENT, led_by, postgres_of, put_client, rows, settled
from tests.integration.routing.waiting import until

from datalayer import (
    ConfigurationError,
    DataLayer,
    StoreError,
    StoreKind,
)
from datalayer.layer.pairs import open_links
from datalayer.outbox.backfill import backfill
from datalayer.outbox.capture.fences import fence


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


async def test_backfill_ends_where_another_primary_has_begun_meanwhile(pair: dict[str, Any]) -> None:
    """Between two tables it owes nothing that would have stopped that; a row that is gone by now does not come back."""
    before, after = led_by(pair, StoreKind.SQLITE), led_by(pair, StoreKind.POSTGRES)
    await put_client(before)
    async with postgres_of(pair) as store:
        await store.execute("delete from datalayer_ledger")
    async with open_links(before) as (link,):
        await backfill(link.reconciler, link.outbox, tables=["companies"])
        async with DataLayer.open(led_by(pair, StoreKind.POSTGRES, datalayer_relay=False)) as layer:
            await layer.clients.delete(every_row=True)
        with pytest.raises(ConfigurationError, match="the primary is postgres by now"):
            await backfill(link.reconciler, link.outbox, tables=["clients"])
    async with postgres_of(pair) as store:
        assert await rows(store, "clients") == []
    assert (await run(after, "backfill", "--resync"))[0] == 0
    async with DataLayer.open(after) as layer:
        await until(lambda: settled(layer))


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
