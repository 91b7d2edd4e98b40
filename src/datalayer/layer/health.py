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

    None stands for what nobody could tell within the time.

    Args:
        secondary: how the other store is.
        entries: what is owed to the other store, dead letters and held deletes included.
        dead: dead letters among them.
        held: deletes among them that wait for an operator.
        lag_seconds: age of the oldest entry that is not dead, nor about a table that the other store leads; 0 where
            there is none.
        rivals: processes at work that take another store for a primary, by name.
        unknown_companies: companies that the cohort's settings name and the main primary does not have; empty without
            a cohort.
    """

    secondary: Health | None = None
    entries: int | None = None
    dead: int | None = None
    held: int | None = None
    lag_seconds: float | None = None
    rivals: tuple[str, ...] | None = None
    unknown_companies: tuple[str, ...] = ()


async def layer_health(arrangement: Arrangement, *, timeout: float) -> Health:
    """Ask both stores at once."""
    if arrangement.secondary is None or arrangement.leading is None:
        return await arrangement.store.health(timeout=timeout)
    first, second, left = await asyncio.gather(
        arrangement.store.health(timeout=timeout),
        arrangement.secondary.health(timeout=timeout),
        _left(arrangement, timeout),
    )
    return DualHealth(
        first.store,
        first.healthy,
        first.response_seconds,
        first.error,
        secondary=second,
        entries=None if left is None else sum(way.entries for way in left),
        dead=None if left is None else sum(way.dead for way in left),
        held=None if left is None else sum(way.held for way in left),
        lag_seconds=None if left is None else max(way.lag_seconds for way in left),
        rivals=arrangement.leading.rivals,
        unknown_companies=arrangement.cohorts.unknown if arrangement.cohorts is not None else (),
    )


async def _left(arrangement: Arrangement, timeout: float) -> list[Waiting] | None:
    """Count what is owed in every direction; None where an outbox cannot be asked in time."""
    try:
        async with asyncio.timeout(timeout):
            return [await direction.left() for direction in arrangement.directions]
    except (DataLayerError, TimeoutError):
        return None
