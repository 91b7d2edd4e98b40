"""Where each company's primary is, as this process knows it, and writes that wait while a company is moved."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from datalayer.errors import UnavailableError
from datalayer.stores.contract import StoreName

#: Stands for writes that may be about any company.
ANY: Final = frozenset({"*"})
#: Seconds that a write waits at most while its company is moved.
_PATIENCE: Final = 10.0
#: Seconds within which writes that are under way have to end for a move to go on.
_QUIET: Final = 2.0


class Assignments:
    """The companies on the other store. Changed by the task that reads them from PostgreSQL, on the event loop.

    Args:
        lease_seconds: for how long what was read may be believed.
        clock: seconds of a clock that only goes on.
    """

    def __init__(self, *, lease_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._lease = lease_seconds
        self._clock = clock
        self._read_at = clock()
        self._others: frozenset[str] = frozenset()
        self._moving: frozenset[str] = frozenset()
        #: Writes under way by company; ``*`` for those that may be about any.
        self._writing: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    @property
    def others(self) -> frozenset[str]:
        """Companies whose primary is the other store."""
        return self._others

    @property
    def moving(self) -> frozenset[str]:
        """Companies whose writes wait."""
        return self._moving

    async def adopt(self, others: Collection[str], moving: Collection[str], *, read_at: float) -> bool:
        """Take over what was read; False where a write that began before does not end soon.

        Args:
            read_at: the clock before the question was sent.
        """
        before, self._moving = self._moving, frozenset(moving)
        async with self._changed:
            try:
                async with asyncio.timeout(_QUIET):
                    await self._changed.wait_for(self._is_quiet)
            except TimeoutError:
                self._moving = before & self._moving
                return False
            finally:
                self._changed.notify_all()
            self._others = frozenset(others)
            self._read_at = read_at
            return True

    @asynccontextmanager
    async def writing(self, companies: frozenset[str], *, store: StoreName, table: str) -> AsyncIterator[None]:
        """Begin a write for these companies; waits while one of them is moved.

        Raises:
            UnavailableError: a company takes long to move, or nobody knows any more where it is.
        """
        await self._admit(companies, store, table)
        self._writing.update(companies)
        try:
            yield
        finally:
            self._writing.subtract(companies)
            if self._moving:
                async with self._changed:
                    self._changed.notify_all()

    def _is_quiet(self) -> bool:
        return not self._moving or not (self._writing["*"] or any(self._writing[company] for company in self._moving))

    def _waits(self, companies: frozenset[str]) -> bool:
        return bool(self._moving) and (companies == ANY or bool(companies & self._moving))

    async def _admit(self, companies: frozenset[str], store: StoreName, table: str) -> None:
        if self._clock() - self._read_at > self._lease:
            raise UnavailableError(
                "PostgreSQL has not been read for too long to know where companies are",
                store=store,
                operation="write",
                table=table,
                hint="it has to be back, or the cohort's settings have to be taken away and the application restarted",
            )
        if not self._waits(companies):
            return
        try:
            async with asyncio.timeout(_PATIENCE), self._changed:
                await self._changed.wait_for(lambda: not self._waits(companies))
        except TimeoutError:
            raise UnavailableError(
                "its company is being moved to the other store",
                store=store,
                operation="write",
                table=table,
                hint="make the call again",
            ) from None
