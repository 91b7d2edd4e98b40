"""A transaction over one of several stores: it opens on the store of its first question and stays there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Final, TypeAlias, cast

from datalayer.errors import UnsupportedOperationError
from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.stores.checks import check_isolation, check_timeout
from datalayer.stores.contract import Isolation, Session, Store, StoreName

Question: TypeAlias = Select | Count | Insert | Upsert | Update | Delete
#: Answers the store of a question, given the one that the transaction is open on; raises where it cannot be there.
Choice: TypeAlias = Callable[[Question, Store | None], Store]

_ENDED: Final = "a call on a transaction that has ended"


class LateTransaction:
    """A session that begins with its first question; what the choice refuses leaves it as it was."""

    def __init__(
        self,
        name: StoreName,
        choice: Choice,
        opened: AsyncExitStack,
        options: dict[str, Any],
        outer: LateTransaction | None = None,
    ) -> None:
        self.name = name
        self._choice = choice
        self._opened = opened
        self._options = options
        self._outer = outer
        self._turn = asyncio.Lock()
        #: Both are set once, by the first question, under the turn.
        self._store: Store | None = None
        self._session: Session | None = None
        #: Set by the block that opened the transaction, when it leaves.
        self.ended = False

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match."""
        return await (await self._of(question)).select(question, timeout=timeout)

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""
        return await (await self._of(question)).count(question, timeout=timeout)

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none."""
        return await (await self._of(question)).insert(question, timeout=timeout)

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update all rows or none."""
        return await (await self._of(question)).upsert(question, timeout=timeout)

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match."""
        return await (await self._of(question)).update(question, timeout=timeout)

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match."""
        return await (await self._of(question)).delete(question, timeout=timeout)

    async def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield any number of rows in bounded memory."""
        rows = (await self._of(question)).stream(question, chunk_rows=chunk_rows)
        async with aclosing(cast("AsyncGenerator[Row]", rows)):
            async for row in rows:
                yield row

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[LateTransaction]:
        """Open a savepoint."""
        return late_transaction(
            self.name, self._choice, isolation=isolation, read_only=read_only, timeout=timeout, outer=self
        )

    async def begin(self) -> None:
        """Open a savepoint at once where the transaction around it is open."""
        outer = self._outer
        if outer is not None and outer._session is not None:
            self._session = await self._opened.enter_async_context(outer._session.transaction(**self._options))

    async def _of(self, question: Question) -> Session:
        if self.ended:
            raise UnsupportedOperationError(self.name, _ENDED, "open a new transaction")
        async with self._turn:
            around: Session = await self._outer._of(question) if self._outer is not None else self._chosen(question)
            if self._session is None:
                self._session = await self._opened.enter_async_context(around.transaction(**self._options))
            return self._session

    def _chosen(self, question: Question) -> Store:
        self._store = self._choice(question, self._store)
        return self._store


def late_transaction(
    name: StoreName,
    choice: Choice,
    *,
    isolation: Isolation | None,
    read_only: bool,
    timeout: float | None,
    outer: LateTransaction | None = None,
) -> AbstractAsyncContextManager[LateTransaction]:
    """Open a transaction, or a savepoint inside of ``outer``, with the options of the store contract."""
    check_isolation(isolation)
    check_timeout(timeout)
    return _scope(name, choice, {"isolation": isolation, "read_only": read_only, "timeout": timeout}, outer)


@asynccontextmanager
async def _scope(
    name: StoreName, choice: Choice, options: dict[str, Any], outer: LateTransaction | None
) -> AsyncIterator[LateTransaction]:
    async with AsyncExitStack() as opened:
        transaction = LateTransaction(name, choice, opened, options, outer)
        await transaction.begin()
        try:
            yield transaction
        finally:
            transaction.ended = True
