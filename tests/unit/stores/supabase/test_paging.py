"""Which page comes next, and whether one does."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.stores.supabase.tables import KEYLESS, PAIRS, PEOPLE

from datalayer.query import Row, Select, asc, col, desc
from datalayer.stores.catalog import Table
from datalayer.stores.supabase.filters import logic_tree
from datalayer.stores.supabase.paging import Pages


def rows(count: int, **last: Any) -> list[Row]:
    """Return so many rows, the last of which is given."""
    return [*({"id": n} for n in range(count - 1)), {"id": count - 1, **last}]


def pages(table: Table = PEOPLE, page_rows: int = 1000, **question: Any) -> Pages:
    """Plan the pages of a question."""
    return Pages(Select(table.name, **question), table, page_rows)


def test_small_limit_is_one_page_in_the_order_asked() -> None:
    """Below any cap nothing is cut off, so no order is forced and no second request made."""
    plan = pages(limit=100, order=(asc("age"),), columns=("name",))
    page = plan.first()
    assert (page.order, page.columns, page.limit) == ((asc("age"),), ("name",), 100)
    assert plan.following(page, rows(100), 100) is None


@pytest.mark.parametrize(
    ("received", "goes_on"), [(0, False), (99, False), (100, True), (150, True), (999, True), (1000, True)]
)
def test_short_page_is_only_trusted_below_any_cap(received: int, goes_on: bool) -> None:
    """A page of 150 may have been cut by a cap of 150; one of 99 was not."""
    plan = pages()
    following = plan.following(plan.first(), rows(received) if received else [], received)
    assert (following is not None) is goes_on


def test_limit_reached_is_the_end() -> None:
    """No request confirms what was not asked for; the last page asks for the rest only."""
    plan = pages(limit=1500)
    second = plan.following(plan.first(), rows(1000), 1000)
    assert second is not None
    assert second.limit == 500
    assert plan.following(second, rows(500), 1500) is None


def test_keyset_page_starts_after_the_last_row_without_null_tests_on_required_columns() -> None:
    """A primary key alone is one comparison that an index answers; the offset counts for the first page only."""
    plan = pages(where=col("age").gt(3), offset=7)
    assert plan.first().offset == 7
    second = plan.following(plan.first(), rows(1000), 1000)
    assert second is not None
    assert second.where is not None
    assert (second.offset, logic_tree(second.where, PEOPLE)) == (0, '(and("age".gt.3,"id".gt.999))')


def test_composite_key_page_is_bounded_by_its_first_column() -> None:
    """The bound lets the server start its index scan at the row."""
    plan = pages(PAIRS)
    second = plan.following(plan.first(), [{"a": 1, "b": 2}] * 1000, 1000)
    assert second is not None
    assert second.where is not None
    assert logic_tree(second.where, PAIRS) == '(and("a".gte.1,or("a".gt.1,and("a".eq.1,"b".gt.2))))'


def test_order_is_completed_and_hidden_columns_are_cut_off() -> None:
    """What places the next page is asked for, and dropped again."""
    plan = pages(order=(desc("age"),), columns=("name",))
    page = plan.first()
    assert page.order == (desc("age"), asc("id"))
    assert page.columns == ("name", "age", "id")
    assert plan.cut([{"name": "x", "age": 1, "id": 2}]) == [{"name": "x"}]


def test_table_without_a_key_is_paged_by_offset_over_its_sortable_columns() -> None:
    """Json and types of unknown order cannot sort."""
    plan = pages(KEYLESS, offset=5)
    assert plan.first().order == (asc("line"),)
    second = plan.following(plan.first(), rows(300), 300)
    assert second is not None
    assert (second.offset, second.where) == (305, None)
