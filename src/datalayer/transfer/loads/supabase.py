"""Supabase as the target of a load: batches over REST, by key. It keeps no checkpoint: a load begins anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import Session
from datalayer.transfer.loads.contract import Batch, Writing
from datalayer.transfer.loads.marks import Mark
from datalayer.transfer.posting import post
from datalayer.transfer.reading import CHUNK_ROWS

#: Requests at a time that a gateway takes well.
_MOST_JOBS = 4


class SupabaseTarget:
    """Writes one load over REST."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """REST has no locks."""
        yield

    @property
    def most_jobs(self) -> int:
        """How many requests are sent at a time."""
        return _MOST_JOBS

    async def marks(self) -> dict[str, Mark]:
        """There are none: REST cannot make a table to keep them in."""
        return {}

    async def forget(self, table: str) -> None:
        """There is nothing to forget."""

    async def write(self, batches: Sequence[Batch], before: Mark, after: Mark) -> None:
        """Write a chunk in batches; each is written whole or not at all."""
        for batch in batches:
            for start in range(0, len(batch.rows), CHUNK_ROWS):
                await post(self._session, batch.pair, batch.rows[start : start + CHUNK_ROWS])

    @asynccontextmanager
    async def together(self, tables: Sequence[str]) -> AsyncIterator[Writing]:
        """REST has no transactions over several calls."""
        yield self

    async def orphans(self, table: Table, key: ForeignKey) -> int | None:
        """REST cannot be asked."""
        return None
