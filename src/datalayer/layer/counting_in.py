"""Has a relay of its own counted among the processes at work, and says when one of those has another primary."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from datalayer.errors import ConfigurationError, DataLayerError
from datalayer.layer.leads import Leads
from datalayer.layer.process_registry import ProcessRegistry, new_process, refuse_rivals
from datalayer.stores.postgres import PostgresStore

#: Hears of processes with another primary, in the words of a start that they make impossible.
OnRivals: TypeAlias = Callable[[ConfigurationError], None]


@asynccontextmanager
async def counted_in(
    store: PostgresStore, leads: Leads, on_rivals: OnRivals, *, joins: bool
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Be counted until the block ends; lend what has to be called every few seconds for that.

    Args:
        joins: be counted; otherwise this only looks for the others.

    Raises:
        ConfigurationError: a process is at work that has another primary.
    """
    registry = ProcessRegistry(store, new_process())
    if joins:
        refuse_rivals(await registry.join(leads), leads)

    async def look() -> None:
        try:
            refuse_rivals(await (registry.beat(leads) if joins else registry.rivals(leads, patience=0)), leads)
        except ConfigurationError as error:
            on_rivals(error)
        except DataLayerError:
            # The store is away; the relay tells of that.
            return

    try:
        yield look
    finally:
        if joins:
            # Where the store is away the lease ends by itself.
            with suppress(DataLayerError):
                await registry.leave()
