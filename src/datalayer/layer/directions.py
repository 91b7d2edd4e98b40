"""The ways that writes take from a primary to the store that follows it: which outbox, which applier, which relay."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from datalayer.errors import DataLayerError, UnavailableError
from datalayer.layer.covering import cover
from datalayer.layer.joining import check_join
from datalayer.layer.pairs import left_behind, link, pace_of
from datalayer.outbox.entries import Key
from datalayer.outbox.queue import Outbox
from datalayer.outbox.relay import Relay
from datalayer.outbox.requests import RequestCapture
from datalayer.outbox.tables import MARKS
from datalayer.outbox.waiting import Waiting, waiting
from datalayer.routing.late_store import LateStore
from datalayer.routing.request_capture import RequestCaptureStore
from datalayer.stores.contract import Store
from datalayer.tasks import end
from datalayer.telemetry import RelayObserver

if TYPE_CHECKING:
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")

#: Seconds that a relay gets for its last batch.
_STOP_SECONDS: Final = 10.0
#: Before a relay that could not work begins again; doubled each time, up to the longest.
_RETRY_SECONDS: Final = 5.0
_LONGEST_RETRY_SECONDS: Final = 60.0
#: Keys that one question about the outbox names.
_KEYS: Final = 100


@dataclass(slots=True)
class Direction:
    """From a primary to the store that follows it.

    Args:
        observers: who hears of the relay's work.
        admitted: asked before the relay begins; raises where what it would carry must not be carried.
    """

    primary: Store
    secondary: LateStore
    settings: Settings
    observers: Sequence[RelayObserver] = ()
    admitted: Callable[[], Awaitable[None]] | None = None
    #: Both are set at the start where the primary captures nothing itself: what covers writes to it.
    requests: RequestCapture | None = None
    covered: RequestCaptureStore | None = None
    #: Set once request capture has left nothing, which only `uncovered` asks: from then on the primary alone is asked.
    _nothing_behind: bool = False
    #: Set while the relay runs in this process, by its task.
    _relay: Relay | None = None
    _task: asyncio.Task[None] | None = None
    _is_ending: bool = False

    @property
    def asked(self) -> Store:
        """What is asked in the primary's place, so that every write is captured."""
        return self.covered or self.primary

    async def cover(self, opened: AsyncExitStack) -> None:
        """Capture requests, since the primary captures nothing itself; until ``opened`` ends."""
        self.covered, self.requests = await cover(self.primary, self.secondary, self.settings, self.wake, opened)

    @property
    def outbox(self) -> Outbox:
        """What is owed; every use has a name of its own for its claims."""
        if self.requests is None:
            return Outbox(self.primary)
        if self.secondary.opened is None:
            raise UnavailableError("it has not been reached yet", store=self.secondary.name, operation="outbox")
        return Outbox(self.secondary.opened, MARKS)

    async def check(self) -> None:
        """Find out at start what would stop the relay, or make it lose something.

        Raises:
            ConfigurationError: says what to run or to change.
            AccessDeniedError: a key from which row security hides rows.
        """
        by_triggers = self.requests is None
        await check_join(self.primary, self.secondary.opened, self.settings, by_triggers=by_triggers)

    async def left(self) -> Waiting:
        """Count what is owed, writes whose outcome is not known yet and what was left by request capture included."""
        outbox = self.outbox
        left = await waiting(outbox.store, outbox.table, _now)
        return replace(left, entries=left.entries + await self.uncovered())

    async def uncovered(self) -> int:
        """Count writes that may become entries: those whose outcome is not known yet, or that request capture left."""
        if self.requests is not None:
            return await self.requests.owed()
        if self._nothing_behind or (behind := left_behind(self.primary, self.secondary.opened, self.settings)) is None:
            return 0
        count = await behind.count()
        self._nothing_behind = count == 0
        return count

    async def owes(self, table: str, keys: Sequence[Key] | None) -> bool:
        """Whether an entry is there for one of the keys, or for any row of the table."""
        return await self.outbox.owes(table, keys)

    async def mark(self, table: str, keys: Sequence[Key]) -> None:
        """Owe these keys to the other store."""
        await self.outbox.mark(table, keys)

    def start(self) -> None:
        """Relay in this process from now on; a secondary that is away is waited for."""
        self._task = asyncio.create_task(self._run(), name=f"datalayer relay to {self.secondary.name}")

    def wake(self) -> None:
        """Something was written: look at once."""
        if self._relay is not None:
            self._relay.wake()

    async def stop(self) -> None:
        """End the relay after the batch at hand; may be called twice."""
        self._is_ending = True
        if self._task is None:
            return
        if self._relay is not None:
            self._relay.stop()
            await asyncio.wait({self._task}, timeout=_STOP_SECONDS)
        await end(self._task)

    async def _run(self) -> None:
        known, pause = "", _RETRY_SECONDS
        while True:
            try:
                secondary = await self.secondary.wait()
                if self.admitted is not None:
                    await self.admitted()
                await self.check()
                self._relay = await self._build(secondary)
                known, pause = "", _RETRY_SECONDS
                await self._relay.run()
                return
            except DataLayerError as error:
                if str(error) != known:
                    LOGGER.error("the relay to %s cannot work: %s", self.secondary.name, error)
                known = str(error)
            except Exception:
                LOGGER.exception("the relay to %s met a bug; its entries stay, and it begins anew", self.secondary.name)
            if self._is_ending:
                return
            self._relay = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_RETRY_SECONDS)

    async def _build(self, secondary: Store) -> Relay:
        joined = await link(self.primary, secondary, self.settings)
        return joined.relay(pace_of(self.settings), observers=self.observers)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
