"""Transactions of a layer: the same repositories and calls, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.layer.conftest import DrivenClock, Places
from tests.integration.layer.salon import COMPANY, client, service

from datalayer import DataLayer, Scope, TransactionConflictError, UnsupportedOperationError


@pytest.fixture(params=["sqlite", "postgres"])
async def layer(
    request: pytest.FixtureRequest, places: Places, tmp_path: Path, clock: DrivenClock
) -> AsyncIterator[DataLayer]:
    """Lend a layer over each store that has transactions."""
    place = await places.get(request.param, tmp_path)
    await place.empty()
    async with DataLayer.open(place.settings(), clock=clock) as opened:
        yield opened


async def write_and_fail(scope: Scope, yclients_id: int) -> None:
    """Write a client in a transaction that an error leaves."""
    async with scope.transaction() as tx:
        await tx.upsert_client(client(yclients_id))
        raise LookupError


async def test_transaction_commits_what_its_calls_wrote(layer: DataLayer) -> None:
    """Calls and repositories inside belong to the transaction."""
    async with layer.transaction() as tx:
        await tx.upsert_client(client(1))
        await tx.services.upsert(service(1))
        assert await tx.get_client_by_phone("+79990000001") is not None
    assert await layer.clients.count() == 1
    assert len(await layer.get_services(COMPANY)) == 1


async def test_transaction_rolls_back_when_an_error_leaves_it(layer: DataLayer) -> None:
    """Nothing of a failed transaction stays."""
    with pytest.raises(LookupError):
        await write_and_fail(layer, 1)
    assert await layer.clients.count() == 0


async def test_nested_transaction_rolls_back_alone(layer: DataLayer) -> None:
    """A savepoint takes back its own part only."""
    async with layer.transaction() as tx:
        await tx.upsert_client(client(1))
        with pytest.raises(LookupError):
            await write_and_fail(tx, 2)
        await tx.upsert_client(client(3))
    assert [row.yclients_id for row in await layer.clients.list()] == [1, 3]


async def test_transaction_works_by_the_layers_clock(layer: DataLayer, clock: DrivenClock) -> None:
    """What the layer was given holds inside as well."""
    clock.move(days=3)
    async with layer.transaction() as tx:
        stored = await tx.upsert_client(client(1))
    assert stored.updated_at == clock.naive


async def test_run_transaction_returns_what_the_work_returns(layer: DataLayer) -> None:
    """The callable form hands the transaction in and the answer out."""

    async def work(tx: Scope) -> int:
        await tx.upsert_client(client(1))
        return await tx.clients.count()

    assert await layer.run_transaction(work) == 1


async def test_run_transaction_begins_anew_after_a_conflict(places: Places, tmp_path: Path) -> None:
    """Two that read before they write both end up counted, since the loser runs again."""
    place = await places.get("postgres", tmp_path)
    await place.empty()
    both_have_read = asyncio.Barrier(2)
    attempts: list[int] = []

    async with DataLayer.open(place.settings()) as layer:
        await layer.upsert_client(client(1, visit_count=0))

        async def work(tx: Scope) -> None:
            attempts.append(1)
            stored = await tx.get_client_by_id(1, COMPANY)
            assert stored is not None
            assert stored.visit_count is not None
            if len(attempts) <= 2:
                await both_have_read.wait()
            await tx.clients.update({"visit_count": stored.visit_count + 1}, yclients_id=1, company_id=COMPANY)

        await asyncio.gather(layer.run_transaction(work), layer.run_transaction(work))
        final = await layer.get_client_by_id(1, COMPANY)
    assert final is not None
    assert (final.visit_count, len(attempts)) == (2, 3)


async def test_run_transaction_gives_up_after_its_attempts(places: Places, tmp_path: Path) -> None:
    """The last conflict is raised."""
    place = await places.get("postgres", tmp_path)
    await place.empty()
    async with DataLayer.open(place.settings()) as layer:
        await layer.upsert_client(client(1, visit_count=0))

        async def work(tx: Scope) -> None:
            await tx.get_client_by_id(1, COMPANY)
            await layer.clients.update({"visit_count": 5}, yclients_id=1, company_id=COMPANY)
            await tx.clients.update({"visit_count": 6}, yclients_id=1, company_id=COMPANY)

        with pytest.raises(TransactionConflictError):
            await layer.run_transaction(work, attempts=1)


async def test_raw_sql_sees_the_transaction(places: Places, tmp_path: Path) -> None:
    """Raw SQL on PostgreSQL runs where the calls run."""
    place = await places.get("postgres", tmp_path)
    await place.empty()
    async with DataLayer.open(place.settings()) as layer, layer.transaction() as tx:
        await tx.upsert_client(client(1))
        inside = await tx.sql.fetch_one("select count(*) as n from clients where company_id = %s", [COMPANY])
        outside = await layer.sql.fetch_one("select count(*) as n from clients")
    assert (inside, outside) == ({"n": 1}, {"n": 0})


async def test_raw_sql_is_refused_where_there_is_no_postgresql(places: Places, tmp_path: Path) -> None:
    """The error says what to use instead."""
    place = await places.get("sqlite", tmp_path)
    async with DataLayer.open(place.settings()) as layer:
        with pytest.raises(UnsupportedOperationError, match="repository"):
            _ = layer.sql


async def test_transaction_is_refused_over_supabase(places: Places, tmp_path: Path) -> None:
    """PostgREST has none; the error says what to use instead."""
    place = await places.get("supabase", tmp_path)
    async with DataLayer.open(place.settings()) as layer:
        with pytest.raises(UnsupportedOperationError, match="supabase does not support"):
            async with layer.transaction():
                pass
