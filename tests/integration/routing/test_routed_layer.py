"""A layer whose tables have their primaries in two stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.layer.places import PostgresPlace, SupabasePlace

from datalayer import ConfigurationError, DataLayer, GivenSettings, UnsupportedOperationError
from datalayer.flags import StoreKind
from datalayer.query import Count
from datalayer.servers.postgrest import PostgrestServer

BOOKINGS = {"bookings": StoreKind.SQLITE, "reminders": StoreKind.SQLITE}


@pytest.fixture
async def layer(postgres: PostgresPlace, tmp_path: Path) -> AsyncIterator[DataLayer]:
    """Lend a layer over PostgreSQL whose bookings are in SQLite."""
    settings = postgres.settings(datalayer_sqlite_path=tmp_path / "salon.sqlite3", datalayer_routes=BOOKINGS)
    async with DataLayer.open(settings) as opened:
        yield opened


async def test_layer_asks_each_table_where_its_primary_is(layer: DataLayer, postgres: PostgresPlace) -> None:
    """Clients go to PostgreSQL and bookings to SQLite, through the same repositories."""
    await layer.upsert_client({"yclients_id": 1, "company_id": 1, "phone": "+79990000001"})
    await layer.bookings.upsert({"yclients_record_id": 5, "company_id": 1, "datetime": "2026-03-02T10:00:00"})
    assert await layer.clients.count() == await layer.bookings.count() == 1
    async with DataLayer.open(postgres.settings()) as alone:
        assert await alone.clients.count() == 1
        assert await alone.bookings.count() == 0


async def test_transaction_stays_in_the_store_of_its_first_table(layer: DataLayer) -> None:
    """A table of another store inside is refused and named; what was written before is undone with the block."""

    async def ask_both() -> None:
        async with layer.transaction() as tx:
            await tx.upsert_client({"yclients_id": 1, "company_id": 1, "phone": "+79990000001"})
            await tx.bookings.count()

    with pytest.raises(UnsupportedOperationError, match="asks for bookings, whose primary is in sqlite"):
        await ask_both()
    assert await layer.clients.count() == 0
    async with layer.transaction() as tx:
        await tx.bookings.upsert({"yclients_record_id": 5, "company_id": 1, "datetime": "2026-03-02T10:00:00"})
        async with tx.transaction() as inner:
            with pytest.raises(UnsupportedOperationError, match="asks for clients, whose primary is in postgres"):
                await inner.clients.count()
    assert await layer.bookings.count() == 1


async def test_layer_refuses_a_route_that_splits_joined_tables(postgres: PostgresPlace, tmp_path: Path) -> None:
    """Reminders refer to bookings: the message names the table to add."""
    settings = postgres.settings(
        datalayer_sqlite_path=tmp_path / "salon.sqlite3", datalayer_routes={"bookings": StoreKind.SQLITE}
    )
    with pytest.raises(ConfigurationError, match="DATALAYER_ROUTE_REMINDERS=sqlite"):
        async with DataLayer.open(settings):
            pass


async def test_sync_reaches_a_store_without_transactions(
    postgres: PostgresPlace, datalayer_postgrest: PostgrestServer
) -> None:
    """Rows of any number are written where the table is, in one transaction only where that store has them."""
    supabase = await SupabasePlace.prepare(datalayer_postgrest)
    await supabase.empty()
    settings = supabase.settings(
        database_url=postgres.dsn, datalayer_routes={"clients": StoreKind.POSTGRES}, use_legacy_supabase=True
    )
    assert isinstance(settings, GivenSettings)
    async with DataLayer.open(settings) as layer:
        for repository in (layer.clients, layer.services):
            rows = [{"yclients_id": n, "company_id": 1, "phone": "+79990000001", "title": "x"} for n in range(1, 8)]
            wanted = set(repository.model.model_fields) & {"yclients_id", "company_id", "phone", "title"}
            shaped = [{name: row[name] for name in wanted} for row in rows]
            report = await repository.sync_many(shaped, batch_rows=3)
            assert (report.rows, report.batches) == (7, 3)
        assert (await layer.clients.count(), await layer.services.count()) == (7, 7)
        assert await layer.store.count(Count("clients")) == 7
    async with DataLayer.open(supabase.settings()) as alone:
        assert (await alone.clients.count(), await alone.services.count()) == (0, 7)
