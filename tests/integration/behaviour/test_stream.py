"""Streams: any number of rows in bounded memory, past every cap."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import pytest

from datalayer.errors import UnknownColumnError, UnknownTableError
from datalayer.query import Insert, Row, Select, asc, col, desc
from datalayer.stores.contract import Store

ROWS = 2_500


@pytest.fixture
async def filled(store: Store) -> Store:
    """Lend the store with 2,500 samples: Supabase answers 1,000 at a time."""
    rows = [{"id": n, "number": n % 10, "word": None if n % 3 else "x"} for n in range(ROWS)]
    await store.insert(Insert("samples", rows, returning=False))
    return store


async def streamed(store: Store, question: Select, **options: int) -> list[int]:
    """Return the ids of a stream's rows."""
    return [row["id"] async for row in store.stream(question, **options)]


async def test_stream_yields_every_row_in_order(filled: Store) -> None:
    """2,500 rows come out, each once, in the order asked for."""
    assert await streamed(filled, Select("samples", order=(asc("id"),))) == list(range(ROWS))
    assert await streamed(filled, Select("samples", order=(desc("id"),))) == list(reversed(range(ROWS)))


async def test_select_without_limit_returns_every_row(filled: Store) -> None:
    """No cap of a server shortens an answer."""
    rows = await filled.select(Select("samples", order=(asc("id"),)))
    assert [row["id"] for row in rows] == list(range(ROWS))


async def test_unordered_reads_still_return_each_row_once(filled: Store) -> None:
    """Without an order the rows may come in any, but none twice and none missing."""
    assert sorted(await streamed(filled, Select("samples"))) == list(range(ROWS))
    assert sorted(row["id"] for row in await filled.select(Select("samples"))) == list(range(ROWS))


@pytest.mark.parametrize("chunk_rows", [1, 7, 999, 1_001, 5_000])
async def test_stream_is_the_same_at_any_chunk_size(filled: Store, chunk_rows: int) -> None:
    """The chunk is a matter of memory, not of meaning."""
    question = Select("samples", col("id").lt(20 if chunk_rows == 1 else ROWS), order=(desc("number"), asc("id")))
    expected = [row["id"] for row in await filled.select(question)]
    assert await streamed(filled, question, chunk_rows=chunk_rows) == expected


async def test_stream_keeps_order_with_ties_and_nulls_across_chunks(filled: Store) -> None:
    """An order full of ties and NULLs loses no row where one chunk ends and the next begins."""
    found = await streamed(filled, Select("samples", order=(desc("word"), asc("number"))), chunk_rows=100)
    assert sorted(found) == list(range(ROWS))
    nulls, words = found[: ROWS - len(range(0, ROWS, 3))], found[ROWS - len(range(0, ROWS, 3)) :]
    assert all(n % 3 for n in nulls)
    assert [n % 10 for n in words] == sorted(n % 10 for n in words)


async def test_stream_follows_filter_columns_limit_and_offset(filled: Store) -> None:
    """A stream answers the whole question, not only its table."""
    question = Select(
        "samples", col("number").eq(3), order=(asc("id"),), limit=150, offset=10, columns=("id", "number")
    )
    rows = [row async for row in filled.stream(question, chunk_rows=40)]
    assert rows == [{"id": 10 * n + 3, "number": 3} for n in range(10, 160)]


async def test_stream_without_the_key_among_its_columns_yields_every_row(filled: Store) -> None:
    """What pages are cut by need not be among the columns, and does not slip into the rows."""
    question = Select("samples", order=(desc("number"),), columns=("number",))
    rows = [row async for row in filled.stream(question, chunk_rows=300)]
    assert rows == [{"number": n} for n in reversed(range(10)) for _ in range(ROWS // 10)]


async def test_stream_of_nothing_ends_at_once(store: Store) -> None:
    """An empty table is an empty stream."""
    assert await streamed(store, Select("samples")) == []


async def test_stream_may_be_left_early(filled: Store) -> None:
    """After aclose the store goes on as before, also when it happens many times."""
    for _ in range(15):
        rows = cast("AsyncGenerator[Row, None]", filled.stream(Select("samples", order=(asc("id"),)), chunk_rows=10))
        async with aclosing(rows):
            assert (await anext(rows))["id"] == 0
    assert len(await streamed(filled, Select("samples"))) == ROWS


async def test_writes_go_on_while_a_stream_is_open(filled: Store) -> None:
    """A reader in the middle of a table does not hold up writers."""
    rows = filled.stream(Select("samples", col("id").lt(ROWS), order=(asc("id"),)), chunk_rows=100)
    seen = 0
    async for _ in rows:
        if seen == 150:
            await filled.insert(Insert("samples", [{"id": ROWS + 1}]), timeout=2)
        seen += 1
    assert seen == ROWS


async def test_stream_of_unknown_names_is_refused_like_a_select(store: Store) -> None:
    """The same mistakes are the same errors in a stream."""
    with pytest.raises(UnknownTableError):
        await streamed(store, Select("nothing"))
    with pytest.raises(UnknownColumnError):
        await streamed(store, Select("samples", col("wrd").eq("x")))
