"""The outbox as a queue, on SQLite."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from datalayer.outbox.capture import sqlite as capture
from datalayer.outbox.queue import Outbox, utc_now
from datalayer.outbox.waiting import Selection, tables_waiting, waiting
from datalayer.query import Delete, Insert
from datalayer.stores.sqlite import SqliteStore


@dataclass
class Clock:
    """Time that the test drives."""

    now: dt.datetime = field(default_factory=utc_now)

    def __call__(self) -> dt.datetime:
        """Return the time."""
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        """Move on."""
        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    """Lend a clock."""
    return Clock()


@pytest.fixture
async def outbox(clock: Clock) -> AsyncIterator[Outbox]:
    """Lend an outbox that owes five things."""
    store = await SqliteStore.open(":memory:")
    await store.run(lambda c: c.execute("create table things (id integer primary key, word text)").close())
    await store.run(lambda c: c.execute("create table others (a text, b integer, primary key (a, b))").close())
    await capture.install(store)
    await store.insert(Insert("things", [{"id": number} for number in range(1, 6)], returning=False))
    yield Outbox(store, clock=clock)
    await store.close()


async def test_claims_exclude_each_other_until_they_run_out(outbox: Outbox, clock: Clock) -> None:
    """What one relay has claimed another one does not get, until the lease is over."""
    mine = await outbox.claim(3, lease_seconds=60)
    assert [entry.key for entry in mine.entries] == [(1,), (2,), (3,)]
    another = Outbox(outbox.store, clock=clock)
    assert [entry.key for entry in (await another.claim(10)).entries] == [(4,), (5,)]
    assert (await another.claim(10)).entries == ()
    clock.pass_seconds(61)
    assert await another.expire() == 5
    assert len((await another.claim(10)).entries) == 5


async def test_settling_a_claim_deletes_what_it_holds_and_nothing_else(outbox: Outbox) -> None:
    """Entries that were put off, failed or came in between stay, and so do those of a later claim of the same relay."""
    first = await outbox.claim(2)
    second = await outbox.claim(2)
    await outbox.fail(first.entries[:1], "CheckViolationError", retry_seconds=0)
    await outbox.settle_claim(first)
    await outbox.settle_claim(first)
    assert [(entry.key, entry.tries) for entry in await outbox.entries()] == [
        ((1,), 1),
        ((3,), 0),
        ((4,), 0),
        ((5,), 0),
    ]
    await outbox.settle_claim(second)
    assert [entry.key for entry in await outbox.entries()] == [(1,), (5,)]


async def test_a_claim_that_was_taken_over_settles_nothing(outbox: Outbox, clock: Clock) -> None:
    """A relay that was too slow does not delete entries that another one has claimed meanwhile."""
    slow = await outbox.claim(10, lease_seconds=1)
    clock.pass_seconds(2)
    await outbox.expire()
    assert len((await outbox.claim(10)).entries) == 5
    await outbox.settle_claim(slow)
    assert len(await outbox.entries()) == 5


async def test_failed_entries_come_back_when_they_are_due(outbox: Outbox, clock: Clock) -> None:
    """A try is counted, the reason is kept, and the entry waits; entries between those that wait are claimed."""
    claimed = await outbox.claim(10)
    await outbox.fail(claimed.entries[1:4], "NotNullViolationError: word", retry_seconds=30)
    await outbox.release(entry.version for entry in claimed.entries)
    clock.pass_seconds(29)
    assert [entry.key for entry in (await outbox.claim(10)).entries] == [(1,), (5,)]
    clock.pass_seconds(2)
    again = (await outbox.claim(10)).entries
    assert [(entry.key, entry.tries, entry.error) for entry in again] == [
        ((number,), 1, "NotNullViolationError: word") for number in (2, 3, 4)
    ]


async def test_dead_letters_are_not_claimed_until_they_are_retried(outbox: Outbox) -> None:
    """What was given up stays, is counted apart, and starts over on request."""
    claimed = await outbox.claim(2)
    await outbox.bury(claimed.entries, "CheckViolationError: words")
    assert len((await outbox.claim(10)).entries) == 3
    left = await waiting(outbox.store, outbox.table, outbox.clock)
    assert (left.entries, left.dead, left.held, left.live) == (5, 2, 0, 3)
    assert await outbox.retry(Selection("things", dead=True)) == 2
    assert [(entry.key, entry.tries) for entry in (await outbox.claim(10)).entries] == [((1,), 0), ((2,), 0)]
    assert await outbox.discard(Selection(versions=(claimed.entries[0].version,))) == 1


async def test_lag_is_the_age_of_the_oldest_entry_that_is_not_dead(outbox: Outbox, clock: Clock) -> None:
    """It grows while nothing is settled, and is 0 when nothing waits."""
    clock.pass_seconds(100)
    left = await waiting(outbox.store, outbox.table, outbox.clock)
    assert 99 < left.lag_seconds < 110
    claimed = await outbox.claim(10)
    await outbox.bury(claimed.entries, "CheckViolationError")
    assert (await waiting(outbox.store, outbox.table, outbox.clock)).lag_seconds == 0


async def test_marks_owe_keys_and_whole_tables(outbox: Outbox) -> None:
    """A mark names a key of any shape, or none; tables that are owed are listed once each."""
    await outbox.store.delete(Delete("datalayer_outbox", every_row=True))
    assert not await outbox.owes("others", None)
    await outbox.mark("others", [("a", 1), ('"', 2)])
    assert await outbox.owes("others", [("a", 1)])
    assert not await outbox.owes("others", [("a", 2)])
    await outbox.mark("things")
    assert await outbox.owes("things", [(77,)])
    entries = await outbox.entries()
    assert [(entry.table, entry.key, entry.type) for entry in entries] == [
        ("others", ("a", 1), "sweep"),
        ("others", ('"', 2), "sweep"),
        ("things", None, "sweep"),
    ]
    assert await tables_waiting(outbox.store, outbox.table) == ["others", "things"]


async def test_entries_of_a_table_that_is_gone_are_handed_out_as_unreadable(outbox: Outbox) -> None:
    """A dropped table or a changed key stops nobody: the entry comes with the reason."""
    await outbox.store.insert(
        Insert("datalayer_outbox", [{"aggregatetype": "gone", "aggregateid": "[1]", "type": "upsert"}], returning=False)
    )
    claimed = await outbox.claim(10)
    assert len(claimed.entries) == 5
    assert [(entry.table, reason) for entry, reason in claimed.unreadable] == [("gone", "UnknownTableError")]
