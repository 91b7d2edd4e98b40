"""Wait for what other tasks or processes bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

#: Looking at a value costs nothing; a question to stores takes time from those that are waited for.
_STEP_SECONDS, _BETWEEN_QUESTIONS = 0.01, 0.05


async def until(holds: Callable[[], bool | Awaitable[object]], *, seconds: float = 20.0) -> None:
    """Return when ``holds`` is true; TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while True:
            answer = holds()
            if isinstance(answer, bool):
                step = _STEP_SECONDS
            else:
                answer, step = bool(await answer), _BETWEEN_QUESTIONS
            if answer:
                return
            await asyncio.sleep(step)
