"""Whether anything is owed between the two stores of a layer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Final

from datalayer.errors import ConfigurationError
from datalayer.layer.directions import Direction

_POLL_SECONDS: Final = 0.05


async def settle(directions: Sequence[Direction], seconds: float) -> None:
    """Wait until nothing is owed in any direction.

    Raises:
        ConfigurationError: entries are left after so many seconds.
    """
    ends = monotonic() + seconds
    while left := sum([(await direction.left()).entries for direction in directions]):
        if monotonic() > ends:
            raise ConfigurationError(
                f"{left} outbox entries are not settled, so the other store lacks something: see `datalayer outbox"
                " status`, and change the primary when the outbox is empty",
                variables=("USE_LEGACY_SUPABASE", "USE_REPOSITORY_PATTERN"),
            )
        for direction in directions:
            direction.wake()
        await asyncio.sleep(_POLL_SECONDS)
