"""What the relay does, in one call: settle until nothing is owed."""

from __future__ import annotations

import asyncio

from tests.integration.request_capture.place import Place

from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.entries import Change
from datalayer.outbox.queue import Outbox
from datalayer.outbox.rows import identity_of, read_rows


async def follow(place: Place) -> None:
    """Resolve operations as they expire, and apply all marks."""
    outbox = Outbox(place.following, "datalayer_marks")
    applier, origin = server_applier(place.following), await identity_of(place.following)
    async with asyncio.timeout(20):
        while True:
            await place.requests.settle()
            claimed = await outbox.claim(100)
            for entry in claimed.entries:
                table = (await place.supabase.catalog()).tables[entry.table]
                assert entry.key is not None
                rows = await read_rows(place.supabase, table, [entry.key])
                change = Change(entry.table, entry.key, entry.version, rows.get(entry.key))
                await applier.apply(origin, [change])
                await outbox.settle([entry.version])
            if not claimed.entries and not await place.requests.owed():
                return
            await asyncio.sleep(0.02)
