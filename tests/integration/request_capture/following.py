"""What a relay does, until nothing is owed."""

from __future__ import annotations

import asyncio

from tests.integration.request_capture.place import Place

from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.assembly import reconciler_between
from datalayer.outbox.pace import Pace
from datalayer.outbox.queue import Outbox
from datalayer.outbox.relay import Relay
from datalayer.outbox.sweep import Sweeper


async def follow(place: Place) -> None:
    """Resolve operations as they expire, and settle all marks."""
    outbox = Outbox(place.following, "datalayer_marks")
    following = place.following
    reconciler = await reconciler_between(
        place.supabase, following, server_applier(following), outbox, ledger=following, trusted=_all_seen
    )
    sweeper = Sweeper(reconciler, outbox)
    pace = Pace(report_seconds=0)
    async with asyncio.timeout(20):
        while True:
            await place.requests.settle()
            await Relay(outbox, reconciler, sweeper, between=("supabase", "postgres"), pace=pace).drain()
            if not place.marks() and not await place.requests.owed():
                return


async def _all_seen() -> bool:
    """Answer for a reader that passes row security."""
    return True
