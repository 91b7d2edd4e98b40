"""What a relay cannot carry: it is told, kept, and holds up nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

import pytest
from tests.integration.outbox.pairs import QUICK, Pair, postgres_pair, put_owners

from datalayer.errors import ConfigurationError
from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.assembly import reconciler_between, relay_over
from datalayer.outbox.batches import collect
from datalayer.outbox.contract import Applier
from datalayer.outbox.entries import Change
from datalayer.outbox.sequence import check_sequence
from datalayer.outbox.waiting import Selection
from datalayer.query import Delete, Insert, Select, Update, col
from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer


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


async def _constrain(pair: Pair, statement: str, *, primary: bool = False) -> None:
    from datalayer.stores.postgres import PostgresStore

    store = pair.primary if primary else pair.secondary
    assert isinstance(store, PostgresStore)
    async with store.connection() as connection:
        await connection.execute(statement.encode())


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


class Counting:
    """An applier that counts how often it is asked."""

    def __init__(self, applier: Applier) -> None:
        self._applier = applier
        self.applies = 0

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Count, then apply."""
        self.applies += 1
        return await self._applier.apply(origin, changes, timeout=timeout)


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


async def test_a_report_names_one_of_the_failures(pair: Pair) -> None:
    """A number alone does not say where to look: table, class and constraint do, and no value."""
    assert isinstance(pair.secondary, PostgresStore)
    await pair.secondary.execute("alter table owners add constraint small check (id < 2)")
    await put_owners(pair.primary, range(4))
    event = await pair.relay().drain()
    assert (event.failed >= 2, event.failure) == (True, "owners: CheckViolationError: small")


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
