"""Backfill and resync, beside writers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest
from tests.integration.outbox.pairs import TABLES, Pair, postgres_pair, put_owners

from datalayer.errors import ConfigurationError
from datalayer.outbox.backfill import Filled, backfill
from datalayer.outbox.queue import Outbox
from datalayer.outbox.sweep import FILL, ROWS, Sweeper, bounds
from datalayer.outbox.waiting import Selection
from datalayer.query import Delete, Insert, Select, Update, col
from datalayer.stores.postgres import PostgresStore
from datalayer.testing.servers import FoundServer


@pytest.fixture
def primary_dsn(datalayer_postgres: FoundServer) -> Iterator[str]:
    """Lend the primary's database."""
    with datalayer_postgres.fresh_database() as dsn:
        yield dsn


@pytest.fixture
async def pair(datalayer_postgres: FoundServer, primary_dsn: str) -> AsyncIterator[Pair]:
    """Lend a pair whose primary has rows that nobody owes: they were there before the triggers."""
    with datalayer_postgres.fresh_database() as other:
        async with postgres_pair(primary_dsn, other) as opened:
            await put_owners(opened.primary, range(1200))
            pets = [{"id": uuid4(), "owner_id": n, "name": "x"} for n in range(0, 1200, 7)]
            await opened.primary.insert(Insert("pets", pets, returning=False))
            keys = [{"kind": kind, "number": n} for kind in "ab" for n in range(400)]
            await opened.primary.insert(Insert("keys", keys, returning=False))
            await opened.outbox.discard(Selection())
            yield opened


async def test_backfill_fills_an_empty_secondary(pair: Pair) -> None:
    """All rows arrive, parents first, the progress says so, and nothing is left owed."""
    heard: list[Filled] = []
    done = await backfill(pair.reconciler, pair.outbox, tables=TABLES, on_progress=heard.append)
    await pair.assert_equal()
    assert {filled.table: (filled.rows, filled.applied) for filled in done} == {
        "owners": (1200, 1200),
        "pets": (172, 172),
        "keys": (800, 800),
    }
    assert [filled.rows for filled in heard if filled.table == "owners"] == [500, 1000, 1200]
    assert await pair.outbox.entries() == []
    again = await backfill(pair.reconciler, pair.outbox, tables=TABLES)
    assert sum(filled.applied + filled.marked for filled in again) == 0


async def test_backfill_leaves_keys_to_the_relay_that_the_secondary_owes(pair: Pair) -> None:
    """Somebody wrote them there: they are not overwritten unseen."""
    await put_owners(pair.secondary, [7])
    await pair.secondary.update(Update("owners", {"note": "written there"}, col("id").eq(7)))
    await pair.secondary.insert(
        Insert("datalayer_outbox", [{"aggregatetype": "owners", "aggregateid": "[7]", "type": "upsert"}])
    )
    (done,) = await backfill(pair.reconciler, pair.outbox, tables=["owners"])
    assert (done.applied, done.marked) == (1199, 1)
    (kept,) = await pair.secondary.select(Select("owners", col("id").eq(7)))
    assert kept["note"] == "written there"
    assert [entry.key for entry in await pair.outbox.entries()] == [(7,)]


async def test_backfill_beside_writers_ends_equal(pair: Pair) -> None:
    """Rows written, deleted and made anew while they are copied end as the primary has them."""
    writing = asyncio.create_task(_write(pair))
    relay = pair.relay(batch=50)
    running = asyncio.create_task(relay.run())
    await backfill(pair.reconciler, pair.outbox, tables=TABLES)
    await writing
    relay.stop()
    await running
    await pair.settle()
    await pair.assert_equal()


async def test_backfill_goes_on_where_it_was_cut_off(pair: Pair) -> None:
    """After an end in the middle the next run begins behind the last page that was done."""

    class CutOffError(Exception):
        pass

    def cut(filled: Filled) -> None:
        if filled.rows == 500:
            raise CutOffError

    with pytest.raises(CutOffError):
        await backfill(pair.reconciler, pair.outbox, tables=["owners"], lease_seconds=0.01, on_progress=cut)
    await asyncio.sleep(0.02)
    done = await backfill(pair.reconciler, Outbox(pair.primary), tables=["owners"])
    assert [(filled.rows, filled.applied) for filled in done] == [(700, 700)]
    ours, theirs = await pair.rows("owners")
    assert ours == theirs


async def test_a_table_is_filled_by_one_process_at_a_time(pair: Pair) -> None:
    """A second backfill of a table is refused while the first one's claim lasts."""
    assert await pair.outbox.claim_table("owners", FILL, lease_seconds=60) is not None
    with pytest.raises(ConfigurationError, match="owners is being filled by another process"):
        await backfill(pair.reconciler, Outbox(pair.primary), tables=["owners"])


async def test_a_relay_takes_a_backfill_over(pair: Pair) -> None:
    """A backfill whose process is gone is finished by any relay, once its claim has run out."""
    assert await pair.outbox.claim_table("owners", FILL, lease_seconds=0.01) is not None
    await asyncio.sleep(0.02)
    await pair.settle()
    ours, theirs = await pair.rows("owners")
    assert ours == theirs
    assert len(theirs) == 1200


async def test_backfill_that_another_process_has_finished_does_nothing(pair: Pair) -> None:
    """Its claim ran out before it began: it compares nothing, and takes no row away that only the secondary has."""
    entry = await pair.outbox.claim_table("owners", FILL, lease_seconds=0.01)
    assert entry is not None
    await asyncio.sleep(0.02)
    await pair.settle()
    await put_owners(pair.secondary, [5000])
    await Sweeper(pair.reconciler, pair.outbox).sweep(entry)
    assert await pair.outbox.entries() == []
    assert len((await pair.rows("owners"))[1]) == 1201


@pytest.mark.parametrize("phase", [FILL, ROWS])
async def test_page_that_was_read_before_the_table_s_entry_ended_is_dropped(
    pair: Pair, primary_dsn: str, phase: str
) -> None:
    """Who leads the rows may be another store by now: neither are they brought over, nor marked."""
    pages: list[int] = []

    def end(rows: int, _applied: int, _marked: int) -> None:
        pages.append(rows)
        with psycopg.connect(primary_dsn, autocommit=True) as connection:
            connection.execute("delete from datalayer_outbox where aggregateid = '*'")

    entry = await pair.outbox.claim_table("owners", phase, lease_seconds=60)
    assert entry is not None
    await Sweeper(pair.reconciler, pair.outbox, on_page=end).sweep(entry)
    await pair.settle()
    assert pages == [500]
    assert len((await pair.rows("owners"))[1]) == 500


async def test_table_that_can_never_be_compared_becomes_a_dead_letter(pair: Pair) -> None:
    """As a row does: it is tried so many times, and then shown as given up instead of being tried for ever."""
    assert isinstance(pair.secondary, PostgresStore)
    await pair.secondary.execute("drop table keys")
    await pair.secondary.catalog(refresh=True)
    await pair.outbox.mark("keys")
    await pair.settle(tries=3)
    (entry,) = await pair.outbox.entries()
    assert (entry.key, entry.tries, entry.dead_at is not None) == (None, 3, True)


async def test_backfill_that_was_given_up_can_be_begun_anew(pair: Pair) -> None:
    """Its dead letter does not count as another process that fills the table."""
    entry = await pair.outbox.claim_table("owners", FILL, lease_seconds=60)
    assert entry is not None
    await pair.outbox.bury([entry], "UnknownTableError")
    (done,) = await backfill(pair.reconciler, pair.outbox, tables=["owners"])
    assert done.applied == 1200


async def test_checkpoint_that_cannot_be_read_any_more_is_begun_anew(pair: Pair) -> None:
    """The key's type has changed since it was written: the whole table is compared."""
    await pair.outbox.mark_table("owners", {"phase": ROWS, "after": '["no number"]', "from": '["x"]'})
    await pair.settle()
    ours, theirs = await pair.rows("owners")
    assert ours == theirs
    assert len(theirs) == 1200


async def test_resync_heals_a_range_and_nothing_else(pair: Pair) -> None:
    """Rows changed, lost and added on the secondary behind everybody's back are put right, inside of the range."""
    await backfill(pair.reconciler, pair.outbox, tables=TABLES)
    await pair.secondary.update(Update("owners", {"note": "wrong"}, col("id").in_([10, 900])))
    await pair.secondary.delete(Delete("owners", col("id").eq(11)))
    await put_owners(pair.secondary, [-5, 5000])
    table = (await pair.primary.catalog()).tables["owners"]
    await pair.outbox.mark_table("owners", {"phase": ROWS, **bounds(table, (-10,), (100,))})
    await pair.settle()
    rows = {row["id"]: row["note"] for row in await pair.secondary.select(Select("owners"))}
    assert (rows[10], rows[11], rows[900]) == (None, None, "wrong")
    assert -5 not in rows
    assert 5000 in rows
    await pair.outbox.mark("owners")
    await pair.settle()
    await pair.assert_equal()


async def _write(pair: Pair) -> None:
    for number in range(0, 1200, 15):
        await pair.primary.update(Update("owners", {"note": "new"}, col("id").eq(number)))
        await pair.primary.delete(Delete("pets", col("owner_id").eq(number)))
        await pair.primary.delete(Delete("keys", col("number").eq(number // 3)))
    await put_owners(pair.primary, range(5000, 5050))
    await pair.primary.insert(Insert("keys", [{"kind": "a", "number": n} for n in range(0, 400, 10)], returning=False))
