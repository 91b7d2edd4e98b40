"""Keyset pages: the filter that continues after a given row, for any mix of directions and NULL placements."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from datalayer.errors import InvalidValueError
from datalayer.query.filters import Comparison, Filter, Group, col
from datalayer.query.order import Order, OrderBy


def complete_order(order: OrderBy, key: tuple[str, ...]) -> OrderBy:
    """Append the key's columns that the order lacks, so that no two rows tie.

    Raises:
        InvalidValueError: a single column or a name where a tuple of asc(...) and desc(...) belongs.
    """
    if not isinstance(order, tuple | list) or not all(isinstance(part, Order) for part in order):
        raise InvalidValueError('must be a tuple of asc(...) and desc(...), such as (asc("title"),)', field="order")
    named = {part.column for part in order}
    return (*order, *(Order(column) for column in key if column not in named))


def after_row(order: OrderBy, row: Mapping[str, Any], *, required: Collection[str] = ()) -> Filter:
    """Build the filter for all rows that come after ``row``.

    Args:
        order: a complete order (no two rows tie), see :func:`complete_order`.
        row: has every column of the order; NULLs allowed.
        required: columns that are never NULL; without a test for NULL an index answers the page alone.
    """
    alternatives: list[Filter] = []
    equal_so_far: list[Filter] = []
    for part in order:
        value = row[part.column]
        beyond = _beyond(part, value, required)
        if beyond is not None:
            alternatives.append(Group("and", (*equal_so_far, beyond)) if equal_so_far else beyond)
        equal_so_far.append(col(part.column).is_null() if value is None else col(part.column).eq(value))
    return alternatives[0] if len(alternatives) == 1 else Group("or", tuple(alternatives))


def _beyond(part: Order, value: Any, required: Collection[str]) -> Filter | None:
    """Rows strictly after ``value`` in this one column; None when there can be none."""
    column = col(part.column)
    if value is None:
        return column.is_not_null() if part.nulls_first else None
    further: Comparison = column.lt(value) if part.descending else column.gt(value)
    return further if part.nulls_first or part.column in required else further | column.is_null()
