"""Pages asked for before they are wanted: quicker, and nobody's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest
from pydantic import BaseModel

from datalayer import BaseRepository
from datalayer.stores.postgres import PostgresStore
from datalayer.telemetry import CallEvent

PAGE_ROWS = 10


class Item(BaseModel):
    """A row of the test's table."""

    id: int


class Items(BaseRepository[Item]):
    """Pages by id."""

    model = Item
    table = "items"
    key = ("id",)


class Heard:
    """Observes a store: how many pages it was asked for, and whether one failed."""

    def __init__(self) -> None:
        self.pages = 0
        self.third, self.failed = asyncio.Event(), asyncio.Event()

    def __call__(self, event: CallEvent) -> None:
        """Count pages and failures."""
        self.pages += event.operation == "select"
        if self.pages == 3:
            self.third.set()
        if event.error is not None:
            self.failed.set()


@pytest.fixture
async def heard() -> Heard:
    """Make the observer."""
    return Heard()


@pytest.fixture
async def store(datalayer_database: str, heard: Heard) -> AsyncIterator[PostgresStore]:
    """Lend a store of one connection over a table of 100 rows."""
    opened = await PostgresStore.open(datalayer_database, max_size=1, timeout=0.5, observers=[heard])
    await opened.execute("create table items (id int primary key)")
    await opened.execute("insert into items select generate_series(1, 100)")
    yield opened
    await opened.close()


def begun(store: PostgresStore) -> AsyncGenerator[Item]:
    """Return the iteration under test, to be closed."""
    return cast("AsyncGenerator[Item]", Items(store).iterate(page_rows=PAGE_ROWS))


async def taken(rows: AsyncGenerator[Item], count: int) -> list[int]:
    """Take so many rows."""
    return [(await anext(rows)).id for _ in range(count)]


async def test_the_third_page_is_asked_for_while_the_second_is_used(store: PostgresStore, heard: Heard) -> None:
    """Not before: who leaves after the first page has not had a second one read."""
    async with aclosing(begun(store)) as rows:
        await taken(rows, PAGE_ROWS)
        assert heard.pages == 1
        await taken(rows, 1)
        await asyncio.wait_for(heard.third.wait(), 5)


async def test_leaving_early_gives_the_connection_back(store: PostgresStore) -> None:
    """Closed while a page is on its way, the only connection is free at once."""
    rows = begun(store)
    await taken(rows, PAGE_ROWS + 1)
    await rows.aclose()
    async with store.connection(timeout=0.4):
        pass


async def test_a_consumer_who_holds_the_last_connection_hears_of_no_page_that_had_to_wait(
    store: PostgresStore, heard: Heard
) -> None:
    """A page asked for ahead may fail: it is asked for again when it is wanted."""
    async with aclosing(begun(store)) as rows:
        seen = await taken(rows, 2 * PAGE_ROWS)
        await asyncio.wait_for(heard.third.wait(), 5)
        async with store.connection():
            seen += await taken(rows, 1)
            await asyncio.wait_for(heard.failed.wait(), 5)
        seen += [row.id async for row in rows]
    assert seen == list(range(1, 101))


async def test_a_transaction_sees_its_own_writes_on_the_next_page(store: PostgresStore) -> None:
    """Inside of a transaction a page is asked for when it is wanted."""
    async with store.transaction() as transaction:
        items = Items(transaction)
        seen = []
        async for row in items.iterate(page_rows=PAGE_ROWS):
            seen.append(row.id)
            if row.id == PAGE_ROWS + 1:
                await transaction.execute("delete from items where id > 20")
    assert seen == list(range(1, 21))
