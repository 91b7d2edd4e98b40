"""A store made of stores: each table is asked for where its primary is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

from datalayer.errors import UnsupportedOperationError
from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.routing.late_transaction import LateTransaction, Question, late_transaction
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Health, Isolation, Store, StoreName

Writing: TypeAlias = Coroutine[Any, Any, Written]


class RoutedStore:
    """Sends every question to the store of its table.

    A transaction opens on the store of the first table it is asked for; a table of another store is refused inside.

    Args:
        default: the store of every table that has no other.
        routed: the others, by table.
    """

    def __init__(self, default: Store, routed: Mapping[str, Store]) -> None:
        self.default = default
        self.routed = dict(routed)
        self._stores = list({id(store): store for store in (default, *self.routed.values())}.values())

    @property
    def name(self) -> StoreName:
        """Which kind of store most tables are in."""
        return self.default.name

    def of(self, table: str) -> Store:
        """Return the store that has the primary of this table."""
        return self.routed.get(table, self.default)

    def select(self, question: Select, *, timeout: float | None = None) -> Coroutine[Any, Any, list[Row]]:
        """Return the rows that match."""
        return self.of(question.table).select(question, timeout=timeout)

    def count(self, question: Count, *, timeout: float | None = None) -> Coroutine[Any, Any, int]:
        """Return how many rows match."""
        return self.of(question.table).count(question, timeout=timeout)

    def insert(self, question: Insert, *, timeout: float | None = None) -> Writing:
        """Insert all rows or none."""
        return self.of(question.table).insert(question, timeout=timeout)

    def upsert(self, question: Upsert, *, timeout: float | None = None) -> Writing:
        """Insert or update all rows or none."""
        return self.of(question.table).upsert(question, timeout=timeout)

    def update(self, question: Update, *, timeout: float | None = None) -> Writing:
        """Change the rows that match."""
        return self.of(question.table).update(question, timeout=timeout)

    def delete(self, question: Delete, *, timeout: float | None = None) -> Writing:
        """Delete the rows that match."""
        return self.of(question.table).delete(question, timeout=timeout)

    def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield any number of rows in bounded memory."""
        return self.of(question.table).stream(question, chunk_rows=chunk_rows)

    def transaction(
        self, *, isolation: Isolation | None = None, read_only: bool = False, timeout: float | None = None
    ) -> AbstractAsyncContextManager[LateTransaction]:
        """Open a transaction over the tables of one store, whichever is asked for first."""
        return late_transaction(self.name, self._choice, isolation=isolation, read_only=read_only, timeout=timeout)

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return every table as its own store describes it."""
        catalogs = await asyncio.gather(*(store.catalog(refresh=refresh) for store in self._stores))
        return Catalog(
            {
                name: table
                for store, catalog in zip(self._stores, catalogs, strict=True)
                for name, table in catalog.tables.items()
                if self.of(name) is store
            }
        )

    async def health(self, *, timeout: float = 5.0) -> Health:
        """Ask every store; the first one that is not healthy speaks for all, else the slowest."""
        answers = await asyncio.gather(*(store.health(timeout=timeout) for store in self._stores))
        worst = max(answers, key=lambda health: (not health.healthy, health.response_seconds or 0.0))
        return worst if not worst.healthy else Health(self.name, healthy=True, response_seconds=worst.response_seconds)

    async def close(self) -> None:
        """Close every store."""
        await asyncio.gather(*(store.close() for store in self._stores))

    def _choice(self, question: Question, current: Store | None) -> Store:
        store = self.of(question.table)
        if current is not None and store is not current:
            raise UnsupportedOperationError(
                current.name,
                f"a transaction that also asks for {question.table}, whose primary is in {store.name}",
                "put each store's tables into a transaction of their own, or route these tables to one store",
            )
        return store
