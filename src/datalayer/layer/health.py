"""How the stores of a layer are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datalayer.stores.contract import Health

if TYPE_CHECKING:
    from datalayer.layer.arrangement import Arrangement


@dataclass(frozen=True, slots=True)
class DualHealth(Health):
    """Health of the primary, and of the store that follows it. Callers depend on the primary alone.

    Args:
        secondary: how the other store is.
    """

    secondary: Health | None = None


async def layer_health(arrangement: Arrangement, *, timeout: float) -> Health:
    """Ask both stores at once."""
    if arrangement.secondary is None:
        return await arrangement.store.health(timeout=timeout)
    first, second = await asyncio.gather(
        arrangement.store.health(timeout=timeout), arrangement.secondary.health(timeout=timeout)
    )
    return DualHealth(first.store, first.healthy, first.response_seconds, first.error, second)
