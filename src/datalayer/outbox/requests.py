"""Covers writes to a primary that captures nothing itself, whatever state the PostgreSQL that follows is in.

    PostgreSQL answers       the operation is committed there
    it does not: spool       the operation is written to this machine's disk, and handed over when PostgreSQL is back
                 gap         the write goes on uncovered; its table counts as unverified until a full verification
                 strict      the write is refused

Spooling falls back to a gap where the disk refuses: the application must not go down because the new database did.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Literal, TypeAlias
from uuid import UUID

from datalayer.errors import DataLayerError, OutcomeUnknownError, StoreError, StoreTimeoutError, UnavailableError
from datalayer.outbox.operations import Operation, OperationJournal
from datalayer.outbox.spool import Spool, Spooled

LOGGER = logging.getLogger("datalayer")

#: What happens to writes on the primary while the secondary is away.
AwayPolicy: TypeAlias = Literal["spool", "gap", "strict"]
#: Finds the primary keys of an operation's rows on the primary; None where they cannot be known.
KeyLookup: TypeAlias = Callable[[Operation], Awaitable[Sequence[str] | None]]

#: How long the longest request lives at the server: Supabase cuts statements of its API roles after at most this.
REQUEST_LIFETIME_SECONDS: Final = 180.0
#: What a caller waits for PostgreSQL before its write is covered otherwise.
_PATIENCE_SECONDS: Final = 0.5
_PROBE_SECONDS: Final = 1.0
_AWAY = (UnavailableError, StoreTimeoutError, OutcomeUnknownError)


class RequestCapture:
    """Begins and resolves operations. One per process and primary; :meth:`run` works beside it."""

    def __init__(
        self,
        journal: OperationJournal,
        lookup: KeyLookup,
        *,
        spool: Spool | None = None,
        policy: AwayPolicy = "spool",
        lifetime_seconds: float = REQUEST_LIFETIME_SECONDS,
        marked: Callable[[], object] = lambda: None,
    ) -> None:
        self._journal = journal
        self._lookup = lookup
        self._spool = spool
        self._policy = policy
        self._lifetime_seconds = lifetime_seconds
        self._marked = marked
        #: Whether PostgreSQL answered last; set by whoever asked it.
        self._reachable = True
        #: Operations of this process that no answer has come for yet.
        self._open: set[UUID] = set()
        self._spooled: set[UUID] = set()
        self._gaps: set[str] = set()
        self._woken = asyncio.Event()

    async def begin(self, operation: Operation, *, request_seconds: float) -> None:
        """Cover a write; once this returns it may be sent.

        Args:
            request_seconds: within these the request is sent, or not at all.

        Raises:
            UnavailableError: by the policy ``strict``, PostgreSQL being away. Nothing was sent.
        """
        self._open.add(operation.id)
        try:
            if not await self._began_in_journal(operation, request_seconds):
                await self._begin_without_journal(operation)
        except BaseException:
            self._open.discard(operation.id)
            raise

    async def resolve(self, operation: Operation, marks: Sequence[str], *, sweep: bool = False) -> None:
        """Say what an operation's answer told; never raises for a store that is away: it stays covered."""
        try:
            await self._resolve(operation, marks, sweep=sweep)
        except DataLayerError as error:
            LOGGER.warning("an operation on %s stays open until it expires: %s", operation.table, type(error).__name__)
        finally:
            self._open.discard(operation.id)
        self._marked()

    def abandon(self, operation: Operation) -> None:
        """Leave an operation whose outcome is unknown to its expiry."""
        self._open.discard(operation.id)
        self._spooled.discard(operation.id)

    async def settle(self) -> None:
        """Hand over what waits on the spool, and resolve what has expired; raises where PostgreSQL is away."""
        await self._hand_over_gaps()
        if self._spool is not None:
            while await self._hand_over(self._spool):
                pass
        for operation in await self._journal.expired():
            await self._resolve_expired(operation)

    async def run(self) -> None:
        """Settle again and again until cancelled."""
        while True:
            try:
                await self.settle()
                self._reachable = True
            except _AWAY:
                self._reachable = False
            except DataLayerError as error:
                LOGGER.warning("covering writes: %s", error)
            self._woken.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _PROBE_SECONDS)

    async def owed(self) -> int:
        """Return how many operations are open or wait on this machine's spool."""
        spooled = 0 if self._spool is None else await self._spool.count()
        return spooled + await self._journal.count()

    async def _began_in_journal(self, operation: Operation, request_seconds: float) -> bool:
        if not self._reachable:
            return False
        lifetime = request_seconds + self._lifetime_seconds
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._journal.begin(operation, lifetime_seconds=lifetime)
        except (*_AWAY, TimeoutError) as error:
            self._reachable = False
            LOGGER.warning("the secondary is away (%s); writes go on by policy %s", type(error).__name__, self._policy)
            return False
        return True

    async def _begin_without_journal(self, operation: Operation) -> None:
        if self._policy == "strict":
            raise UnavailableError(
                "PostgreSQL, which follows, is away; nothing was written",
                store="postgres",
                operation="begin",
                table=operation.table,
                hint="DATALAYER_SECONDARY_DOWN=spool lets writes go on",
            )
        if self._policy == "spool" and self._spool is not None:
            try:
                await self._spool.begin(operation)
                self._spooled.add(operation.id)
                return
            except (StoreError, OSError) as error:
                LOGGER.error("the spool refuses (%s): %s counts as unverified", type(error).__name__, operation.table)
        self._gaps.add(operation.table)

    async def _resolve(self, operation: Operation, marks: Sequence[str], *, sweep: bool) -> None:
        if operation.id not in self._spooled and self._reachable:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._journal.resolve(operation.id, operation.table, marks, sweep=sweep)
                return
            except (*_AWAY, TimeoutError):
                self._reachable = False
        if self._spool is not None and self._policy == "spool":
            await self._spool.resolve(operation, marks, sweep=sweep)
            self._spooled.discard(operation.id)
            self._woken.set()

    async def _hand_over_gaps(self) -> None:
        for table in sorted(self._gaps):
            await self._journal.note_gap(table)
            self._gaps.discard(table)

    async def _hand_over(self, spool: Spool) -> bool:
        """Move some operations into PostgreSQL; False when none is left that could be moved."""
        moved = False
        for spooled in await spool.some():
            if spooled.marks is None and spooled.operation.id in self._open:
                continue
            await self._move(spooled)
            await spool.forget(spooled)
            moved = True
        return moved

    async def _move(self, spooled: Spooled) -> None:
        operation = spooled.operation
        if spooled.marks is None:
            # Nobody knows how long ago its request was sent: it gets a whole lifetime again.
            await self._journal.begin(operation, lifetime_seconds=self._lifetime_seconds)
        else:
            await self._journal.resolve(operation.id, operation.table, spooled.marks, sweep=spooled.sweep)
            self._marked()

    async def _resolve_expired(self, operation: Operation) -> None:
        marks = await self._lookup(operation)
        await self._journal.resolve(operation.id, operation.table, marks or (), sweep=marks is None)
        self._marked()
