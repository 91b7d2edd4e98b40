"""Where companies are, as PostgreSQL knows it."""

from __future__ import annotations

from functools import partial
from uuid import uuid4

from tests.integration.layer.places import PostgresPlace
from tests.integration.routing.salons import install, postgres_of
from tests.integration.routing.waiting import until

from datalayer import (
    open_store,
)
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.stores.postgres import PostgresStore


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
