"""Covers writes to a primary that captures nothing itself, whatever state the PostgreSQL that follows is in.

    PostgreSQL answers       the operation is committed there
    it does not: spool       the operation is written to this machine's disk, and handed over when PostgreSQL is back
                 gap         the write goes on; its whole table is compared when PostgreSQL is back
                 strict      the write is refused

Spooling falls back to a gap where the disk refuses: the application must not go down because the new database did.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, Literal, TypeAlias
from uuid import UUID, uuid4

from datalayer.errors import (
    DataLayerError,
    InvalidValueError,
    OutcomeUnknownError,
    SchemaError,
    StoreError,
    StoreTimeoutError,
    UnavailableError,
)
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
        #: Tables that were written uncovered, each with the operation that stands for all of it.
        self._gaps: dict[str, Operation] = {}
        self._woken = asyncio.Event()

    async def begin(self, operation: Operation) -> None:
        """Cover a write; once this returns it may be sent, within the operation's ``request_seconds``.

        Raises:
            UnavailableError: by the policy ``strict``, PostgreSQL being away. Nothing was sent.
        """
        self._open.add(operation.id)
        try:
            if not await self._began_in_journal(operation):
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
            try:
                await self._resolve_expired(operation)
            except StoreError as error:
                LOGGER.warning("an operation on %s stays open: %s", operation.table, error)

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
            except Exception:
                LOGGER.exception("covering writes goes on after a bug")
            self._woken.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _PROBE_SECONDS)

    async def owed(self) -> int:
        """Return how many operations are open or wait on this machine's spool."""
        spooled = 0 if self._spool is None else await self._spool.count()
        return spooled + await self._journal.count()

    async def _began_in_journal(self, operation: Operation) -> bool:
        if not self._reachable:
            return False
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._journal.begin(operation, lifetime_seconds=self._lifetime_seconds)
        except (*_AWAY, TimeoutError) as error:
            LOGGER.warning("the secondary is away (%s); writes go on by policy %s", type(error).__name__, self._policy)
        except DataLayerError as error:
            # A full disk, a lost right, a missing table: the new database must not take the application down.
            LOGGER.error("the secondary refuses (%s); writes go on by policy %s", error, self._policy)
        else:
            return True
        self._reachable = False
        return False

    async def _begin_without_journal(self, operation: Operation) -> None:
        if self._policy == "strict":
            raise UnavailableError(
                "PostgreSQL, which follows, cannot take note of the write; nothing was written",
                store="postgres",
                operation="begin",
                table=operation.table,
                hint="DATALAYER_SECONDARY_DOWN=spool lets writes go on",
            )
        if self._policy == "spool" and await self._is_spooled(operation):
            self._spooled.add(operation.id)
            return
        await self._open_gap(operation)

    async def _open_gap(self, operation: Operation) -> None:
        """Have an operation without keys stand for all writes to a table until PostgreSQL is back."""
        gap = self._gaps.get(operation.table)
        if gap is not None and gap.request_seconds >= operation.request_seconds:
            return
        identity = uuid4() if gap is None else gap.id
        gap = Operation(identity, operation.table, (), None, operation.request_seconds)
        self._gaps[operation.table] = gap
        self._open.add(gap.id)
        if not await self._is_spooled(gap):
            LOGGER.error("should this process end before PostgreSQL is back, verify and repair %s", operation.table)

    async def _is_spooled(self, operation: Operation) -> bool:
        """Write an operation to this machine's disk, where that is possible."""
        if self._spool is None:
            return False
        try:
            await self._spool.begin(operation)
        except (StoreError, OSError) as error:
            LOGGER.error("the spool refuses (%s)", type(error).__name__)
            return False
        return True

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
        for table, gap in list(self._gaps.items()):
            # Whoever writes from here on opens another gap; those before are sent within the operation's time.
            del self._gaps[table]
            try:
                await self._journal.begin(gap, lifetime_seconds=self._lifetime_seconds)
            except BaseException:
                later = self._gaps.get(table, gap)
                self._gaps[table] = max(gap, later, key=lambda one: one.request_seconds)
                raise
            self._open.discard(gap.id)

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
            # Nobody knows when its request was sent, or whether it still will be: it gets all of its time again.
            await self._journal.begin(operation, lifetime_seconds=self._lifetime_seconds)
        else:
            await self._journal.resolve(operation.id, operation.table, spooled.marks, sweep=spooled.sweep)
            self._marked()

    async def _resolve_expired(self, operation: Operation) -> None:
        try:
            marks = await self._lookup(operation)
        except (SchemaError, InvalidValueError):
            # The table or its key is not what it was: nothing less than all of it can be meant.
            marks = None
        await self._journal.resolve(operation.id, operation.table, marks or (), sweep=marks is None)
        self._marked()
