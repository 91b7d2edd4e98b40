"""The store that follows: opened when its server is there, so that nobody waits for it who does not need it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from datalayer.errors import DataLayerError, StoreTimeoutError, UnavailableError
from datalayer.stores.contract import Health, Store, StoreName

LOGGER = logging.getLogger("datalayer")

#: Seconds between attempts to open it; doubled after each one.
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0


class LateStore:
    """A store that may not be open yet.

    Args:
        name: which kind of store it is.
        opener: opens and checks it.
        opened: the store, where it is open already.
    """

    def __init__(self, name: StoreName, opener: Callable[[], Awaitable[Store]], opened: Store | None = None) -> None:
        self.name = name
        self._opener = opener
        self._lock = asyncio.Lock()
        #: Set once, under the lock.
        self.opened = opened
        #: Whether somebody was told that it is away.
        self._was_missed = False

    async def get(self) -> Store:
        """Return the store; open it first where that has not been done.

        Raises:
            UnavailableError: it is not there now; ask again later.
        """
        async with self._lock:
            if self.opened is None:
                self.opened = await self._opener()
                if self._was_missed:
                    LOGGER.info("the secondary (%s) is back", self.name)
            return self.opened

    async def try_now(self) -> Store | None:
        """Return the store, or None where its server is away; anything else that is wrong with it is raised."""
        try:
            return await self.get()
        except (UnavailableError, StoreTimeoutError) as error:
            LOGGER.warning("the secondary (%s) is away and is tried again: %s", self.name, type(error).__name__)
            self._was_missed = True
            return None

    async def wait(self) -> Store:
        """Try until it is there, however long that takes. Whatever stands in the way is logged at its first time."""
        pause, known = _FIRST_PAUSE, ""
        while True:
            try:
                return await self.get()
            except DataLayerError as error:
                if str(error) != known:
                    LOGGER.error("the secondary (%s) cannot be opened: %s", self.name, error)
                known, self._was_missed = str(error), True
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def health(self, *, timeout: float = 5.0) -> Health:
        """Ask one cheap query; not healthy while it is not open."""
        if self.opened is None:
            return Health(self.name, healthy=False, response_seconds=None, error=UnavailableError.__name__)
        return await self.opened.health(timeout=timeout)

    async def close(self) -> None:
        """Close it if it is open."""
        if self.opened is not None:
            await self.opened.close()
