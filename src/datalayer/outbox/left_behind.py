"""What request capture still owed when Supabase's own triggers took over.

Its marks become entries of the primary's outbox, so that one relay reads and applies them under one ledger's guard;
open operations are resolved first, once they expire, and what waits on this machine's spool is handed over before that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from datalayer.outbox.entries import Entry, Key
from datalayer.outbox.operations import OperationJournal
from datalayer.outbox.queue import Outbox
from datalayer.outbox.requests import KeyLookup, RequestCapture
from datalayer.outbox.spool import Spool, own_spool
from datalayer.outbox.tables import MARKS
from datalayer.outbox.waiting import waiting
from datalayer.stores.postgres import PostgresStore

_AT_ONCE = 500


class LeftBehind:
    """Carries over what writes of before are still owed.

    Args:
        following: the PostgreSQL that has their marks and operations.
        outbox: the primary's own, written by its triggers.
        lookup: finds the keys of an operation's rows on the primary.
        spool_path: where this machine's spool is, if there is one.
        primary_url: whose writes it is for.
    """

    def __init__(
        self,
        following: PostgresStore,
        outbox: Outbox,
        lookup: KeyLookup,
        *,
        spool_path: Path,
        primary_url: str,
        lifetime_seconds: float,
    ) -> None:
        async def reach() -> PostgresStore:
            return following

        self._journal = OperationJournal(reach)
        self._marks = Outbox(following, MARKS)
        self._outbox = outbox
        self._lookup = lookup
        self._spool_path = spool_path
        self._primary_url = primary_url
        self._lifetime_seconds = lifetime_seconds
        #: Set once this machine's spool was found empty: nobody writes to it any more.
        self._spool_done = False

    async def hand_over(self) -> None:
        """Owe by the primary's outbox what can be owed by now. A crash in between owes it twice, which does no harm."""
        async with self._spool() as spool:
            requests = RequestCapture(
                self._journal, self._lookup, spool=spool, policy="strict", lifetime_seconds=self._lifetime_seconds
            )
            await requests.settle()
        self._spool_done = True
        catalog = await self._outbox.store.catalog()
        last: int | None = None
        while entries := await self._marks.entries(limit=_AT_ONCE, after=last):
            last = entries[-1].version
            # A table that the primary does not have any more owes nothing that could be read.
            for table in {entry.table for entry in entries if entry.table in catalog.tables}:
                await self._move(table, [entry for entry in entries if entry.table == table])

    async def count(self) -> int:
        """Return how many marks, operations and spooled writes are left."""
        async with self._spool() as spool:
            spooled = 0 if spool is None else await spool.count()
        marked = await waiting(self._marks.store, MARKS, self._marks.clock)
        return spooled + marked.entries + await self._journal.count()

    async def _move(self, table: str, entries: list[Entry]) -> None:
        keys: list[Key] = [entry.key for entry in entries if entry.key is not None]
        await self._outbox.mark(table, keys if len(keys) == len(entries) else None)
        await self._marks.settle(entry.version for entry in entries)

    @asynccontextmanager
    async def _spool(self) -> AsyncIterator[Spool | None]:
        if self._spool_done:
            yield None
            return
        async with own_spool(self._spool_path, self._primary_url) as spool:
            yield spool
