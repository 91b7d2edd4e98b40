"""Where each company's primary is, as this process knows it, and writes that wait while a company is moved."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from datalayer.errors import OutcomeUnknownError, UnavailableError
from datalayer.stores.contract import StoreName

#: Stands for writes that may be about any company.
ANY: Final = frozenset({"*"})
#: Stands for writes that are about no company, and wait for none.
NOBODY: Final[frozenset[str]] = frozenset()
#: Seconds that a write waits at most while its company is moved.
_PATIENCE: Final = 10.0
#: Seconds within which writes that are under way have to end for a move to go on.
_QUIET: Final = 2.0


class Assignments:
    """The companies on the other store. Changed by the task that reads them from PostgreSQL, on the event loop.

    Args:
        lease_seconds: for how long what was read may be believed.
        doubt_seconds: for how long a write whose outcome is unknown can still take effect; its company stays so long.
        clock: seconds of a clock that only goes on.
    """

    def __init__(
        self, *, lease_seconds: float, doubt_seconds: float = 0.0, clock: Callable[[], float] = monotonic
    ) -> None:
        self._lease = lease_seconds
        self._doubt_seconds = doubt_seconds
        self._clock = clock
        self._read_at = clock()
        self._others: frozenset[str] = frozenset()
        self._moving: frozenset[str] = frozenset()
        #: Writes under way by company; ``*`` for those that may be about any.
        self._writing: Counter[str] = Counter()
        #: Until when a write may still take effect whose outcome is unknown, by company.
        self._doubts: dict[str, float] = {}
        self._changed = asyncio.Condition()

    @property
    def others(self) -> frozenset[str]:
        """Companies whose primary is the other store."""
        return self._others

    @property
    def moving(self) -> frozenset[str]:
        """Companies whose writes wait."""
        return self._moving

    @property
    def doubt_seconds(self) -> float:
        """For how long a write whose outcome is unknown may still take effect; 0 where there is none."""
        return max([0.0, *(until - self._clock() for until in self._doubts.values())])

    async def adopt(self, others: Collection[str], moving: Collection[str], *, read_at: float) -> bool:
        """Take over what was read; False where a write that began before does not end soon, or nobody knows if it has.

        Args:
            read_at: the clock before the question was sent.
        """
        before, self._moving = self._moving, frozenset(moving)
        # At once: a company that has moved is not held any more, and no write of it is under way.
        self._others = frozenset(others)
        self._read_at = read_at
        async with self._changed:
            try:
                async with asyncio.timeout(0 if self._is_doubted() else _QUIET):
                    await self._changed.wait_for(self._is_quiet)
            except TimeoutError:
                self._moving = before & self._moving
                return False
            finally:
                self._changed.notify_all()
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
        except BaseException as error:
            # A call that is cancelled leaves a request behind that may arrive after all.
            if isinstance(error, OutcomeUnknownError) or not isinstance(error, Exception):
                self._doubts.update(dict.fromkeys(companies, self._clock() + self._doubt_seconds))
            raise
        finally:
            self._writing.subtract(companies)
            if self._moving:
                async with self._changed:
                    self._changed.notify_all()

    def _is_quiet(self) -> bool:
        return not self._is_doubted() and not (
            self._moving and any(self._writing[company] for company in self._moving | ANY)
        )

    def _is_doubted(self) -> bool:
        """Whether a request may still arrive for a company that is to move."""
        now = self._clock()
        self._doubts = {company: until for company, until in self._doubts.items() if until > now}
        return bool(self._moving) and not self._doubts.keys().isdisjoint(self._moving | ANY)

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
