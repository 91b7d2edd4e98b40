"""Each comparison on each kind of column; NULL is matched only by the two tests that name it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from tests.integration.behaviour.asking import labels, put

from datalayer.query import Count, Select, col, where_equal
from datalayer.stores.contract import Store

#: Three values per column, ascending.
ORDERED: dict[str, tuple[Any, Any, Any]] = {
    "small": (-32768, 0, 32767),
    "whole": (-5, 7, 70),
    "big": (-(2**63), 2**53 + 1, 2**63 - 1),
    "exact": (Decimal("-0.10"), Decimal("9.5"), Decimal("10.25")),
    "price": (Decimal("-0.01"), Decimal("9.99"), Decimal("100.00")),
    "single": (-1.5, 0.25, 1e30),
    "double": (-1e300, 0.1, 1e300),
    "label": ("a", "b", "c"),
    "short": ("1", "2", "3"),
    "day": (date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)),
    "clock": (time(0, 0), time(9, 30, 0, 1), time(23, 59, 59, 999999)),
    "moment": (datetime(1, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)),
    "instant": (
        datetime(1900, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 12, 0, 0, 1, tzinfo=UTC),
        datetime(2024, 1, 1, 12, 0, 0, 2, tzinfo=UTC),
    ),
    "token": (UUID(int=1), UUID("7f000000-0000-4000-8000-000000000000"), UUID(int=2**128 - 1)),
}


@pytest.mark.parametrize("column", ORDERED)
async def test_comparison_finds_exactly_the_rows_it_says(store: Store, column: str) -> None:
    """eq, neq, gt, gte, lt, lte and in mean on every kind what they mean in mathematics; NULL is never matched."""
    low, mid, high = ORDERED[column]
    await put(store, "things", *({"counter": n, column: v} for n, v in enumerate((low, mid, high, None), 1)))

    async def matching(where: Any) -> list[int]:
        rows = await store.select(Select("things", where, columns=("counter",)))
        return sorted(row["counter"] for row in rows)

    asked = col(column)
    assert await matching(asked.eq(mid)) == [2]
    assert await matching(asked.neq(mid)) == [1, 3]
    assert await matching(asked.gt(mid)) == [3]
    assert await matching(asked.gte(mid)) == [2, 3]
    assert await matching(asked.lt(mid)) == [1]
    assert await matching(asked.lte(mid)) == [1, 2]
    assert await matching(asked.in_([low, high])) == [1, 3]
    assert await matching(~asked.in_([low, high])) == [2]
    assert await matching(asked.is_null()) == [4]
    assert await matching(asked.is_not_null()) == [1, 2, 3]


@pytest.mark.parametrize(
    ("column", "one", "other"),
    [
        ("flag", True, False),
        ("raw", b"\x00\xff", b"\x00"),
        ("doc", {"a": 1, "b": [True, None]}, {"a": 1, "b": [True]}),
        ("tags", ["a,b", "c"], ["a", "b,c"]),
        ("numbers", [1, 2], [2, 1]),
    ],
)
async def test_equality_works_on_kinds_without_an_order(store: Store, column: str, one: Any, other: Any) -> None:
    """Booleans, bytes, documents and arrays can be asked for by value."""
    rows = ({"label": "one", column: one}, {"label": "other", column: other}, {"label": "none", column: None})
    await put(store, "things", *rows)
    assert await labels(store, col(column).eq(one)) == ["one"]
    assert await labels(store, col(column).neq(one)) == ["other"]
    assert await labels(store, col(column).is_null()) == ["none"]


async def test_document_equality_ignores_the_order_of_keys(store: Store) -> None:
    """A JSON object is a set of pairs."""
    await put(store, "things", {"label": "it", "doc": {"b": 1, "a": {"y": 2, "x": 3}}})
    assert await labels(store, col("doc").eq({"a": {"x": 3, "y": 2}, "b": 1})) == ["it"]


async def test_numeric_equality_ignores_trailing_zeros(store: Store) -> None:
    """1.50 and 1.5 are one number, whatever scale they were written with; a whole number may be given as int."""
    await put(store, "things", {"label": "it", "exact": Decimal("1.50")}, {"label": "two", "exact": Decimal("2.0")})
    assert await labels(store, col("exact").eq(Decimal("1.5"))) == ["it"]
    assert await labels(store, col("exact").in_([Decimal("1.500")])) == ["it"]
    assert await labels(store, col("exact").eq(2)) == ["two"]
    assert await labels(store, col("exact").gt(1)) == ["it", "two"]


async def test_instant_is_found_by_any_spelling_of_its_zone(store: Store) -> None:
    """Noon in UTC and three in Moscow are one instant."""
    noon = datetime.fromisoformat("2024-05-01T12:00:00.000001+00:00")
    await put(store, "things", {"label": "it", "instant": noon})
    moscow = datetime.fromisoformat("2024-05-01T15:00:00.000001+03:00")
    assert await labels(store, col("instant").eq(moscow)) == ["it"]
    assert await labels(store, col("instant").lt(moscow)) == []


async def test_where_equal_with_none_means_is_null(store: Store) -> None:
    """where_equal(x=None) finds the rows without a value."""
    await put(store, "things", {"label": "a", "whole": 1}, {"label": "b", "whole": 1, "big": 2}, {"label": "c"})
    assert await labels(store, where_equal(whole=1, big=None)) == ["a"]
    assert await labels(store, where_equal(whole=None)) == ["c"]


async def test_count_and_exists_agree_with_select(store: Store) -> None:
    """Count answers how many rows match; of none it answers 0, which is how exists is asked."""
    await put(store, "things", *({"whole": n % 3} for n in range(10)))
    assert await store.count(Count("things")) == 10
    assert await store.count(Count("things", col("whole").eq(0))) == 4
    assert await store.count(Count("things", col("whole").eq(5))) == 0
    assert await store.count(Count("parents")) == 0


async def test_select_returns_only_the_columns_asked_for(store: Store) -> None:
    """Rows have exactly the columns named, in any order they were named."""
    await put(store, "things", {"label": "x", "whole": 1})
    rows = await store.select(Select("things", columns=("whole", "label")))
    assert rows == [{"whole": 1, "label": "x"}]
