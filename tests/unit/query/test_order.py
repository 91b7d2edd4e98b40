"""Order: where NULLs stand, and how a part is changed."""

from __future__ import annotations

import pytest
from tests.unit.query import reference

from datalayer.query import Order, asc, desc


def test_nulls_stand_as_in_postgresql_by_default() -> None:
    """Ascending puts NULLs last, descending puts them first."""
    rows: list[reference.Row] = [{"a": 1}, {"a": None}, {"a": 2}]
    assert [row["a"] for row in reference.select(rows, None, (asc("a"),))] == [1, 2, None]
    assert [row["a"] for row in reference.select(rows, None, (desc("a"),))] == [None, 2, 1]


@pytest.mark.parametrize("part", [asc("a"), desc("a")])
def test_nulls_moves_them_without_touching_the_direction(part: Order) -> None:
    """nulls(first=...) answers a new order; the old one stays."""
    moved = part.nulls(first=not part.nulls_first)
    assert moved.descending == part.descending
    assert moved.nulls_first != part.nulls_first
    assert moved.nulls(first=part.nulls_first) == part


def test_order_is_hashable_by_value() -> None:
    """An order is part of a statement's cache key."""
    assert hash(asc("a")) == hash(asc("a"))
    assert len({asc("a"), asc("a"), desc("a"), asc("b")}) == 3
