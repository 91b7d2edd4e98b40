"""A store around another one that passes everything on; the stores of this room that change little begin with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, TypeAlias

from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Health, Isolation, Session, Store, StoreName

Reading: TypeAlias = Coroutine[Any, Any, list[Row]]
Counting: TypeAlias = Coroutine[Any, Any, int]
Writing: TypeAlias = Coroutine[Any, Any, Written]


class PassingStore:
    """Asks the inner store whatever it is asked.

    Args:
        inner: the store, open.
    """

    #: Whether the inner store may be asked directly just as well.
    is_transparent: ClassVar[bool] = True

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    @property
    def name(self) -> StoreName:
        """Which kind of store this is."""
        return self.inner.name

    def select(self, question: Select, *, timeout: float | None = None) -> Reading:
        """Return the rows that match."""
        return self.inner.select(question, timeout=timeout)

    def count(self, question: Count, *, timeout: float | None = None) -> Counting:
        """Return how many rows match."""
        return self.inner.count(question, timeout=timeout)

    def insert(self, question: Insert, *, timeout: float | None = None) -> Writing:
        """Insert all rows or none."""
        return self.inner.insert(question, timeout=timeout)

    def upsert(self, question: Upsert, *, timeout: float | None = None) -> Writing:
        """Insert or update all rows or none."""
        return self.inner.upsert(question, timeout=timeout)

    def update(self, question: Update, *, timeout: float | None = None) -> Writing:
        """Change the rows that match."""
        return self.inner.update(question, timeout=timeout)

    def delete(self, question: Delete, *, timeout: float | None = None) -> Writing:
        """Delete the rows that match."""
        return self.inner.delete(question, timeout=timeout)

    def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield any number of rows in bounded memory."""
        return self.inner.stream(question, chunk_rows=chunk_rows)

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[Session]:
        """Open a transaction of the inner store."""
        return self.inner.transaction(isolation=isolation, read_only=read_only, timeout=timeout)

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the live schema."""
        return await self.inner.catalog(refresh=refresh)

    async def health(self, *, timeout: float = 5.0) -> Health:
        """Ask one cheap query."""
        return await self.inner.health(timeout=timeout)

    async def close(self) -> None:
        """Close the inner store."""
        await self.inner.close()


def innermost(session: Session) -> Session:
    """Return the store inside of all that only pass on."""
    while isinstance(session, PassingStore) and session.is_transparent:
        session = session.inner
    return session
