"""Keyset pages against the reference evaluator: any order, any NULLs, every row once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.query import reference
from tests.unit.query.strategies import orders, row_lists

from datalayer.errors import InvalidValueError
from datalayer.query import Group, Order, OrderBy, asc, col, desc
from datalayer.query.keyset import after_row, complete_order


@given(rows=row_lists(), order=orders(), size=st.integers(min_value=1, max_value=4))
def test_keyset_pages_visit_every_row_once_in_order(rows: list[dict[str, Any]], order: OrderBy, size: int) -> None:
    """Pages that each continue after the last row of the one before are the whole sorted table."""
    full_order = complete_order(order, ("id",))
    expected = reference.select(rows, None, full_order)
    seen: list[reference.Row] = []
    page = expected[:size]
    while page:
        seen.extend(page)
        page = reference.select(rows, after_row(full_order, page[-1]), full_order)[:size]
    assert seen == expected


@given(rows=row_lists(), order=orders())
def test_row_is_never_after_itself(rows: list[dict[str, Any]], order: OrderBy) -> None:
    """The row a page ended with is not on the next page, whatever is NULL in it."""
    full_order = complete_order(order, ("id",))
    for row in rows:
        assert reference.answer(after_row(full_order, row), row) is not True


def test_complete_order_appends_only_missing_key_columns() -> None:
    """A key column already ordered by keeps its direction."""
    assert complete_order((desc("a"),), ("a", "b")) == (desc("a"), asc("b"))
    assert complete_order((), ("a",)) == (asc("a"),)


def test_after_row_of_one_column_is_a_single_comparison_where_no_null_can_follow() -> None:
    """The common case compiles to the filter an index serves: key > value."""
    assert after_row((Order("id", nulls_first=True),), {"id": 7}).spelled_out(()) == col("id").gt(7)
    assert after_row((desc("id"),), {"id": 7}).spelled_out(()) == col("id").lt(7)


def test_after_a_null_that_stands_last_only_ties_follow() -> None:
    """Nothing sorts behind a trailing NULL except rows that also have NULL there."""
    where = after_row((asc("a"), asc("id")), {"a": None, "id": 3})
    assert reference.answer(where, {"a": None, "id": 4}) is True
    assert reference.answer(where, {"a": None, "id": 2}) is not True
    assert reference.answer(where, {"a": 1, "id": 9}) is not True


def test_after_the_last_possible_row_nothing_matches() -> None:
    """An order whose only column is NULL and stands last has nothing beyond: the filter is false, not missing."""
    assert reference.answer(after_row((asc("a"),), {"a": None}), {"a": 1}) is False


@pytest.mark.parametrize("order", [asc("title"), "title", ("title",), ["title"], 5, b"title"])
def test_order_that_is_no_tuple_of_columns_is_refused(order: Any) -> None:
    """A forgotten comma, a bare name: said as what to write."""
    with pytest.raises(InvalidValueError, match=r"order: must be a tuple of asc\(\.\.\.\) and desc"):
        complete_order(order, ("id",))


def test_required_columns_are_not_tested_for_null() -> None:
    """A page by the primary key is one comparison, which an index answers alone."""
    assert after_row((Order("id"),), {"id": 7}).spelled_out(("id",)) == col("id").gt(7)


def test_a_composite_page_is_bounded_by_its_first_column() -> None:
    """The bound lets an index begin at the row, whichever way the columns go; where NULLs may follow there is none."""
    chain = col("a").lt(1) | (col("a").eq(1) & col("id").gt(7))
    page = after_row((desc("a"), asc("id")), {"a": 1, "id": 7})
    assert page.spelled_out(("a", "id")) == Group("and", (col("a").lte(1), chain))
    unbound = after_row((desc("a").nulls(first=False), asc("id")), {"a": 1, "id": 7})
    chain = Group("or", (col("a").lt(1) | col("a").is_null(), col("a").eq(1) & col("id").gt(7)))
    assert unbound.spelled_out(("id",)) == chain


@given(rows=row_lists(), order=orders())
def test_what_is_said_about_required_columns_is_the_same_without_nulls(
    rows: list[dict[str, Any]], order: OrderBy
) -> None:
    """Knowing that there are no NULLs shortens the filter and changes no answer."""
    full_order = complete_order(order, ("id",))
    names = [part.column for part in full_order]
    filled = [row for row in rows if all(row[name] is not None for name in names)]
    for row in filled:
        after = after_row(full_order, row)
        found = reference.select(filled, after.spelled_out(names), full_order)
        assert found == reference.select(filled, after.spelled_out(()), full_order)


def test_rows_are_compared_only_where_all_columns_go_one_way_and_have_no_nulls() -> None:
    """A row comparison knows one direction, and NULL answers nothing."""
    row = {"a": 1, "id": 7}
    assert after_row((asc("a"), asc("id")), row).compares_rows(("a", "id"))
    assert after_row((desc("a"), desc("id")), row).compares_rows(("a", "id"))
    assert not after_row((desc("a"), asc("id")), row).compares_rows(("a", "id"))
    assert not after_row((asc("a"), asc("id")), row).compares_rows(("id",))
