"""Long in-lists in parts, and one answer from several."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from datalayer.query import Comparison, Filter, Group, Row, asc, col, desc
from datalayer.stores.supabase.splitting import lead_with, sort_rows, split_in_list

LONG = col("age").in_(range(5_000))


def split(where: Filter | None, length: int = 30_000) -> list[Filter | None]:
    """Split with ten bytes for each value."""
    return split_in_list(where, length=length, cost=lambda listed, value: 6)


def listed(part: Filter | None) -> tuple[Any, ...]:
    """Return the values of a part's in-list."""
    found = part.members[0] if isinstance(part, Group) else part
    assert isinstance(found, Comparison)
    values: tuple[Any, ...] = found.value
    return values


def test_filter_that_fits_stays_whole() -> None:
    """No filter, a short one: one request."""
    assert split(None) == [None]
    assert split(LONG, length=6_000) == [LONG]


@pytest.mark.parametrize("where", [LONG, LONG & col("name").eq("x")])
def test_long_list_is_split_into_disjoint_parts(where: Filter) -> None:
    """Every value is in one part, other conditions in all of them."""
    parts = split(where)
    assert len(parts) == 5
    assert [value for part in parts for value in listed(part)] == list(range(5_000))
    if isinstance(where, Group):
        assert all(isinstance(part, Group) and part.members[1] == col("name").eq("x") for part in parts)


@pytest.mark.parametrize("where", [~LONG, LONG | col("name").eq("x"), col("name").eq("x" * 30_000)])
def test_list_that_need_not_hold_is_not_split(where: Filter) -> None:
    """Its parts would overlap."""
    assert split(where) == [where]


def test_update_starts_with_the_value_it_writes() -> None:
    """A row changed by one part must not match a later one."""
    assert listed(lead_with(col("age").in_([1, 2, 3]), {"age": 3})) == (3, 1, 2)
    assert listed(lead_with(col("age").in_([1, 2, 3]) & col("name").eq("x"), {"age": 3})) == (3, 1, 2)
    assert listed(lead_with(col("age").in_([1, 2, 3]), {"name": "x"})) == (1, 2, 3)


def test_rows_sort_as_the_server_would() -> None:
    """By several columns, NULLs where asked, NaN above all numbers, text by code point."""
    rows: list[Row] = [
        {"n": Decimal("NaN"), "t": "б"},
        {"n": None, "t": "a"},
        {"n": Decimal(2), "t": "B"},
        {"n": Decimal(2), "t": None},
        {"n": Decimal(10), "t": "a"},
    ]
    sort_rows(rows, (asc("n"), desc("t")))
    assert [(str(row["n"]), row["t"]) for row in rows] == [
        ("2", None),
        ("2", "B"),
        ("10", "a"),
        ("NaN", "б"),
        ("None", "a"),
    ]
    sort_rows(rows, (desc("n").nulls(first=False), asc("t").nulls(first=True)))
    assert [str(row["n"]) for row in rows] == ["NaN", "10", "2", "2", "None"]
    assert [row["t"] for row in rows][2:4] == [None, "B"]


def test_arrays_and_documents_sort_without_failing() -> None:
    """Arrays by element with NULL last."""
    rows: list[Row] = [{"a": [2]}, {"a": [1, None]}, {"a": [1, 5]}]
    sort_rows(rows, (asc("a"),))
    assert [row["a"] for row in rows] == [[1, 5], [1, None], [2]]
    sort_rows(rows, (asc("a"),))
    documents: list[Row] = [{"a": {"b": 2}}, {"a": {"b": 1}}]
    sort_rows(documents, (asc("a"),))
    assert documents[0] == {"a": {"b": 1}}
