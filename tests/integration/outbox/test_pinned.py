"""The relay to a Supabase without the script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest
from tests.integration.outbox.conftest import emptied
from tests.integration.outbox.pairs import DDL, TABLES, Pair, put_owners, swap

from datalayer.errors import UnavailableError
from datalayer.outbox.applying.pinned import PinnedApplier
from datalayer.outbox.assembly import reconciler_between
from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.entries import Change
from datalayer.outbox.outcome import Owed
from datalayer.outbox.pinning import Pins
from datalayer.outbox.queue import Outbox
from datalayer.query import Delete, Update, col
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.supabase import SupabaseStore


@pytest.fixture
async def pair(datalayer_database: str, outbox_postgrest: PostgrestServer) -> AsyncIterator[Pair]:
    """Lend a pair on empty tables."""
    emptied(outbox_postgrest)
    for dsn in (datalayer_database, outbox_postgrest.dsn):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(DDL.encode())
    await asyncio.to_thread(outbox_postgrest.reload_schema)
    primary = await PostgresStore.open(datalayer_database, max_size=4)
    secondary = await SupabaseStore.open(outbox_postgrest.url, outbox_postgrest.service_key)
    try:
        await capture.install(primary, TABLES)
        outbox = Outbox(primary)
        applier = PinnedApplier(primary, secondary, Pins(primary, lifetime_seconds=3600))
        reconciler = await reconciler_between(
            primary, secondary, applier, outbox, ledger=primary, breaker=DeleteBreaker()
        )
        yield Pair(primary, secondary, outbox, reconciler)
    finally:
        await secondary.close()
        await primary.close()


@pytest.mark.parametrize(("column", "values", "spare"), [("phone", ("+1", "+2"), "x"), ("rank", (1, 2), 99)])
async def test_unique_values_that_were_swapped_arrive(
    pair: Pair, column: str, values: tuple[object, object], spare: object
) -> None:
    """Two rows that exchanged a unique value, NULL allowed or not, arrive exchanged, and nothing is left owed."""
    await swap(pair, column, values, spare)


async def test_a_key_that_waits_for_a_pinned_one_does_not_hold_up_the_others(pair: Pair) -> None:
    """A row whose unique value a pinned row still has waits for it; rows behind it arrive."""
    await put_owners(pair.primary, [1])
    await pair.settle()
    assert isinstance(pair.primary, PostgresStore)
    await Pins(pair.primary, lifetime_seconds=3600).take(uuid4(), [("owners", "[1]")])
    await pair.primary.update(Update("owners", {"phone": None}, col("id").eq(1)))
    await pair.outbox.put_off(range(1, 10**6), retry_seconds=3600)
    await put_owners(pair.primary, [2], phone="+1")
    await put_owners(pair.primary, [3])
    event = await pair.relay().drain()
    assert (event.settled, event.entries, event.error) == (1, 2, None)
    assert [row["id"] for row in (await pair.rows("owners"))[1]] == [1, 3]


async def test_deletes_that_wait_for_a_pin_are_counted_once(pair: Pair) -> None:
    """A key is tried again and again while a killed relay's pin lasts, and stays one delete for the breaker."""
    assert isinstance(pair.primary, PostgresStore)
    pair.reconciler.breaker = DeleteBreaker(limit=5)
    await put_owners(pair.primary, [1, 2, 3])
    await pair.settle()
    pins, killed = Pins(pair.primary, lifetime_seconds=3600), uuid4()
    await pins.take(killed, [("owners", f"[{number}]") for number in (1, 2, 3)])
    await pair.primary.delete(Delete("owners", col("id").lte(3)))
    owed = [Owed("owners", entry.key, entry.version) for entry in await pair.outbox.entries() if entry.key]
    for _ in range(4):
        outcome = await pair.reconciler.reconcile(owed)
        assert outcome.waiting == {("owners", (number,)) for number in (1, 2, 3)}
        assert not outcome.held
    await pins.release(killed)
    await pair.settle()
    await pair.assert_equal()


async def test_nothing_is_sent_once_the_budget_of_the_pins_is_spent(pair: Pair) -> None:
    """A batch that was stopped for too long sends nothing more, and lets its pins go: nothing of it is in flight."""
    assert isinstance(pair.primary, PostgresStore)
    await put_owners(pair.primary, [1])
    times = iter([0.0, 30.0])
    pins = Pins(pair.primary, lifetime_seconds=180, budget_seconds=30)
    applier = PinnedApplier(pair.primary, pair.secondary, pins, clock=times.__next__)
    with pytest.raises(UnavailableError, match="too long"):
        await applier.apply(pair.reconciler.origin, [Change("owners", (1,), 1, None)])
    assert (await pair.rows("owners"))[1] == []
    assert await pair.primary.fetch_one("select count(*) as n from datalayer_pins") == {"n": 0}


async def test_pins_outlive_the_last_request_sent_under_them(pair: Pair) -> None:
    """A pin lasts for the budget in which requests are sent, and then for as long as the last one may live."""
    assert isinstance(pair.primary, PostgresStore)
    await Pins(pair.primary, lifetime_seconds=180, budget_seconds=40).take(uuid4(), [("owners", "[1]")])
    left = await pair.primary.fetch_one(
        "select extract(epoch from expires_at - clock_timestamp())::float as seconds from datalayer_pins"
    )
    assert left is not None
    assert 200 < left["seconds"] <= 220


async def test_a_row_that_never_arrives_in_time_does_not_hold_up_the_others(
    pair: Pair, outbox_postgrest: PostgrestServer
) -> None:
    """An answer that one row alone never gets counts a try of it while the secondary is well; the next rows arrive."""
    assert isinstance(pair.primary, PostgresStore)
    with psycopg.connect(outbox_postgrest.dsn, autocommit=True) as door:
        door.execute("""
            create function dawdle() returns trigger language plpgsql as
            $$ begin perform pg_sleep(1); return new; end $$;
            create trigger dawdle before insert on owners for each row when (new.id = 1) execute function dawdle();
        """)
    applier = PinnedApplier(pair.primary, pair.secondary, Pins(pair.primary, lifetime_seconds=3600))
    pair.reconciler = await reconciler_between(
        pair.primary, pair.secondary, applier, pair.outbox, ledger=pair.primary, timeout=0.3
    )
    await put_owners(pair.primary, [1])
    await put_owners(pair.primary, [2])
    event = await pair.relay(batch=1).drain()
    assert (event.settled, event.failed) == (1, 1)
    assert [(entry.key, entry.tries) for entry in await pair.outbox.entries()] == [((1,), 1)]
    await asyncio.sleep(1)
