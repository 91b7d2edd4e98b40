"""Request capture in the layer: the store that covers writes to a Supabase without the script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from datalayer.errors import UnavailableError
from datalayer.outbox.operations import OperationJournal
from datalayer.outbox.requests import RequestCapture
from datalayer.outbox.spool import Spool
from datalayer.routing.late_store import LateStore
from datalayer.routing.request_capture import RequestCaptureStore, key_lookup
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.tasks import end

if TYPE_CHECKING:
    from datalayer.settings import Settings


async def cover(
    primary: Store, secondary: LateStore, settings: Settings, marked: Callable[[], object], opened: AsyncExitStack
) -> tuple[RequestCaptureStore, RequestCapture]:
    """Return the store that is asked in the primary's place; what waits is handed over until ``opened`` ends."""

    async def reach() -> PostgresStore:
        store = secondary.opened
        if not isinstance(store, PostgresStore):
            raise UnavailableError("it has not been reached yet", store=secondary.name, operation="begin")
        return store

    spool = None
    if settings.datalayer_secondary_down == "spool" or await asyncio.to_thread(settings.datalayer_spool_path.exists):
        # Under another policy it may hold what is still to be handed over.
        spool = await Spool.open(settings.datalayer_spool_path, settings.supabase_url or primary.name)
        opened.push_async_callback(spool.close)
    requests = RequestCapture(
        OperationJournal(reach),
        key_lookup(primary),
        spool=spool,
        policy=settings.datalayer_secondary_down,
        lifetime_seconds=settings.datalayer_request_lifetime_seconds,
        marked=marked,
    )
    task = asyncio.create_task(requests.run(), name="datalayer covers writes")
    opened.push_async_callback(end, task)
    return RequestCaptureStore(primary, requests, timeout=settings.datalayer_timeout_seconds), requests
