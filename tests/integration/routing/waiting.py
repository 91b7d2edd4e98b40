"""Wait for what other tasks or processes bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_STEP_SECONDS = 0.01


async def until(holds: Callable[[], bool | Awaitable[object]], *, seconds: float = 20.0) -> None:
    """Return when ``holds`` is true; TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            answer = holds()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(_STEP_SECONDS)
