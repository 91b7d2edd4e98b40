"""How the stores of a layer are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from datalayer.routing.late_store import LateStore
from datalayer.stores.contract import Health, Store


@dataclass(frozen=True, slots=True)
class DualHealth(Health):
    """Health of the primary, and of the store that follows it. Callers depend on the primary alone.

    Args:
        secondary: how the other store is.
    """

    secondary: Health | None = None


async def layer_health(primary: Store, secondary: LateStore | None, *, timeout: float) -> Health:
    """Ask both stores at once."""
    if secondary is None:
        return await primary.health(timeout=timeout)
    first, second = await asyncio.gather(primary.health(timeout=timeout), secondary.health(timeout=timeout))
    return DualHealth(first.store, first.healthy, first.response_seconds, first.error, second)
