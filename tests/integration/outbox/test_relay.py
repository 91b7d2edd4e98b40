"""The relay between two PostgreSQL databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.integration.outbox.pairs import QUICK, Pair, postgres_pair, put_owners, swap

from datalayer.errors import ConfigurationError
from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.assembly import reconciler_between, relay_over
from datalayer.outbox.batches import collect
from datalayer.outbox.capture import postgres as capture
from datalayer.outbox.contract import Applier
from datalayer.outbox.entries import Change
from datalayer.outbox.sequence import check_sequence
from datalayer.outbox.waiting import Selection, waiting
from datalayer.query import Delete, Insert, Select, Update, Upsert, col
from datalayer.stores.postgres import PostgresStore
from datalayer.telemetry import RelayEvent
from datalayer.testing.servers import FoundServer


@pytest.fixture
async def pair(datalayer_postgres: FoundServer) -> AsyncIterator[Pair]:
    """Lend a pair on empty tables."""
    with datalayer_postgres.fresh_database() as one, datalayer_postgres.fresh_database() as other:
        async with postgres_pair(one, other) as opened:
            yield opened


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


async def test_one_bad_row_becomes_a_dead_letter_and_the_others_arrive(pair: Pair) -> None:
    """A row that the secondary refuses is isolated, tried so often, and given up; a retry takes it up again."""
    await _constrain(pair, "alter table owners add constraint no_bad check (note <> 'bad')")
    await put_owners(pair.primary, range(1, 40))
    await pair.primary.update(Update("owners", {"note": "bad"}, col("id").eq(7)))
    await pair.settle(tries=3)
    there = await pair.secondary.select(Select("owners"))
    assert len(there) == 38
    dead = await pair.outbox.entries(Selection(dead=True))
    assert {(entry.table, entry.key, entry.tries, entry.error) for entry in dead} == {
        ("owners", (7,), 3, "CheckViolationError: no_bad")
    }
    await _constrain(pair, "alter table owners drop constraint no_bad")
    assert await pair.outbox.retry(Selection(dead=True)) == 2
    await pair.settle()
    await pair.assert_equal()


async def test_a_truncated_table_is_compared_and_emptied(pair: Pair) -> None:
    """TRUNCATE, which names no keys, arrives."""
    await pair.primary.insert(Insert("keys", [{"kind": "a", "number": n} for n in range(700)], returning=False))
    await pair.settle()
    await _constrain(pair, "truncate keys", primary=True)
    await pair.primary.insert(Insert("keys", [{"kind": "b", "number": 1}], returning=False))
    await pair.settle()
    assert [row["kind"] for row in await pair.secondary.select(Select("keys"))] == ["b"]


async def test_a_burst_of_deletes_is_held_until_somebody_lets_it_through(datalayer_postgres: FoundServer) -> None:
    """Above the limit no delete passes, other writes do, and the answer of an operator is kept."""
    with datalayer_postgres.fresh_database() as one, datalayer_postgres.fresh_database() as other:
        async with postgres_pair(one, other, deletes=10) as pair:
            await put_owners(pair.primary, range(30))
            await pair.settle()
            await pair.primary.delete(Delete("owners", col("id").lt(20)))
            await pair.primary.update(Update("owners", {"note": "x"}, col("id").eq(25)))
            event = await pair.relay().drain()
            assert (event.held, event.entries, event.settled) == (20, 20, 1)
            assert len(await pair.secondary.select(Select("owners"))) == 30
            assert await pair.outbox.retry(Selection("owners", held_deletes=True)) == 20
            await pair.settle()
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


async def _constrain(pair: Pair, statement: str, *, primary: bool = False) -> None:
    from datalayer.stores.postgres import PostgresStore

    store = pair.primary if primary else pair.secondary
    assert isinstance(store, PostgresStore)
    async with store.connection() as connection:
        await connection.execute(statement.encode())


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


async def test_a_table_that_may_not_be_written_does_not_hold_up_the_others(pair: Pair) -> None:
    """Its rows wait and count no try, since a right may be granted; rows of other tables arrive."""
    assert isinstance(pair.secondary, PostgresStore)
    await pair.secondary.execute("""
        create function refuse() returns trigger language plpgsql as $$
        begin raise exception 'permission denied' using errcode = '42501'; end $$
    """)
    await pair.secondary.execute("create trigger refuse before insert on keys for each row execute function refuse()")
    keys = [{"kind": "a", "number": number, "value": None} for number in range(3)]
    await pair.primary.insert(Insert("keys", keys, returning=False))
    await put_owners(pair.primary, range(5))
    event = await pair.relay().drain()
    assert len((await pair.rows("owners"))[1]) == 5
    assert [(e.table, e.tries, e.error) for e in await pair.outbox.entries()] == [("keys", 0, "AccessDeniedError")] * 3
    assert (event.failed, event.error) == (3, "AccessDeniedError")
    await pair.secondary.execute("drop trigger refuse on keys")
    await asyncio.sleep(QUICK.longest_trouble_seconds)
    await pair.settle()
    await pair.assert_equal()


async def test_a_table_that_lacks_a_column_does_not_slow_the_others(pair: Pair) -> None:
    """Its rows are set aside by a few attempts, not by one for each; they count no try, and arrive with the column."""
    assert isinstance(pair.primary, PostgresStore)
    assert isinstance(pair.secondary, PostgresStore)
    await pair.primary.execute("alter table owners add column extra text")
    await put_owners(pair.primary, range(200))
    await pair.primary.update(Update("owners", {"extra": "x"}, every_row=True))
    keys = [{"kind": "a", "number": number, "value": None} for number in range(200)]
    await pair.primary.insert(Insert("keys", keys, returning=False))
    counting = Counting(server_applier(pair.secondary))
    reconciler = await reconciler_between(pair.primary, pair.secondary, counting, pair.outbox)
    event = await relay_over(reconciler, pair.outbox, pace=QUICK).drain()
    assert len((await pair.rows("keys"))[1]) == 200
    assert {(e.table, e.tries, e.error) for e in await pair.outbox.entries(limit=1000)} == {
        ("owners", 0, "UnknownColumnError: extra")
    }
    assert counting.applies < 30
    assert (event.failed, event.failure) == (400, "owners: UnknownColumnError: extra")
    await pair.secondary.execute("alter table owners add column extra text")
    await asyncio.sleep(QUICK.longest_trouble_seconds)
    await pair.settle()
    await pair.assert_equal()


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


async def test_a_report_names_one_of_the_failures(pair: Pair) -> None:
    """A number alone does not say where to look: table, class and constraint do, and no value."""
    assert isinstance(pair.secondary, PostgresStore)
    await pair.secondary.execute("alter table owners add constraint small check (id < 2)")
    await put_owners(pair.primary, range(4))
    event = await pair.relay().drain()
    assert (event.failed >= 2, event.failure) == (True, "owners: CheckViolationError: small")


async def test_a_delete_that_was_let_through_stays_so_when_it_has_to_wait(pair: Pair) -> None:
    """What an operator said of a delete holds for all further tries."""
    await put_owners(pair.primary, [1])
    await pair.settle()
    await pair.primary.delete(Delete("owners", every_row=True))
    await pair.outbox.hold(entry.version for entry in await pair.outbox.entries())
    assert await pair.outbox.retry(Selection(held_deletes=True)) == 1
    for give_back in ("put_off", "suspend", "fail"):
        entries = (await pair.outbox.claim(10)).entries
        if give_back == "put_off":
            await pair.outbox.put_off([entry.version for entry in entries], retry_seconds=0)
        elif give_back == "suspend":
            await pair.outbox.suspend(entries, "AbsenceNotTrusted", retry_seconds=0)
        else:
            await pair.outbox.fail(entries, "ForeignKeyViolationError: fk", retry_seconds=0)
        assert [owed.deletes_allowed for owed in collect(await pair.outbox.claim(10)).owed] == [True]
        await pair.outbox.release(entry.version for entry in entries)
    assert [entry.error for entry in await pair.outbox.entries()] == ["DeletesAllowed: ForeignKeyViolationError: fk"]


class Counting:
    """An applier that counts how often it is asked."""

    def __init__(self, applier: Applier) -> None:
        self._applier = applier
        self.applies = 0

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Count, then apply."""
        self.applies += 1
        return await self._applier.apply(origin, changes, timeout=timeout)


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


async def test_a_sequence_that_was_set_back_stops_the_relay(pair: Pair) -> None:
    """After a restore new versions are below applied ones: the relay says what to do, and goes on once it was done."""
    assert isinstance(pair.primary, PostgresStore)
    await put_owners(pair.primary, range(5))
    await pair.settle()
    await pair.primary.fetch_one("select setval('datalayer_version', 1)")
    await pair.primary.update(Update("owners", {"note": "restored"}, col("id").eq(4)))
    event = await pair.relay().drain()
    assert (event.error, event.entries) == ("ConfigurationError", 1)
    with pytest.raises(ConfigurationError, match=r"setval\('datalayer_version', 5\)"):
        await check_sequence(pair.primary, pair.secondary, pair.reconciler.origin)
    await pair.primary.fetch_one("select setval('datalayer_version', 5)")
    await pair.outbox.mark("owners")
    await pair.settle()
    await pair.assert_equal()
