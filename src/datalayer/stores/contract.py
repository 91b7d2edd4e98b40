"""The contract of a store. Everything above this line is written once for all of them.

Rows are dicts from column name to the Python value of the column's kind (see ``catalog.PYTHON_TYPES``): a numeric is a
Decimal, timestamps keep microseconds and zone, JSON null and SQL NULL stay apart, on every store alike. The behaviour
suite in tests/integration/behaviour is the contract's definition.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from datalayer.query import Count, Delete, Insert, Row, Select, Update, Upsert, Written
from datalayer.stores.catalog import Catalog

StoreName: TypeAlias = Literal["postgres", "supabase", "sqlite"]
Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]


@dataclass(frozen=True, slots=True)
class Health:
    """Answer of one cheap query. ``error`` is the error class's name; messages go to the log.

    ``response_seconds`` is None where nothing was asked, the store not being open yet.
    """

    store: StoreName
    healthy: bool
    response_seconds: float | None
    error: str | None = None


class Session(Protocol):
    """What can be asked inside and outside of a transaction alike.

    ``timeout`` is the deadline of the whole call in seconds, waiting for a connection included; None takes the
    store's default. All methods raise the errors of :mod:`datalayer.errors`, the same class for the same failure.
    """

    @property
    def name(self) -> StoreName:
        """Which kind of store this is."""

    async def select(self, question: Select, *, timeout: float | None = None) -> list[Row]:
        """Return the rows that match, all of them when the question has no limit."""

    async def count(self, question: Count, *, timeout: float | None = None) -> int:
        """Return how many rows match."""

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert all rows or none; returned rows are in the order given."""

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update all rows or none; returned rows are in the order given.

        Over PostgREST a batch is atomic per group of rows with the same columns.
        """

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match; refused without a filter unless ``every_row``."""

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match; refused without a filter unless ``every_row``."""

    def stream(self, question: Select, *, chunk_rows: int = 1000) -> AsyncIterator[Row]:
        """Yield any number of rows in bounded memory, ``chunk_rows`` at a time; `aclose` it when leaving early."""

    def transaction(
        self,
        *,
        isolation: Isolation | None = None,
        read_only: bool = False,
        timeout: float | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Open a transaction, or a savepoint inside one. Leaving normally commits, leaving by an error rolls back.

        Args:
            timeout: seconds for each statement and each lock inside.

        Raises:
            UnsupportedOperationError: the store has no transactions over its protocol (Supabase).
        """


class Store(Session, Protocol):
    """A store with its connections."""

    async def catalog(self, *, refresh: bool = False) -> Catalog:
        """Return the live schema; kept after the first call until ``refresh``."""

    async def health(self, *, timeout: float = 5.0) -> Health:
        """Ask one cheap query; never raises for a store that is away."""

    async def close(self) -> None:
        """Close every connection; may be called twice."""
