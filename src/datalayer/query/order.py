"""Order: by which columns, which way, and where NULLs stand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Order:
    """One column of an ORDER BY. Without a word, NULLs stand as in PostgreSQL: last ascending, first descending."""

    column: str
    descending: bool = False
    nulls_first: bool = False

    def nulls(self, *, first: bool) -> Order:
        """Put NULLs first or last."""
        return replace(self, nulls_first=first)


OrderBy: TypeAlias = tuple[Order, ...]


def asc(column: str) -> Order:
    """Smallest first, NULLs last."""
    return Order(column)


def desc(column: str) -> Order:
    """Largest first, NULLs first; add ``.nulls(first=False)`` to have them last."""
    return Order(column, descending=True, nulls_first=True)
