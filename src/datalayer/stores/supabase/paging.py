"""Pages: how an answer longer than the server's row cap is read to its end, decided without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from datalayer.query import Filter, Group, OrderBy, Row, Select, asc
from datalayer.query.keyset import after_row, complete_order
from datalayer.stores.catalog import Column, Kind, Table
from datalayer.stores.supabase.values import is_cast

#: A page shorter than asked for and than this is the last one. A server with a lower cap is not supported.
LOWEST_CAP: Final = 100


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages of one question.

    With a primary key each page starts after the last row of the one before, so that writers between two pages
    neither hide nor repeat rows that they do not touch. Without one pages go by offset over all columns: rows deleted
    between two pages hide as many others.

    Args:
        question: what was asked.
        table: of the live schema.
        page_rows: rows to ask for at a time.
    """

    question: Select
    table: Table
    page_rows: int

    @property
    def is_single(self) -> bool:
        """Whether one page surely holds all: a limit below any cap."""
        return self.question.limit is not None and self.question.limit <= min(LOWEST_CAP, self.page_rows)

    @property
    def order(self) -> OrderBy:
        """The question's order, completed so that no two rows tie unless they are equal."""
        if self.is_single:
            return self.question.order
        key = self.table.primary_key or tuple(c.name for c in self.table.columns if _is_sortable(c))
        return complete_order(self.question.order, key)

    @property
    def columns(self) -> tuple[str, ...]:
        """What is asked for: the question's columns and those that place the next page."""
        wanted = self.question.columns or tuple(column.name for column in self.table.columns)
        extra = () if self.is_single else (part.column for part in self.order)
        return tuple(dict.fromkeys((*wanted, *extra)))

    def first(self) -> Select:
        """Return the first page's question."""
        return replace(self.question, order=self.order, columns=self.columns, limit=self._size(0))

    def following(self, page: Select, rows: Sequence[Row], taken: int) -> Select | None:
        """Return the question for the page after ``page``, None when there is none.

        Args:
            page: the last question asked.
            rows: its answer.
            taken: rows received so far, these included.
        """
        asked, limit = page.limit or 0, self.question.limit
        if self.is_single or not rows or (limit is not None and taken >= limit):
            return None
        if len(rows) < asked and len(rows) < LOWEST_CAP:
            return None
        if not self.table.primary_key:
            return replace(page, limit=self._size(taken), offset=self.question.offset + taken)
        return replace(page, where=self._after(rows[-1]), limit=self._size(taken), offset=0)

    def cut(self, rows: Sequence[Row]) -> list[Row]:
        """Drop the columns that nobody asked for."""
        wanted = self.question.columns
        if wanted is None or len(wanted) == len(self.columns):
            return list(rows)
        return [{name: row[name] for name in wanted} for row in rows]

    def _size(self, taken: int) -> int:
        limit = self.question.limit
        return self.page_rows if limit is None else min(self.page_rows, limit - taken)

    def _after(self, row: Row) -> Filter:
        after, where = after_row(self.order, row), self.question.where
        return after if where is None else Group("and", (where, after))


def default_order(table: Table) -> OrderBy:
    """Order by the primary key, for an answer that comes in parts."""
    return tuple(asc(name) for name in table.primary_key)


def _is_sortable(column: Column) -> bool:
    return column.type.kind is not Kind.JSON and not (column.type.kind is Kind.TEXT and is_cast(column.type))
