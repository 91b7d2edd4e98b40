"""Transactions that lost their ground: nothing may look committed that the server did not keep."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import cast

import pytest

from datalayer.errors import StoreError, StoreTimeoutError
from datalayer.query import Count, Insert, Row, Select
from datalayer.stores.postgres import PostgresStore, PostgresTransaction

Loss = Callable[[PostgresTransaction], Awaitable[object]]

LOSSES: dict[str, Loss] = {
    "a deadline": lambda tx: tx.fetch_all("select pg_sleep(30)", timeout=0.2),
    "a cut connection": lambda tx: tx.execute("select pg_terminate_backend(pg_backend_pid())"),
    "a failed statement": lambda tx: tx.execute("select 1/0"),
    "a cancelled await": lambda tx: asyncio.wait_for(tx.fetch_all("select pg_sleep(30)", timeout=60), 0.2),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("nested", [False, True])
async def test_a_block_that_swallowed_a_loss_does_not_look_committed(
    store: PostgresStore, loss: str, nested: bool
) -> None:
    """However the transaction was lost, leaving its block normally is an error, and nothing was kept."""

    async def lose(tx: PostgresTransaction) -> None:
        await tx.insert(Insert("items", [{"name": "a"}]))
        with contextlib.suppress(StoreError, TimeoutError):
            await LOSSES[loss](tx)

    async def run() -> None:
        async with store.scope() as tx:
            if not nested:
                return await lose(tx)
            async with tx.scope() as inner:
                return await lose(inner)

    with pytest.raises(StoreError) as caught:
        await run()
    assert caught.value.sqlstate == "25P02"
    assert await store.count(Count("items")) == 0


async def test_one_tasks_deadline_leaves_the_other_tasks_statement_alone(store: PostgresStore) -> None:
    """Two tasks share a transaction: the one that waits for its turn cancels nothing but itself."""
    async with store.transaction() as tx:
        long, short = await asyncio.gather(
            tx.fetch_all("select pg_sleep(0.6)", timeout=5),
            tx.fetch_all("select 1 as one", timeout=0.2),
            return_exceptions=True,
        )
        assert not isinstance(long, BaseException)
        assert isinstance(short, StoreTimeoutError)
        await tx.insert(Insert("items", [{"name": "kept"}]))
    assert await store.count(Count("items")) == 1


async def test_a_stream_left_open_at_the_end_says_so(store: PostgresStore) -> None:
    """The message names the stream, not a value."""
    await store.insert(Insert("items", [{"name": str(number)} for number in range(5)]))

    async def leave_open() -> None:
        async with store.transaction() as tx:
            stream = tx.stream(Select("items"), chunk_rows=1)
            await anext(stream)
            streams.append(cast("AsyncGenerator[Row]", stream))

    streams: list[AsyncGenerator[Row]] = []
    with pytest.raises(StoreError, match="stream"):
        await leave_open()
    with contextlib.suppress(StoreError):
        await streams[0].aclose()
