"""Random questions over random rows are answered as plain Python answers them."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.query import reference
from tests.unit.query.strategies import filters, orders, row_lists

from datalayer.query import Count, Delete, Filter, Insert, OrderBy, Row, Select, Update
from datalayer.query.keyset import after_row, complete_order
from datalayer.stores.contract import Store

ROWS = row_lists(max_size=25)


async def refill(store: Store, rows: list[Row]) -> None:
    """Make the samples exactly these rows."""
    await store.delete(Delete("samples", every_row=True))
    if rows:
        await store.insert(Insert("samples", rows, returning=False))


@settings(max_examples=15)
@given(rows=ROWS, wheres=st.lists(filters(), min_size=8, max_size=8), order=orders())
async def test_random_filters_find_what_the_reference_finds(
    store: Store, rows: list[Row], wheres: list[Filter], order: OrderBy
) -> None:
    """Any filter, any order: the same rows in the same order as by SQL's three-valued logic in Python."""
    await refill(store, rows)
    full_order = complete_order(order, ("id",))
    for where in wheres:
        expected = reference.select(rows, where, full_order)
        assert await store.select(Select("samples", where, order=full_order)) == expected
        assert await store.count(Count("samples", where)) == len(expected)


@settings(max_examples=10)
@given(rows=ROWS, where=filters(), again=filters())
async def test_random_writes_touch_what_the_reference_finds(
    store: Store, rows: list[Row], where: Filter, again: Filter
) -> None:
    """Update and delete touch the rows that select would find, and no others."""
    await refill(store, rows)
    changed = await store.update(Update("samples", {"number": 77}, where, returning=True))
    expected: list[dict[str, Any]] = [dict(row) for row in reference.select(rows, where)]
    assert {row["id"] for row in changed.rows} == {row["id"] for row in expected}
    now = [{**row, "number": 77} if row in expected else row for row in rows]
    gone = await store.delete(Delete("samples", again, returning=True))
    assert {row["id"] for row in gone.rows} == {row["id"] for row in reference.select(now, again)}
    assert (changed.count, gone.count) == (len(changed.rows), len(gone.rows))


@settings(max_examples=15)
@given(rows=ROWS, order=orders(), size=st.integers(min_value=1, max_value=9))
async def test_random_pages_and_streams_visit_every_row_once(
    store: Store, rows: list[Row], order: OrderBy, size: int
) -> None:
    """Keyset pages and streams over data full of ties and NULLs are the whole table in order."""
    await refill(store, rows)
    full_order = complete_order(order, ("id",))
    expected = reference.select(rows, None, full_order)
    paged: list[Row] = []
    page = await store.select(Select("samples", order=full_order, limit=size))
    while page:
        paged.extend(page)
        page = await store.select(Select("samples", after_row(full_order, page[-1]), order=full_order, limit=size))
    assert paged == expected
    assert [row async for row in store.stream(Select("samples", order=full_order), chunk_rows=size)] == expected
