"""Pins: at most one apply of a key is in flight to a secondary that cannot tell old from new.

Over HTTP a request that was given up may still land later, over a newer state. So a key is pinned before its row is
read, and stays pinned until the answer is there or the request can no longer take effect at the server. A pin runs from
the moment it is taken; so requests are sent soon after, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from datalayer.stores.postgres import PostgresStore


class Pins:
    """The pinned keys of all relays, in the PostgreSQL that is the primary. Keys are texts of JSON arrays.

    Args:
        lifetime_seconds: how long a request lives at the server after it was sent, at most.
        budget_seconds: how long after the pins are asked for the last request is sent, at most.
    """

    def __init__(self, store: PostgresStore, *, lifetime_seconds: float, budget_seconds: float = 30.0) -> None:
        self._store = store
        self._lifetime_seconds = lifetime_seconds
        self.budget_seconds = budget_seconds

    async def take(self, owner: UUID, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Pin what nobody else has pinned; a pin past its lifetime is taken over.

        Args:
            keys: table and key of each.
        """
        rows = await self._store.fetch_all(
            "insert into datalayer_pins (aggregatetype, aggregateid, owner, expires_at)"
            " select k.t, k.k, %(owner)s::text, clock_timestamp() + make_interval(secs => %(seconds)s)"
            " from unnest(%(tables)s::text[], %(keys)s::text[]) k (t, k) order by k.t, k.k"
            " on conflict (aggregatetype, aggregateid) do update"
            " set owner = excluded.owner, expires_at = excluded.expires_at"
            " where datalayer_pins.expires_at < clock_timestamp()"
            " returning aggregatetype, aggregateid",
            {
                "owner": str(owner),
                "seconds": self.budget_seconds + self._lifetime_seconds,
                "tables": [table for table, _ in keys],
                "keys": [key for _, key in keys],
            },
        )
        return {(row["aggregatetype"], row["aggregateid"]) for row in rows}

    async def release(self, owner: UUID) -> None:
        """Let go of an apply's keys: its answer has come."""
        await self._store.execute("delete from datalayer_pins where owner = %s", [str(owner)])
