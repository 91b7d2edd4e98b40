"""How the stores of a layer are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datalayer.errors import DataLayerError
from datalayer.stores.contract import Health

if TYPE_CHECKING:
    from datalayer.layer.arrangement import Arrangement
    from datalayer.outbox.waiting import Waiting


@dataclass(frozen=True, slots=True)
class DualHealth(Health):
    """Health of the primary, and of the store that follows it. Callers depend on the primary alone.

    Args:
        secondary: how the other store is.
        entries: what is owed to the other store, dead letters included; None where nobody could be asked.
        dead: dead letters among them.
        lag_seconds: age of the oldest entry that is not dead.
    """

    secondary: Health | None = None
    entries: int | None = None
    dead: int | None = None
    lag_seconds: float | None = None


async def layer_health(arrangement: Arrangement, *, timeout: float) -> Health:
    """Ask both stores at once."""
    if arrangement.secondary is None:
        return await arrangement.store.health(timeout=timeout)
    first, second, left = await asyncio.gather(
        arrangement.store.health(timeout=timeout), arrangement.secondary.health(timeout=timeout), _left(arrangement)
    )
    owed: tuple[int | None, int | None, float | None] = (None, None, None)
    if left is not None:
        owed = (sum(w.entries for w in left), sum(w.dead for w in left), max(w.lag_seconds for w in left))
    return DualHealth(first.store, first.healthy, first.response_seconds, first.error, second, *owed)


async def _left(arrangement: Arrangement) -> list[Waiting] | None:
    """Count what is owed in every direction; None where an outbox cannot be asked."""
    try:
        return [await direction.left() for direction in arrangement.directions]
    except DataLayerError:
        return None
