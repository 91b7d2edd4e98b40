"""Connections among more callers than there are: in turn, none lost, whatever becomes of a caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from psycopg.pq import TransactionStatus

from datalayer.errors import DataLayerError, UnavailableError
from datalayer.query import Count
from datalayer.stores.postgres import PostgresStore
from datalayer.telemetry import CallEvent

CALLERS = 60


@pytest.fixture
async def single(store: PostgresStore, datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend a store of one connection over the same table."""
    opened = await PostgresStore.open(datalayer_database, max_size=1)
    yield opened
    await opened.close()


async def test_callers_are_served_in_the_order_they_came(single: PostgresStore) -> None:
    """Nobody overtakes: also one who has just been served queues up anew."""
    served: list[int] = []

    async def call(number: int) -> None:
        for _ in range(3):
            await single.count(Count("items"))
            served.append(number)

    await asyncio.gather(*(call(number) for number in range(4)))
    assert served == [0, 1, 2, 3] * 3


async def test_no_connection_is_lost_whatever_becomes_of_its_callers(store: PostgresStore) -> None:
    """Callers cancelled and timed out at any moment leave both connections to those who come later."""

    async def call(number: int) -> None:
        with suppress(DataLayerError):
            await store.fetch_all("select pg_sleep(0.001)", timeout=0.004 if number % 3 else 5.0)

    async def give_up(task: asyncio.Task[None], turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()

    for step in (3, 7, 11, 13, 17):
        tasks = [asyncio.create_task(call(number)) for number in range(CALLERS)]
        await asyncio.gather(*(give_up(task, place * step % 40) for place, task in enumerate(tasks[::2])))
        await asyncio.gather(*tasks, return_exceptions=True)
    async with store.connection(timeout=2), store.connection(timeout=2):
        with pytest.raises(UnavailableError):
            await store.count(Count("items"), timeout=0.05)
    assert await store.count(Count("items")) == 0


async def test_a_connection_handed_to_a_caller_who_gave_up_is_passed_on(single: PostgresStore) -> None:
    """Cancelled after being served and before hearing of it: the next in line gets the connection."""
    holder = single.connection()
    await holder.__aenter__()
    waiting = [asyncio.create_task(single.count(Count("items"))) for _ in range(2)]
    await asyncio.sleep(0)
    await holder.__aexit__(None, None, None)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert await waiting[1] == 0


async def test_closing_the_store_ends_every_wait(single: PostgresStore) -> None:
    """Who waits for a connection is told that the store is closed, at once."""
    async with single.connection():
        waiting = asyncio.create_task(single.count(Count("items"), timeout=60))
        await asyncio.sleep(0)
        await single.close()
        with pytest.raises(UnavailableError, match="the store is closed"):
            await asyncio.wait_for(waiting, 5)
    with pytest.raises(UnavailableError, match="the store is closed"):
        await single.count(Count("items"))


async def test_a_connection_with_an_open_transaction_is_not_handed_on(single: PostgresStore) -> None:
    """What a caller left open is rolled back before the next one works with the connection."""
    async with single.connection() as connection:
        waiting = asyncio.create_task(single.fetch_all("select count(*) as n from items"))
        await asyncio.sleep(0)
        await connection.execute("begin")
        await connection.execute("insert into items (name) values ('unfinished')")
        assert connection.pgconn.transaction_status == TransactionStatus.INTRANS
    assert await waiting == [{"n": 0}]


async def test_who_asks_the_pool_itself_is_served_under_load(single: PostgresStore) -> None:
    """Callers who always have a successor do not keep the connection among themselves."""
    busy, done = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        while not done.is_set():
            await single.count(Count("items"))
            busy.set()

    callers = [asyncio.create_task(call()) for _ in range(5)]
    await busy.wait()
    async with single.pool.connection(timeout=5) as connection:
        await connection.execute("select 1")
    done.set()
    await asyncio.gather(*callers)


async def test_observers_hear_how_many_callers_wait(store: PostgresStore, datalayer_database: str) -> None:
    """An event counts the callers in line."""
    events: list[CallEvent] = []
    observed = await PostgresStore.open(datalayer_database, max_size=1, observers=[events.append])
    await observed.count(Count("items"))
    await asyncio.gather(*(observed.count(Count("items")) for _ in range(4)))
    await observed.close()
    assert [event.pool_waiting for event in events[-4:]] == [2, 1, 0, 0]
