"""A store whose inner store can be replaced while it is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.routing.passing_store import PassingStore
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Isolation, Session, Store


@dataclass(slots=True)
class _Era:
    """One inner store and the calls that are under way in it. Changed on the event loop alone."""

    store: Store
    reads: int = 0
    writes: int = 0
    #: Somebody waits for calls to end.
    watched: asyncio.Condition | None = None

    async def ended(self, *, reads: bool) -> None:
        """Wait until no write is under way, and no read either if asked."""
        self.watched = self.watched or asyncio.Condition()
        async with self.watched:
            await self.watched.wait_for(lambda: not self.writes and not (reads and self.reads))

    async def tell(self) -> None:
        """Wake whoever waits."""
        if self.watched is not None:
            async with self.watched:
                self.watched.notify_all()


@dataclass(slots=True)
class _Gate:
    """Writes that are held; None where they are not."""

    opened: asyncio.Event | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class SwitchStore(PassingStore):
    """Asks the inner store of the moment. A call, a stream or a transaction ends in the store it began in.

    Args:
        written: called after every write and transaction.
    """

    def __init__(self, inner: Store, written: Callable[[], object] = lambda: None) -> None:
        super().__init__(inner)
        self._written = written
        self._era = _Era(inner)
        self._gate = _Gate()

    def replace(self, inner: Store) -> Callable[[], Awaitable[None]]:
        """Ask another store from now on; return what waits for the end of the calls that the old one has."""
        era, self._era, self.inner = self._era, _Era(inner), inner
        return partial(era.ended, reads=True)

    @asynccontextmanager
    async def writes_held(self) -> AsyncIterator[None]:
        """Let no write begin until the block ends; it begins when those that are under way have ended. Reads go on."""
        async with self._gate.turn:
            opened = self._gate.opened = asyncio.Event()
            try:
                await self._era.ended(reads=False)
                yield
            finally:
                self._gate.opened = None
                opened.set()

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match."""
        era = self._era
        era.reads += 1
        try:
            return await era.store.select(question, timeout=timeout)
        finally:
            era.reads -= 1
            if era.watched is not None:
                await era.tell()

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""
        async with self._reading() as store:
            return await store.count(question, timeout=timeout)

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none."""
        async with self._writing() as store:
            return await store.insert(question, timeout=timeout)

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update all rows or none."""
        async with self._writing() as store:
            return await store.upsert(question, timeout=timeout)

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match."""
        async with self._writing() as store:
            return await store.update(question, timeout=timeout)

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match."""
        async with self._writing() as store:
            return await store.delete(question, timeout=timeout)

    async def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield any number of rows in bounded memory."""
        async with self._reading() as store:
            rows = cast("AsyncGenerator[Row]", store.stream(question, chunk_rows=chunk_rows))
            async with aclosing(rows):
                async for row in rows:
                    yield row

    @asynccontextmanager
    async def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AsyncIterator[Session]:
        """Open a transaction of the inner store."""
        async with (
            self._writing() as store,
            store.transaction(isolation=isolation, read_only=read_only, timeout=timeout) as session,
        ):
            yield session

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the live schema."""
        return await self.inner.catalog(refresh=refresh)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Store]:
        era = self._era
        era.reads += 1
        try:
            yield era.store
        finally:
            era.reads -= 1
            await era.tell()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Store]:
        while self._gate.opened is not None:
            await self._gate.opened.wait()
        era = self._era
        era.writes += 1
        try:
            yield era.store
        finally:
            era.writes -= 1
            self._written()
            await era.tell()
