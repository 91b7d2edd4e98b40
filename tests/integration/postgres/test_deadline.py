"""One deadline covers waiting for a connection, for a lock and for the server, and says how it ended."""

import asyncio
import os
import signal
from time import perf_counter

import pytest
from psycopg import AsyncConnection

from datalayer.errors import InvalidValueError, StoreTimeoutError, UnavailableError
from datalayer.query import Count, Insert, Update, where_equal
from datalayer.stores.postgres import PostgresStore


async def test_a_statement_past_its_deadline_is_cancelled_on_the_server(
    store: PostgresStore, datalayer_database: str
) -> None:
    """The caller gets a typed error in time and nothing keeps running."""
    started = perf_counter()
    with pytest.raises(StoreTimeoutError) as caught:
        await store.fetch_all("select pg_sleep(30)", timeout=0.2)
    assert caught.value.sqlstate == "57014"
    assert perf_counter() - started < 3
    assert await _asleep(datalayer_database) == 0


async def test_a_write_that_waits_for_a_lock_past_its_deadline_did_not_happen(store: PostgresStore) -> None:
    """A timed-out write is known not to have happened: the server itself said so."""
    await store.insert(Insert("items", [{"name": "held", "amount": 1}]))
    async with store.transaction() as holder:
        await holder.update(Update("items", {"amount": 2}, where_equal(name="held")))
        with pytest.raises(StoreTimeoutError):
            await store.update(Update("items", {"amount": 3}, where_equal(name="held")), timeout=0.2)
    rows = await store.fetch_all("select amount from items")
    assert [int(row["amount"]) for row in rows] == [2]


async def test_waiting_for_a_connection_counts_against_the_deadline(store: PostgresStore) -> None:
    """With every connection lent out a caller is told so in time."""
    async with store.connection(), store.connection():
        with pytest.raises(UnavailableError, match="no connection was free"):
            await store.count(Count("items"), timeout=0.1)


async def test_the_pool_serves_more_callers_than_connections(store: PostgresStore) -> None:
    """Fifty callers on two connections all get their answer."""
    assert await asyncio.gather(*(store.count(Count("items")) for _ in range(50))) == [0] * 50


async def _asleep(dsn: str) -> int:
    async with await AsyncConnection.connect(dsn) as connection:
        cursor = await connection.execute("select count(*) from pg_stat_activity where wait_event = 'PgSleep'")
        row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def test_a_cancelled_caller_leaves_the_store_usable(store: PostgresStore, datalayer_database: str) -> None:
    """Cancelling a task cancels its statement and gives the connection back."""
    tasks = [asyncio.create_task(store.fetch_all("select pg_sleep(30)", timeout=60)) for _ in range(2)]
    for _ in range(500):
        if await _asleep(datalayer_database) == 2:
            break
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await store.count(Count("items")) == 0


async def test_a_frozen_server_costs_the_deadline_and_a_grace_period(
    store: PostgresStore, datalayer_database: str
) -> None:
    """A backend that neither answers nor obeys the cancel request loses its connection; the caller goes on."""
    single = await PostgresStore.open(datalayer_database, max_size=1)
    assert await single.count(Count("items")) == 0
    pid = (await single.fetch_all("select pg_backend_pid() as pid"))[0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    started = perf_counter()
    try:
        with pytest.raises(StoreTimeoutError):
            await single.count(Count("items"), timeout=0.3)
    finally:
        os.kill(pid, signal.SIGCONT)
        lasted = perf_counter() - started
    assert lasted < 4
    assert await single.count(Count("items")) == 0
    await single.close()


async def test_the_wait_for_a_connection_and_the_statement_share_one_budget(store: PostgresStore) -> None:
    """What waiting took is not given to the statement once more."""
    holders = [store.connection(), store.connection()]
    for holder in holders:
        await holder.__aenter__()
    started = perf_counter()
    asked = asyncio.create_task(store.fetch_all("select pg_sleep(30)", timeout=1.0))
    await asyncio.sleep(0.7)
    for holder in holders:
        await holder.__aexit__(None, None, None)
    with pytest.raises(StoreTimeoutError):
        await asked
    assert perf_counter() - started < 1.6


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
async def test_a_deadline_that_no_call_can_keep_is_refused(store: PostgresStore, timeout: float) -> None:
    """The budget is a positive number of seconds."""
    with pytest.raises(InvalidValueError, match="timeout"):
        await store.count(Count("items"), timeout=timeout)
