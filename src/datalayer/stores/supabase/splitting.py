"""Questions with long in-lists: asked in parts that fit a URL, answered as one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from datalayer.query import Comparison, Filter, Group, Operator, OrderBy, Row

#: Bytes of a URL's query that servers and gateways take without a special setting (nginx: 8 kB for the request line).
URL_BUDGET: Final = 6000
_LEAST_FOR_VALUES: Final = 1500


def split_in_list(where: Filter | None, *, length: int, cost: Callable[[Comparison, Any], int]) -> list[Filter | None]:
    """Split the filter's longest in-list so that each part fits; parts never match the same row.

    Only a list that must hold (the filter itself, or a member of a top-level ``and``) can be split; a filter that
    cannot be stays whole, whatever its length.

    Args:
        where: the filter.
        length: of the whole query in a URL, in bytes.
        cost: of one listed value, in bytes.
    """
    if where is None or length <= URL_BUDGET:
        return [where]
    members = where.members if isinstance(where, Group) and where.joint == "and" else (where,)
    lists = [m for m in members if isinstance(m, Comparison) and m.operator is Operator.IN and len(m.value) > 1]
    if not lists:
        return [where]
    costs = {id(listed): [cost(listed, value) for value in listed.value] for listed in lists}
    longest = max(lists, key=lambda listed: sum(costs[id(listed)]))
    budget = max(URL_BUDGET - (length - sum(costs[id(longest)])), _LEAST_FOR_VALUES)
    parts: list[Filter | None] = []
    for chunk in _chunks(longest.value, costs[id(longest)], budget):
        part = Comparison(longest.column, Operator.IN, chunk)
        parts.append(Group("and", tuple(part if m is longest else m for m in members)))
    return parts


def lead_with(where: Filter | None, changes: dict[str, Any]) -> Filter | None:
    """Put the value that an update writes first in an in-list over the same column.

    Parts run one after the other: a row that an earlier part changed must not match a later one.
    """
    if isinstance(where, Group) and where.joint == "and":
        parts = (lead_with(member, changes) for member in where.members)
        return Group("and", tuple(part for part in parts if part is not None))
    if not isinstance(where, Comparison) or where.operator is not Operator.IN or where.column not in changes:
        return where
    written = changes[where.column]
    return Comparison(where.column, Operator.IN, tuple(sorted(where.value, key=lambda value: value != written)))


def sort_rows(rows: list[Row], order: OrderBy) -> None:
    """Sort in place as the server would, text by code point, NULLs where the order puts them."""
    for part in reversed(order):
        missing = [row for row in rows if row[part.column] is None]
        present = [row for row in rows if row[part.column] is not None]
        present.sort(key=lambda row: _sort_key(row[part.column]), reverse=part.descending)
        rows[:] = missing + present if part.nulls_first else present + missing


def _chunks(listed: Sequence[Any], costs: Sequence[int], budget: int) -> Iterable[tuple[Any, ...]]:
    chunk: list[Any] = []
    filled = 0
    for value, size in zip(listed, costs, strict=True):
        if chunk and filled + size > budget:
            yield tuple(chunk)
            chunk, filled = [], 0
        chunk.append(value)
        filled += size
    yield tuple(chunk)


def _sort_key(value: Any) -> Any:
    """Order NaN above all numbers, arrays element by element with NULL last, documents by their text."""
    if isinstance(value, list):
        return [(element is None, () if element is None else _sort_key(element)) for element in value]
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, default=str)
    return (value != value, 0 if value != value else value)
