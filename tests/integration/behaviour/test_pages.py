"""Order, limit, offset and keyset pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.integration.behaviour.asking import put

from datalayer.errors import InvalidValueError
from datalayer.query import Insert, OrderBy, Row, Select, asc, desc
from datalayer.query.keyset import after_row, complete_order
from datalayer.stores.contract import Store

ROWS: list[Row] = [
    {"id": 1, "number": 2, "word": "b"},
    {"id": 2, "number": None, "word": "a"},
    {"id": 3, "number": 1, "word": None},
    {"id": 4, "number": 2, "word": "a"},
    {"id": 5, "number": None, "word": None},
]


async def ids(store: Store, **question: Any) -> list[int]:
    """Return the ids a question finds, in its order."""
    return [row["id"] for row in await store.select(Select("samples", **question))]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ((asc("number"), asc("id")), [3, 1, 4, 2, 5]),
        ((desc("number"), asc("id")), [2, 5, 1, 4, 3]),
        ((asc("number").nulls(first=True), asc("id")), [2, 5, 3, 1, 4]),
        ((desc("number").nulls(first=False), asc("id")), [1, 4, 3, 2, 5]),
        ((asc("number"), desc("word"), asc("id")), [3, 1, 4, 5, 2]),
        ((desc("number").nulls(first=False), asc("word").nulls(first=True)), [4, 1, 3, 5, 2]),
        ((desc("id"),), [5, 4, 3, 2, 1]),
    ],
)
async def test_order_places_values_and_nulls_as_asked(store: Store, order: OrderBy, expected: list[int]) -> None:
    """Directions and NULL placements mix freely; by default NULLs stand last ascending and first descending."""
    await put(store, "samples", *ROWS)
    assert await ids(store, order=order) == expected


async def test_numbers_sort_by_value_and_not_by_spelling(store: Store) -> None:
    """A numeric sorts as a number: -10, -9.5, 2, 10, 1e20."""
    values = [Decimal(text) for text in ("10", "-9.5", "100000000000000000000", "2", "-10")]
    await put(store, "things", *({"exact": value} for value in values))
    rows = await store.select(Select("things", order=(asc("exact"),)))
    assert [row["exact"] for row in rows] == sorted(values)


async def test_limit_and_offset_cut_the_sorted_rows(store: Store) -> None:
    """Limit takes that many, offset skips that many first; past the end there is nothing."""
    await put(store, "samples", *ROWS)
    order = (asc("id"),)
    assert await ids(store, order=order, limit=2) == [1, 2]
    assert await ids(store, order=order, limit=2, offset=2) == [3, 4]
    assert await ids(store, order=order, limit=2, offset=4) == [5]
    assert await ids(store, order=order, offset=3) == [4, 5]
    assert await ids(store, order=order, limit=2, offset=9) == []
    assert await ids(store, order=order, offset=9) == []
    assert await ids(store, order=order, limit=0) == []


@pytest.mark.parametrize("question", [{"limit": -1}, {"offset": -1}])
async def test_negative_limit_and_offset_are_refused(store: Store, question: dict[str, int]) -> None:
    """A negative bound is a mistake in the caller's arithmetic, said by name."""
    with pytest.raises(InvalidValueError, match=next(iter(question))):
        await ids(store, **question)


async def test_limit_above_the_servers_cap_is_filled(store: Store) -> None:
    """A limit of 1,500 is 1,500 rows, also where the server answers 1,000 at most; so is an offset beyond them."""
    await store.insert(Insert("samples", [{"id": n} for n in range(2_100)], returning=False))
    order = (asc("id"),)
    assert await ids(store, order=order, limit=1_500) == list(range(1_500))
    assert await ids(store, order=order, limit=1_500, offset=1_050) == list(range(1_050, 2_100))
    assert await ids(store, order=(desc("id"),), offset=500) == list(reversed(range(1_600)))


@pytest.mark.parametrize(
    "order",
    [
        (),
        (asc("number"),),
        (desc("number"), asc("word")),
        (desc("number").nulls(first=False), desc("word")),
        (asc("number").nulls(first=True), desc("word").nulls(first=False)),
    ],
)
async def test_keyset_pages_are_the_whole_table_in_order(store: Store, order: OrderBy) -> None:
    """Pages of two that continue after the last row visit every row once, NULLs included."""
    await put(store, "samples", *ROWS)
    full_order = complete_order(order, ("id",))
    seen: list[int] = []
    page = await store.select(Select("samples", order=full_order, limit=2))
    while page:
        seen.extend(row["id"] for row in page)
        page = await store.select(Select("samples", after_row(full_order, page[-1]), order=full_order, limit=2))
    assert seen == await ids(store, order=full_order)
    assert sorted(seen) == [1, 2, 3, 4, 5]
