"""What a call costs, counted and not timed: round trips, compiled statements, calls of our own functions."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pydantic import BaseModel

import datalayer
from datalayer import BaseRepository, asc, desc
from datalayer.query import OrderBy, Upsert
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.shared import COPY_ROWS
from datalayer.stores.postgres.writes import CHUNK_ROWS

OWN = str(Path(datalayer.__file__).parent)


class Item(BaseModel):
    """A row of the test's table."""

    id: int
    name: str


class Items(BaseRepository[Item]):
    """The repository under measure."""

    model = Item
    table = "items"
    key = ("name",)


Call = Callable[[Items], Awaitable[Any]]

#: Each verb, and how many calls of our own functions it may take. Lower the numbers when they fall.
COSTS: dict[str, tuple[Call, int]] = {
    "find": (lambda items: items.find(name="a"), 21),
    "list": (lambda items: items.list(name="a"), 25),
    "count": (lambda items: items.count(name="a"), 19),
    "upsert": (lambda items: items.upsert({"name": "a"}), 43),
    "upsert_many": (lambda items: items.upsert_many([{"name": str(n)} for n in range(500)]), 67),
    "update": (lambda items: items.update({"name": "a"}, name="a"), 28),
    "delete": (lambda items: items.delete(name="z"), 20),
}


@pytest.fixture
async def single(store: PostgresStore, datalayer_database: str) -> AsyncIterator[PostgresStore]:
    """Lend a store of one connection over the same table: what it sends can be traced."""
    opened = await PostgresStore.open(datalayer_database, max_size=1)
    yield opened
    await opened.close()


@pytest.mark.parametrize("verb", COSTS)
async def test_a_call_is_one_round_trip(verb: str, single: PostgresStore, tmp_path: Path) -> None:
    """Whatever a verb does, it asks the server once; counted in libpq's own trace of the protocol."""
    call, _ = COSTS[verb]
    items = Items(single)
    await call(items)
    trace = tmp_path / "trace"
    async with single.connection() as connection:
        pgconn = connection.pgconn
    with trace.open("w") as file:
        pgconn.trace(file.fileno())
        await call(items)
        pgconn.untrace()
    assert sum("\tSync" in line for line in trace.read_text().splitlines()) == 1


@pytest.mark.parametrize(("chunks", "round_trips"), [(1, 6), (3, 12)])
async def test_a_large_write_has_round_trips_by_its_chunks_and_not_its_rows(
    chunks: int, round_trips: int, single: PostgresStore, tmp_path: Path
) -> None:
    """A transaction's three, and three for each chunk: make room, copy, merge."""
    items = Items(single)
    rows = [{"name": str(number)} for number in range(chunks * CHUNK_ROWS)]
    await items.sync_many(rows[:COPY_ROWS])
    question = Upsert("items", rows, ("name",), returning=False)
    trace = tmp_path / "trace"
    async with single.connection() as connection:
        pgconn = connection.pgconn
    with trace.open("w") as file:
        pgconn.trace(file.fileno())
        await single.upsert(question, timeout=60)
        pgconn.untrace()
    assert sum("\tReadyForQuery" in line for line in trace.read_text().splitlines()) == round_trips


@pytest.mark.parametrize("verb", COSTS)
async def test_a_shape_is_compiled_once(verb: str, store: PostgresStore) -> None:
    """The second call of a shape compiles nothing, whatever its values."""
    call, _ = COSTS[verb]
    items = Items(store)
    await call(items)
    compiled = store.shared.compiled
    await call(items)
    assert store.shared.compiled == compiled


@pytest.mark.parametrize("verb", COSTS)
async def test_a_call_stays_as_thin_as_it_is(verb: str, single: PostgresStore) -> None:
    """Calls of our own functions on the way to the driver and back do not grow."""
    call, most = COSTS[verb]
    items = Items(single)
    for _ in range(2):
        await call(items)
    counted = await _count_own_calls(lambda: call(items))
    assert counted <= most


async def test_a_page_deep_in_a_table_costs_what_the_first_one_does(single: PostgresStore) -> None:
    """Pages by key start where an index says: the last page looks at no more rows than it answers."""
    await single.execute("insert into items (name) select n::text from generate_series(1, 5000) n")
    await single.execute("analyze items")
    assert len([item async for item in Items(single).iterate(page_rows=100)]) == 5000
    await single.fetch_all("select pg_stat_force_next_flush()")
    (row,) = await single.fetch_all("select idx_tup_read from pg_stat_user_indexes where indexrelname = 'items_pkey'")
    assert 5000 <= row["idx_tup_read"] <= 5500


async def test_a_large_list_is_built_without_looking_for_garbage(single: PostgresStore) -> None:
    """A thousand rows and their models wake the collector at most when each half of the work is done."""
    await single.execute("insert into items (name) select n::text from generate_series(1, 1000) n")
    items = Items(single)
    await items.list(limit=1000)
    collections = 0

    def on_collection(phase: str, _: object) -> None:
        nonlocal collections
        collections += phase == "start"

    gc.collect()
    gc.callbacks.append(on_collection)
    try:
        assert len(await items.list(limit=1000)) == 1000
    finally:
        gc.callbacks.remove(on_collection)
    assert collections <= 2


class Pair(BaseModel):
    """A row of a table with a key of two columns."""

    a: int
    b: int


class Pairs(BaseRepository[Pair]):
    """Pages by both columns of the key."""

    model = Pair
    table = "pairs"
    key = ("a", "b")


@pytest.mark.parametrize(
    ("order", "most"),
    [
        ((asc("a"), asc("b")), 5200),
        ((desc("a"), desc("b")), 5200),
        ((asc("a"), desc("b")), 5200 + 50 * 100),
    ],
)
async def test_pages_by_two_columns_read_what_they_answer(order: OrderBy, most: int, single: PostgresStore) -> None:
    """One way is one range of the index; mixed ways begin at its first column, at most 100 rows early."""
    await single.execute("create table pairs (a int, b int, primary key (a, b))")
    await single.execute("create index mixed on pairs (a, b desc)")
    await single.execute("insert into pairs select n / 100, n % 100 from generate_series(0, 4999) n")
    await single.execute("analyze pairs")
    found = [pair async for pair in Pairs(single).iterate(order=order, page_rows=70)]
    assert len(found) == len({(pair.a, pair.b) for pair in found}) == 5000
    await single.fetch_all("select pg_stat_force_next_flush()")
    (row,) = await single.fetch_all("select sum(idx_tup_read) n from pg_stat_user_indexes where relname = 'pairs'")
    assert 5000 <= row["n"] <= most


async def _count_own_calls(work: Callable[[], Awaitable[Any]]) -> int:
    """Count frames, not steps: how often a coroutine goes on depends on how the answer arrives."""
    frames: set[FrameType] = set()

    def on_event(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OWN):
            frames.add(frame)

    sys.setprofile(on_event)
    try:
        await work()
    finally:
        sys.setprofile(None)
    return len(frames)
