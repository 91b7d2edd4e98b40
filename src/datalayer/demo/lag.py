"""What is owed to the store that follows: asked all the time, shown live, waited for until it is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from time import perf_counter
from typing import Final

from datalayer.demo import words
from datalayer.demo.report import Lag
from datalayer.errors import DataLayerError, UnavailableError
from datalayer.layer import DataLayer, DualHealth

_POLL_SECONDS: Final = 0.1
#: Well above what a busy machine needs; what is owed after this is said to be owed.
_PATIENCE_SECONDS: Final = 30.0


class LagWatch:
    """Watches the lag of one layer during a step.

    Args:
        tell: shows a line on a terminal.
    """

    def __init__(self, layer: DataLayer, tell: Callable[[str], None]) -> None:
        self._layer = layer
        self._tell = tell
        self._most = Lag(0, 0.0)  # changed by whoever looks
        self._doing = ""

    def doing(self, text: str) -> None:
        """Say what is going on beside the lag."""
        self._doing = text

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look all the time until the end of the block."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def look(self) -> Lag:
        """Ask what is owed now."""
        health = await self._layer.health_check()
        if not isinstance(health, DualHealth) or health.entries is None or health.lag_seconds is None:
            raise UnavailableError("nobody can say what is owed", store=health.store, operation="health")
        lag = Lag(health.entries, health.lag_seconds)
        self._most = Lag(max(lag.entries, self._most.entries), max(lag.seconds, self._most.seconds))
        self._tell(f"{self._doing}{words.lag(lag)}")
        return lag

    async def settle(self) -> float | None:
        """Wait until nothing is owed, and return the seconds that it took; None where patience ended before."""
        self._doing = ""
        started = perf_counter()
        while (await self.look()).entries:
            if perf_counter() - started > _PATIENCE_SECONDS:
                return None
            await asyncio.sleep(_POLL_SECONDS)
        return perf_counter() - started

    @property
    def most(self) -> Lag:
        """The most that was seen."""
        return self._most

    async def _watch(self) -> None:
        while True:
            with suppress(DataLayerError):  # whether it is settled is asked again, and then it counts
                await self.look()
            await asyncio.sleep(_POLL_SECONDS)
