"""Batches that are made while the last one is being written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Final

from datalayer.collecting import uncollected
from datalayer.query import Row
from datalayer.tasks import end

#: Rows that are checked at a time: a millisecond or two, in which the event loop serves nobody else.
PART_ROWS: Final = 500


async def made_ahead(parts: Iterator[list[Row]], batch_rows: int) -> AsyncGenerator[list[Row], None]:
    """Yield batches of as many whole parts as fit, none of them empty; the next one is made in a task of its own.

    Close it when leaving.

    Raises:
        Exception: whatever the parts raise, when it is the batch's turn.
    """
    making = asyncio.create_task(_gathered(parts, batch_rows))
    try:
        while batch := await making:
            making = asyncio.create_task(_gathered(parts, batch_rows))
            yield batch
    finally:
        await end(making)
        if not making.cancelled():
            making.exception()  # of a batch that nobody waits for any more


async def _gathered(parts: Iterator[list[Row]], batch_rows: int) -> list[Row]:
    """Take parts until there is no room for another, and let others run after each."""
    batch: list[Row] = []
    while len(batch) + PART_ROWS <= batch_rows or not batch:
        with uncollected():
            part = next(parts, None)
        if part is None:
            break
        batch += part
        await asyncio.sleep(0)
    return batch
