"""Whether anything is owed between the two stores of a layer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import monotonic
from typing import Final

from datalayer.errors import ConfigurationError, UnknownTableError
from datalayer.outbox.tables import OUTBOX
from datalayer.query import Count
from datalayer.stores.contract import Store

_POLL_SECONDS: Final = 0.05


async def settle(primaries: Iterable[Store], seconds: float) -> None:
    """Wait until the outboxes of these stores are empty.

    Raises:
        ConfigurationError: entries are left after so many seconds, or a store has no outbox.
    """
    ends = monotonic() + seconds
    stores = list(primaries)
    while left := sum([await _owed(store) for store in stores]):
        if monotonic() > ends:
            raise ConfigurationError(
                f"{left} outbox entries are not settled, so the other store lacks something: see `datalayer outbox"
                " status`, and change the primary when the outbox is empty",
                variables=("USE_LEGACY_SUPABASE", "USE_REPOSITORY_PATTERN"),
            )
        await asyncio.sleep(_POLL_SECONDS)


async def _owed(store: Store) -> int:
    try:
        return await store.count(Count(OUTBOX))
    except UnknownTableError:
        raise ConfigurationError(
            f"the {store.name} store has no outbox, so nobody knows what the other store lacks: run `datalayer outbox"
            " install`",
            variables=("ENABLE_DUAL_WRITE",),
        ) from None
