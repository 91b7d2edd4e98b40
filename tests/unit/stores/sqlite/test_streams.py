"""Streams: one snapshot, bounded memory, nothing left behind."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import cast

import pytest

from datalayer.errors import UnavailableError, UnknownColumnError
from datalayer.query import Count, Delete, Insert, Row, Select, Update, asc, col
from datalayer.stores.contract import Session
from datalayer.stores.sqlite import SqliteStore


@pytest.fixture
async def table(either: SqliteStore) -> SqliteStore:
    """Make a table with a thousand rows."""
    ddl = "create table t (id integer primary key, exact decimal_text, tags text[], moment timestamp)"
    await either.run(lambda connection: connection.execute(ddl).close())
    rows = [{"id": n, "exact": n, "tags": [str(n)]} for n in range(1000)]
    await either.insert(Insert("t", rows, returning=False))
    return either


async def temporary_tables(store: SqliteStore) -> int:
    """Count them."""
    sql = "select count(*) from sqlite_temp_master where type = 'table'"
    return int(await store.run(lambda connection: connection.execute(sql).fetchone()[0]))


def _stream(session: Session) -> AsyncGenerator[Row, None]:
    return cast("AsyncGenerator[Row, None]", session.stream(Select("t"), chunk_rows=10))


async def test_stream_yields_all_in_order(table: SqliteStore) -> None:
    """The same rows as a select, whatever the size of a chunk."""
    question = Select("t", col("id").gte(10), order=(asc("exact"),), limit=500, offset=5)
    expected = await table.select(question)
    for size in (1, 7, 1000):
        assert [row async for row in table.stream(question, chunk_rows=size)] == expected


async def test_stream_is_one_snapshot(table: SqliteStore) -> None:
    """Changes made while streaming are not seen, outside of a transaction and inside."""
    async for row in table.stream(Select("t"), chunk_rows=10):
        await table.update(Update("t", {"id": row["id"] + 5000}, col("id").eq(row["id"])))
    assert await table.count(Count("t", col("id").gte(5000))) == 1000
    async with table.transaction() as tx:
        seen = 0
        async for row in tx.stream(Select("t", order=(asc("id"),)), chunk_rows=10):
            seen += 1
            await tx.delete(Delete("t", col("id").eq(row["id"])))
            await tx.insert(Insert("t", [{"id": row["id"] + 5000}]))
        assert seen == 1000


async def test_stream_that_is_left_early_leaves_nothing_behind(table: SqliteStore) -> None:
    """Connections, copies and locks are let go of."""
    async with aclosing(_stream(table)) as rows:
        assert (await anext(rows))["id"] == 0
    async with table.transaction() as tx, aclosing(_stream(tx)) as rows:
        assert (await anext(rows))["id"] == 0
    async with table.transaction() as tx:
        forgotten = _stream(tx)
        assert (await anext(forgotten))["id"] == 0
    assert await temporary_tables(table) == 0
    await forgotten.aclose()
    await table.delete(Delete("t", every_row=True))


async def _fail_while_streaming(session: Session) -> None:
    async for _ in session.stream(Select("t"), chunk_rows=10):
        raise LookupError


async def test_stream_in_a_transaction_that_fails_lets_go(table: SqliteStore) -> None:
    """The copy goes with the transaction."""

    async def fail() -> None:
        async with table.transaction() as tx:
            await _fail_while_streaming(tx)

    with pytest.raises(LookupError):
        await fail()
    assert await temporary_tables(table) == 0


async def test_stream_in_a_savepoint_that_is_undone_lets_go(table: SqliteStore) -> None:
    """The outer transaction goes on."""
    async with table.transaction() as tx:
        with suppress(LookupError):
            async with tx.transaction() as nested:
                await _fail_while_streaming(nested)
        assert await tx.count(Count("t")) == 1000
    assert await temporary_tables(table) == 0


async def test_unknown_column_of_a_stream_is_told_at_its_first_row(table: SqliteStore) -> None:
    """As by a select."""
    with pytest.raises(UnknownColumnError):
        await anext(table.stream(Select("t", columns=("nowhere",))))
    assert await table.count(Count("t")) == 1000


async def test_forgotten_stream_says_nothing_when_the_store_is_closed_before_its_turn(memory: SqliteStore) -> None:
    """It waits for the connection to drop its copy; a close in between drops that too, and nobody hears of an error."""
    await memory.run(lambda connection: connection.execute("create table t (id integer primary key)").close())
    await memory.insert(Insert("t", [{"id": n} for n in range(50)]))
    loop, unheard = asyncio.get_running_loop(), list[object]()
    before = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: unheard.append(context))
    try:
        rows = _stream(memory)
        await anext(rows)
        with suppress(UnavailableError):
            async with memory.transaction():
                del rows
                for _ in range(5):
                    await asyncio.sleep(0)
                await memory.close()
        for _ in range(5):
            await asyncio.sleep(0)
        gc.collect()
    finally:
        loop.set_exception_handler(before)
    assert unheard == []


@pytest.mark.parametrize("columns", [("_rowid_",), ("_ROWID_", "rowid"), ("_rowid_", "rowid", "oid")])
async def test_stream_of_columns_named_like_row_ids_ends(memory: SqliteStore, columns: tuple[str, ...]) -> None:
    """A column may have the name by which chunks would be found, whatever is in it."""
    declared = ", ".join(f"{name} blob" for name in columns)
    await memory.run(
        lambda connection: connection.execute(f"create table t (id integer primary key, {declared})").close()
    )
    rows = [{"id": n, **dict.fromkeys(columns, b"x")} for n in range(25)]
    await memory.insert(Insert("t", rows, returning=False))
    async with asyncio.timeout(10):
        assert [row async for row in memory.stream(Select("t"), chunk_rows=10)] == rows
