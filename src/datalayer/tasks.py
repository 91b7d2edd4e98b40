"""How tasks of our own end."""

from __future__ import annotations

import asyncio
from typing import Any, Final

_AGAIN_SECONDS: Final = 1.0


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; again after a while, since a driver that fails while cancelled forgets it."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_SECONDS)
