"""How long a company's writes wait for a move that does not come about."""

from __future__ import annotations

from uuid import uuid4

import pytest

from datalayer.layer.cohorts import Cohorts, Wanted
from datalayer.outbox.capture.postgres import install
from datalayer.stores.postgres import PostgresStore


async def test_hold_counts_the_wait_for_writes_that_are_under_way(
    datalayer_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up at the first look that ends too late, though it was read in time."""
    monkeypatch.setattr("datalayer.routing.assignments._QUIET", 0.5)
    store = await PostgresStore.open(datalayer_database, max_size=2)
    try:
        await install(store, ())
        cohorts = Cohorts(store, (store, store), (), Wanted(frozenset()), process=uuid4(), doubt_seconds=0)
        await cohorts.start()
        async with cohorts.assignments.writing(frozenset({"7"}), store="postgres", table="clients"):
            await store.execute(
                "insert into datalayer_cohorts (company, store, wanted, moving, version, since)"
                " values ('7', 'postgres', 'supabase', true, 1, clock_timestamp() - interval '4.8 s')"
            )
            assert await cohorts._move(await cohorts.look())
        (placement,) = await cohorts.look()
        assert (placement.store, placement.moving) == ("postgres", False)
    finally:
        await store.close()
