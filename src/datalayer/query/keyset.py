"""Keyset pages: the filter that continues after a given row, for any mix of directions and NULL placements."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from datalayer.errors import InvalidValueError
from datalayer.query.filters import Comparison, Filter, Group, Shape, col
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


def after_row(order: OrderBy, row: Mapping[str, Any]) -> AfterRow:
    """Build the filter for all rows that come after ``row``.

    Args:
        order: a complete order (no two rows tie), see :func:`complete_order`.
        row: has every column of the order; NULLs allowed.
    """
    return AfterRow(tuple(order), tuple(row[part.column] for part in order))


@dataclass(frozen=True, slots=True)
class AfterRow(Filter):
    """All rows after one, whose values these are. How it is said is the store's: it knows which columns have no NULL.

    Each value is bound once, however often it is said.
    """

    order: OrderBy
    row: tuple[Any, ...]
    shape: Shape = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", ("after", self.order, tuple(value is None for value in self.row)))

    def values(self) -> tuple[Any, ...]:
        """Return what the row has in the order's columns, without its NULLs."""
        return tuple(value for value in self.row if value is not None)

    def columns(self) -> Iterator[str]:
        """Yield the order's columns."""
        return (part.column for part in self.order)

    def compares_rows(self, required: Collection[str]) -> bool:
        """Whether ``(a, b) > (x, y)`` says it all, which one range of an index answers.

        Args:
            required: columns that are never NULL.
        """
        one_way = len({part.descending for part in self.order}) == 1
        return one_way and all(part.column in required for part in self.order)

    def spelled_out(self, required: Collection[str]) -> Filter:
        """Say it column by column; a bound on the first one lets an index begin at the row.

        Args:
            required: columns that are never NULL.
        """
        alternatives: list[Filter] = []
        equal_so_far: list[Filter] = []
        for part, value in zip(self.order, self.row, strict=True):
            beyond = _beyond(part, value, required)
            if beyond is not None:
                alternatives.append(Group("and", (*equal_so_far, beyond)) if equal_so_far else beyond)
            equal_so_far.append(col(part.column).is_null() if value is None else col(part.column).eq(value))
        if len(alternatives) == 1:
            return alternatives[0]
        bound = self._bound(required)
        chain = Group("or", tuple(alternatives))
        return chain if bound is None else Group("and", (bound, chain))

    def _bound(self, required: Collection[str]) -> Filter | None:
        """Return a range of the first column that has all rows sought; None where they have NULLs there."""
        first, value = self.order[0], self.row[0]
        if value is None or not (first.nulls_first or first.column in required):
            return None
        return col(first.column).lte(value) if first.descending else col(first.column).gte(value)


def _beyond(part: Order, value: Any, required: Collection[str]) -> Filter | None:
    """Rows strictly after ``value`` in this one column; None when there can be none."""
    column = col(part.column)
    if value is None:
        return column.is_not_null() if part.nulls_first else None
    further: Comparison = column.lt(value) if part.descending else column.gt(value)
    return further if part.nulls_first or part.column in required else further | column.is_null()
