"""Iterating: each page is a question of its own, asked when its rows are wanted."""

from __future__ import annotations

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
    """Observes a store: how many pages it was asked for."""

    def __init__(self) -> None:
        self.pages = 0

    def __call__(self, event: CallEvent) -> None:
        """Count pages."""
        self.pages += event.operation == "select"


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


async def test_a_page_is_asked_for_when_it_is_wanted(store: PostgresStore, heard: Heard) -> None:
    """Who leaves after the first page has not had a second one read."""
    async with aclosing(begun(store)) as rows:
        await taken(rows, PAGE_ROWS)
        assert heard.pages == 1
        await taken(rows, 1)
        assert heard.pages == 2


async def test_a_consumer_may_use_the_only_connection_between_two_pages(store: PostgresStore) -> None:
    """While rows are used no connection is held."""
    async with aclosing(begun(store)) as rows:
        seen = await taken(rows, 2 * PAGE_ROWS)
        async with store.connection():
            pass
        seen += [row.id async for row in rows]
    assert seen == list(range(1, 101))


async def test_leaving_early_gives_the_connection_back(store: PostgresStore) -> None:
    """Closed in the middle of a page, the only connection is free at once."""
    rows = begun(store)
    await taken(rows, PAGE_ROWS + 1)
    await rows.aclose()
    async with store.connection(timeout=0.4):
        pass


async def test_a_transaction_sees_its_own_writes_on_the_next_page(store: PostgresStore) -> None:
    """No page is older than what was written before it was asked for."""
    async with store.transaction() as transaction:
        items = Items(transaction)
        seen = []
        async for row in items.iterate(page_rows=PAGE_ROWS):
            seen.append(row.id)
            if row.id == PAGE_ROWS + 1:
                await transaction.execute("delete from items where id > 20")
    assert seen == list(range(1, 21))
