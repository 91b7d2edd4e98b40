"""Questions about one table that every repository answers, whatever it makes of a row."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Generic, TypeVar

from datalayer.errors import InvalidValueError, MultipleRowsError, NotFoundError
from datalayer.query import Count, Filter, Group, OrderBy, Row, Select, where_equal
from datalayer.query.keyset import after_row, complete_order
from datalayer.repositories.arguments import check_whole
from datalayer.stores.contract import Session

AnswerT = TypeVar("AnswerT")

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000


class Questions(ABC, Generic[AnswerT]):
    """Answers questions about one table.

    A keyword that is not an argument is a column that must equal the value; ``None`` means IS NULL. ``timeout`` is the
    deadline of a store call in seconds.
    """

    table: str
    #: What tells any two rows apart: pages go by it.
    primary_key: tuple[str, ...]
    #: The order of lists that are asked for without one.
    order: OrderBy

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> AnswerT:
        """Return the one row that matches.

        Raises:
            NotFoundError: there is none.
            MultipleRowsError: there are several.
        """
        row = await self.find(where, timeout=timeout, **equal)
        if row is None:
            raise NotFoundError(self.table, _columns(where, equal))
        return row

    async def find(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> AnswerT | None:
        """Return the one row that matches, or None.

        Raises:
            MultipleRowsError: there are several.
        """
        rows = await self._session.select(Select(self.table, joined(where, equal), limit=2), timeout=timeout)
        if not rows:
            return None
        if len(rows) > 1:
            raise MultipleRowsError(self.table, _columns(where, equal))
        return self._one(rows[0])

    async def list(
        self,
        where: Filter | None = None,
        *,
        order: OrderBy | None = None,
        limit: int = DEFAULT_LIMIT,
        offset: int = 0,
        timeout: float | None = None,
        **equal: Any,
    ) -> builtins.list[AnswerT]:
        """Return the first rows that match, at most 1,000; :meth:`iterate` has no such bound.

        Args:
            order: rows that tie in it are ordered by the primary key.
        """
        check_whole("limit", limit, least=0)
        check_whole("offset", offset, least=0)
        if limit > MAX_LIMIT:
            raise InvalidValueError(f"is {MAX_LIMIT:,} at most; use iterate for more rows", field="limit")
        question = Select(self.table, joined(where, equal), self._complete(order), limit, offset)
        return self._many(await self._session.select(question, timeout=timeout))

    async def iterate(
        self,
        where: Filter | None = None,
        *,
        order: OrderBy | None = None,
        page_rows: int = 1000,
        timeout: float | None = None,
        **equal: Any,
    ) -> AsyncIterator[AnswerT]:
        """Yield all rows that match, in pages that continue after the last row seen.

        Each page is a question of its own. A row added meanwhile is seen when it comes later in the order; none is seen
        twice for it. A row whose order columns are changed meanwhile may be seen again, or missed: where rows change,
        order by columns that never do, such as the primary key.
        """
        check_whole("page_rows", page_rows, least=1)
        matching, completed = joined(where, equal), self._complete(order)
        question = Select(self.table, matching, completed, limit=page_rows)
        while True:
            rows = await self._session.select(question, timeout=timeout)
            for answer in self._many(rows):
                yield answer
            if len(rows) < page_rows:
                return
            after = after_row(completed, rows[-1])
            question = replace(question, where=after if matching is None else Group("and", (matching, after)))

    async def count(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> int:
        """Return how many rows match."""
        return await self._session.count(Count(self.table, joined(where, equal)), timeout=timeout)

    async def exists(self, where: Filter | None = None, *, timeout: float | None = None, **equal: Any) -> bool:
        """Say whether any row matches."""
        question = Select(self.table, joined(where, equal), limit=1, columns=self.primary_key)
        return bool(await self._session.select(question, timeout=timeout))

    @abstractmethod
    def _one(self, row: Row) -> AnswerT:
        """Make an answer of a row."""

    @abstractmethod
    def _many(self, rows: builtins.list[Row]) -> builtins.list[AnswerT]:
        """Make answers of rows."""

    def _complete(self, order: OrderBy | None) -> OrderBy:
        return self.order if order is None else complete_order(order, self.primary_key)


class DictQuestions(Questions[Row]):
    """Answers with the store's dicts as they are, of every column of the table: nothing is checked or made."""

    def __init__(self, session: Session, table: str, primary_key: tuple[str, ...], order: OrderBy) -> None:
        super().__init__(session)
        self.table = table
        self.primary_key = primary_key
        self.order = order

    def _one(self, row: Row) -> Row:
        return row

    def _many(self, rows: builtins.list[Row]) -> builtins.list[Row]:
        return rows


def joined(where: Filter | None, equal: dict[str, Any]) -> Filter | None:
    """Join a filter and the columns that must equal a value; None where there is neither."""
    if where is not None and not isinstance(where, Filter):
        raise InvalidValueError("a filter is built by col(...)", field="where")
    if not equal:
        return where
    return where_equal(**equal) if where is None else where & where_equal(**equal)


def _columns(where: Filter | None, equal: dict[str, Any]) -> builtins.list[str]:
    return list(dict.fromkeys([*(where.columns() if where is not None else ()), *equal]))
