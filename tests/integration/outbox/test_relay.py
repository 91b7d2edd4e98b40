"""The relay over real stores: what is owed arrives, once, in an order that the secondary takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.integration.outbox.pairs import Pair, postgres_pair, put_owners, swap

from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.assembly import reconciler_between
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.contract import Applier
from datalayer.outbox.entries import Change
from datalayer.outbox.waiting import Selection, waiting
from datalayer.query import Delete, Insert, Select, Update, Upsert, col
from datalayer.stores.postgres import PostgresStore
from datalayer.telemetry import RelayEvent
from datalayer.testing.servers import FoundServer


async def test_writes_of_every_kind_arrive(pair: Pair) -> None:
    """Inserts, updates, deletes, composite keys, documents and a foreign key end equal on both sides."""
    await put_owners(pair.primary, range(1, 8))
    pets = [{"id": uuid4(), "owner_id": number, "name": f"n{number}"} for number in range(1, 6)]
    await pair.primary.insert(Insert("pets", pets, returning=False))
    keys = [{"kind": "a'b\"", "number": number, "value": {"n": number}} for number in range(3)]
    await pair.primary.insert(Insert("keys", keys, returning=False))
    await pair.primary.update(Update("owners", {"note": "x"}, col("id").lt(4)))
    await pair.primary.delete(Delete("keys", col("number").eq(1)))
    event = await pair.relay(batch=4).drain()
    assert (event.entries, event.failed, event.error) == (0, 0, None)
    assert event.settled == 7 + 5 + 3 + 3 + 1
    await pair.assert_equal()
    assert len((await pair.rows("keys"))[1]) == 2


async def test_a_key_written_many_times_is_applied_once(pair: Pair) -> None:
    """Entries of one key collapse: the ledger advances once."""
    await put_owners(pair.primary, [1])
    for note in "abc":
        await pair.primary.update(Update("owners", {"note": note}, col("id").eq(1)))
    event = await pair.relay().drain()
    assert (event.settled, event.applied) == (4, 1)


async def test_unique_values_that_move_along_a_chain_arrive(pair: Pair) -> None:
    """A value given up by one row and taken by another arrives, whatever order the keys come in."""
    await put_owners(pair.primary, [1, 2, 3])
    await pair.settle()
    for number, phone in ((3, "free"), (2, "+3"), (1, "+2")):
        await pair.primary.update(Update("owners", {"phone": phone}, col("id").eq(number)))
    # Newest first, and one at a time.
    await pair.outbox.put_off(range(1, 10**6), retry_seconds=3600)
    for entry in reversed(await pair.outbox.entries()):
        await pair.outbox.retry(Selection(versions=(entry.version,)))
        await pair.relay(batch=1).drain()
    await pair.assert_equal()
    assert (await waiting(pair.primary, "datalayer_outbox", pair.outbox.clock)).entries == 0


@pytest.mark.parametrize(("column", "values", "spare"), [("phone", ("+1", "+2"), "x"), ("rank", (1, 2), 99)])
async def test_unique_values_that_were_swapped_arrive(
    pair: Pair, column: str, values: tuple[object, object], spare: object
) -> None:
    """Two rows that exchanged a unique value, NULL allowed or not, arrive exchanged, and nothing is left owed."""
    await swap(pair, column, values, spare)


async def test_a_parent_that_is_missing_comes_along(pair: Pair) -> None:
    """A child whose parent the secondary lacks brings it, though the parent's own entry is put off."""
    await put_owners(pair.primary, [1])
    await pair.outbox.put_off(range(1, 100), retry_seconds=3600)
    await pair.primary.insert(Insert("pets", [{"id": uuid4(), "owner_id": 1, "name": "cat"}]))
    event = await pair.relay().drain()
    assert (event.settled, event.failed, event.entries) == (1, 0, 1)
    await pair.assert_equal()


async def test_children_that_are_gone_go_before_their_parent(pair: Pair) -> None:
    """A deleted parent takes along its children, which were deleted before it and whose entries are put off."""
    await put_owners(pair.primary, [1])
    await pair.primary.insert(Insert("pets", [{"id": uuid4(), "owner_id": 1, "name": "cat"}]))
    await pair.settle()
    await pair.primary.delete(Delete("pets", every_row=True))
    await pair.outbox.put_off(range(1, 100), retry_seconds=3600)
    await pair.primary.delete(Delete("owners", every_row=True))
    event = await pair.relay().drain()
    assert (event.settled, event.failed) == (1, 0)
    await pair.assert_equal()


async def test_many_relays_share_an_outbox(pair: Pair) -> None:
    """Four relays at once, with writers beside them, settle everything and stop when told to."""
    relays = [pair.relay(batch=20) for _ in range(4)]
    running = [asyncio.create_task(relay.run()) for relay in relays]

    async def write(first: int) -> None:
        for number in range(first, first + 60, 5):
            await put_owners(pair.primary, range(number, number + 5))
            await pair.primary.upsert(Upsert("owners", [{"id": number, "rank": number, "note": "again"}], ("id",)))
            await pair.primary.delete(Delete("owners", col("id").eq(number + 1)))

    await asyncio.gather(*(write(first * 1000) for first in range(5)))
    for relay in relays:
        relay.stop()
    await asyncio.gather(*running)
    await pair.settle()
    await pair.assert_equal()


async def test_a_stopped_relay_gives_its_claims_back(pair: Pair) -> None:
    """What was claimed and not applied when a relay is stopped is free for the next one at once."""
    await put_owners(pair.primary, range(100))

    class Stops:
        def relayed(self, event: RelayEvent) -> None:
            if event.settled:
                relay.stop()

    pair.observers.append(Stops())
    relay = pair.relay(batch=10, report_seconds=0.0)
    await relay.run()
    assert 0 < len(await pair.secondary.select(Select("owners"))) < 100
    rows = await pair.primary.select(Select("datalayer_outbox", col("claimed_by").is_not_null()))
    assert rows == []


async def test_claims_of_a_dead_relay_run_out(pair: Pair) -> None:
    """Entries that a relay had claimed when it was killed are taken by another one after the lease."""
    await put_owners(pair.primary, range(5))
    assert len((await pair.outbox.claim(10, lease_seconds=0.01)).entries) == 5
    assert (await pair.outbox.claim(10)).entries == ()
    await asyncio.sleep(0.02)
    await pair.settle()
    await pair.assert_equal()


async def test_observers_hear_of_the_lag(pair: Pair) -> None:
    """Reports tell what waits and for how long."""

    class Heard:
        def __init__(self) -> None:
            self.events: list[RelayEvent] = []

        def relayed(self, event: RelayEvent) -> None:
            self.events.append(event)

    heard = Heard()
    pair.observers.append(heard)
    await put_owners(pair.primary, range(5))
    await pair.relay(batch=2).drain()
    assert heard.events[0].entries == 5
    lag = heard.events[0].lag_seconds
    assert lag is not None
    assert 0 < lag < 60
    assert sum(event.settled for event in heard.events) == 5
    assert (heard.events[-1].entries, heard.events[-1].lag_seconds) == (0, 0.0)


async def test_a_key_that_is_not_a_number_arrives(pair: Pair) -> None:
    """NaN, which equals nothing in Python, is found again: its row is not taken for absent."""
    assert isinstance(pair.primary, PostgresStore)
    assert isinstance(pair.secondary, PostgresStore)
    for store in (pair.primary, pair.secondary):
        await store.execute("create table odd (id numeric primary key, word text)")
    await capture.install(pair.primary, ["odd"])
    for word in ("old", "new"):
        row = {"id": Decimal("NaN"), "word": word}
        await pair.primary.upsert(Upsert("odd", [row], ("id",), returning=False))
        await pair.settle()
        assert [r["word"] for r in await pair.secondary.select(Select("odd"))] == [word]


async def test_a_column_that_comes_while_a_relay_is_at_work_is_carried(datalayer_postgres: FoundServer) -> None:
    """Somebody else adds and writes it; whatever the relay has read of the schema before, its value arrives."""
    with datalayer_postgres.fresh_database() as one, datalayer_postgres.fresh_database() as other:
        async with postgres_pair(one, other) as pair:
            assert isinstance(pair.secondary, PostgresStore)
            await put_owners(pair.primary, [1, 2])
            await pair.settle()
            for dsn in (other, one):
                with psycopg.connect(dsn, autocommit=True) as door:
                    door.execute("alter table owners add column extra text")
                    if dsn == one:
                        door.execute("update owners set extra = 'x' where id = 1")
            await pair.settle()
            assert await pair.secondary.fetch_all("select id, extra from owners order by id") == [
                {"id": 1, "extra": "x"},
                {"id": 2, "extra": None},
            ]


async def test_a_resync_compares_columns_that_came_meanwhile(datalayer_postgres: FoundServer) -> None:
    """A sweep reads both schemas anew."""
    with datalayer_postgres.fresh_database() as one, datalayer_postgres.fresh_database() as other:
        async with postgres_pair(one, other) as pair:
            assert isinstance(pair.secondary, PostgresStore)
            await put_owners(pair.primary, [1])
            await pair.settle()
            for dsn in (other, one):
                with psycopg.connect(dsn, autocommit=True) as door:
                    door.execute("alter table owners add column extra text")
            with psycopg.connect(other, autocommit=True) as door:
                door.execute("update owners set extra = 'wrong'")
            await pair.outbox.mark("owners")
            await pair.settle()
            assert await pair.secondary.fetch_all("select extra from owners") == [{"extra": None}]


class Gate:
    """An applier that waits until it is opened, between a reading and its landing."""

    def __init__(self, applier: Applier) -> None:
        self._applier = applier
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Wait, then apply."""
        self.reached.set()
        await self.opened.wait()
        return await self._applier.apply(origin, changes, timeout=timeout)


@pytest.mark.parametrize("with_versions", [True, False])
@pytest.mark.parametrize("first", [0, 1])
async def test_two_consumers_of_one_key_leave_the_newest_row(pair: Pair, first: int, *, with_versions: bool) -> None:
    """Whichever of two readings lands first, the row read last is there in the end, by versions or by reading again."""
    gates = [Gate(server_applier(pair.secondary)) for _ in range(2)]
    consumers = []
    await put_owners(pair.primary, [1])
    for gate, note in zip(gates, ("old", "new"), strict=True):
        await pair.primary.update(Update("owners", {"note": note}, col("id").eq(1)))
        version = (await pair.outbox.entries())[-1].version
        reconciler = await reconciler_between(pair.primary, pair.secondary, gate, pair.outbox)
        versions = [version] if with_versions else None
        consumers.append(asyncio.create_task(reconciler.reconcile_keys("owners", [(1,)], versions=versions)))
        await gate.reached.wait()
    for place in (first, 1 - first):
        gates[place].opened.set()
        assert (await consumers[place]).done == {("owners", (1,))}
    await pair.assert_equal()
