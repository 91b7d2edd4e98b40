"""Cancelled and timed-out calls: the statement ends, nothing stays open or locked."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import suppress

import pytest

from datalayer.errors import StoreError, StoreTimeoutError
from datalayer.query import Count, Delete, Insert, Select, col
from datalayer.stores.sqlite import SqliteStore

#: Deleting takes for ever, and says when it has begun.
SCHEMA = """
create table t (id integer primary key, n int4 default 0);
create trigger slow after delete on t begin
    select announce();
    delete from t where exists (select 1 from t a, t b, t c, t d, t e where a.id + b.id + c.id + d.id + e.id < 0);
end;
"""


@pytest.fixture
def started() -> asyncio.Event:
    """Tell when a delete has begun."""
    return asyncio.Event()


@pytest.fixture
async def table(either: SqliteStore, started: asyncio.Event) -> SqliteStore:
    """Make a table whose deletes take for ever."""
    loop = asyncio.get_running_loop()

    def make(connection: sqlite3.Connection) -> None:
        connection.create_function("announce", 0, lambda: loop.call_soon_threadsafe(started.set).cancelled())
        connection.executescript(SCHEMA)

    await either.run(make)
    await either.insert(Insert("t", [{"id": n} for n in range(1, 500)], returning=False))
    return either


async def _delete(store: SqliteStore, timeout: float) -> None:
    await store.delete(Delete("t", col("id").eq(1)), timeout=timeout)


async def test_write_past_its_deadline_is_undone(table: SqliteStore) -> None:
    """The error is a timeout, the row is still there, and the next write goes through."""
    with pytest.raises(StoreTimeoutError) as caught:
        await _delete(table, 0.05)
    assert (caught.value.sqlstate, caught.value.operation, caught.value.table) == ("57014", "delete", "t")
    assert await table.count(Count("t")) == 499
    await table.insert(Insert("t", [{"id": 1000}]), timeout=1.0)


async def test_cancelled_write_is_undone(table: SqliteStore, started: asyncio.Event) -> None:
    """The caller's cancellation goes through as such; no lock stays."""
    task = asyncio.create_task(_delete(table, 60.0))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await table.count(Count("t")) == 499
    assert await table.run(lambda connection: connection.in_transaction) is False


async def test_cancelling_twice_still_waits_for_the_statement(table: SqliteStore, started: asyncio.Event) -> None:
    """An impatient caller does not leave a statement running behind."""
    task = asyncio.create_task(_delete(table, 60.0))
    await started.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await table.insert(Insert("t", [{"id": 1000}]), timeout=1.0)


async def test_cancelled_transaction_is_rolled_back(table: SqliteStore, started: asyncio.Event) -> None:
    """SQLite itself gives the transaction up when a write in it is interrupted; nothing runs outside of it."""

    async def work() -> None:
        async with table.transaction(timeout=60.0) as tx:
            await tx.insert(Insert("t", [{"id": 1000}]))
            await tx.delete(Delete("t", col("id").eq(1)))

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await table.count(Count("t")) == 499
    assert await table.run(lambda connection: connection.in_transaction) is False


async def test_statement_after_a_timed_out_one_does_not_run_outside(table: SqliteStore) -> None:
    """Whoever goes on after a timeout inside a transaction is refused, in a savepoint's outer transaction too."""

    async def go_on() -> None:
        async with table.transaction() as tx:
            await tx.insert(Insert("t", [{"id": 1000}]))
            with suppress(StoreTimeoutError):
                async with tx.transaction(timeout=0.05) as nested:
                    await nested.delete(Delete("t", col("id").eq(1)))
            await tx.insert(Insert("t", [{"id": 1001}]))

    with pytest.raises(StoreError) as ended:
        await go_on()
    assert ended.value.sqlstate == "25P02"
    assert await table.count(Count("t", col("id").gte(1000))) == 0


async def test_cancelled_wait_for_the_turn_takes_no_lock(table: SqliteStore) -> None:
    """Who gives up waiting for another transaction does not get it later."""
    async with table.transaction() as tx:
        waiting = asyncio.create_task(_delete(table, 60.0))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await tx.insert(Insert("t", [{"id": 1000}]))
    assert await table.count(Count("t")) == 500


async def test_reads_past_their_deadline_free_their_connections(store: SqliteStore) -> None:
    """Also when more are given up at once than there are connections."""
    await store.run(lambda connection: connection.execute("create table t (id integer primary key, n int4)").close())
    await store.insert(Insert("t", [{"id": n, "n": n} for n in range(20000)], returning=False))
    for _ in range(3):
        calls = [store.select(Select("t", ~col("n").in_(range(50000))), timeout=0.005) for _ in range(6)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StoreTimeoutError}
    assert await store.count(Count("t"), timeout=5.0) == 20000


async def test_closing_interrupts_what_runs(table: SqliteStore, started: asyncio.Event) -> None:
    """Close does not wait for a statement without end."""
    task = asyncio.create_task(_delete(table, 60.0))
    await started.wait()
    await table.close()
    with pytest.raises(StoreError):
        await task
