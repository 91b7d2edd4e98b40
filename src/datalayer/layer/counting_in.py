"""Has a command counted among the processes at work while it runs, and says when one of those has another primary."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from datalayer.errors import ConfigurationError, DataLayerError
from datalayer.layer.leads import Leads
from datalayer.layer.process_registry import BEAT_SECONDS, ProcessRegistry, new_process, refuse_rivals
from datalayer.stores.postgres import PostgresStore
from datalayer.tasks import end

#: Hears of processes with another primary, in the words of a start that they make impossible; again while they last.
OnRivals: TypeAlias = Callable[[ConfigurationError], None]


@asynccontextmanager
async def counted_in(store: PostgresStore, leads: Leads, on_rivals: OnRivals, *, joins: bool) -> AsyncIterator[None]:
    """Be counted until the block ends.

    Args:
        joins: be counted; otherwise this only looks for the others.

    Raises:
        ConfigurationError: a process is at work that has another primary.
    """
    registry = ProcessRegistry(store, new_process())
    if joins:
        refuse_rivals(await registry.join(leads), leads)

    async def look() -> None:
        while True:
            try:
                refuse_rivals(await (registry.beat(leads) if joins else registry.rivals(leads, patience=0)), leads)
            except ConfigurationError as error:
                on_rivals(error)
            except DataLayerError:
                # The store is away, of which the work itself tells.
                pass
            await asyncio.sleep(BEAT_SECONDS)

    looking = asyncio.create_task(look(), name="datalayer is counted")
    try:
        yield
    finally:
        await end(looking)
        if joins:
            # Where the store is away the lease ends by itself.
            with suppress(DataLayerError):
                await registry.leave()
        if not looking.cancelled():
            looking.result()
