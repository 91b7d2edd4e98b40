"""The outboxes of the settings' pair, opened to be looked at or changed: what is owed, and by which store."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from datalayer.errors import StoreTimeoutError, UnavailableError
from datalayer.flags import Mode, StoreKind, resolve_mode
from datalayer.layer.joining import captures_itself
from datalayer.layer.leads import Leads, leads_of, routes_of
from datalayer.layer.opening import open_store_for
from datalayer.layer.pairs import both_have_primaries
from datalayer.outbox.checks import check_bookkeeping, check_distinct
from datalayer.outbox.queue import Outbox
from datalayer.outbox.tables import MARKS
from datalayer.stores.contract import StoreName

if TYPE_CHECKING:
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")


@asynccontextmanager
async def open_outboxes(settings: Settings) -> AsyncIterator[list[Outbox]]:
    """Open the stores that have outboxes, and no other: what is owed can be seen while the secondary is away.

    What request capture has left behind comes last, where the store that has it can be reached.
    """
    mode = resolve_mode(settings)
    kinds = [mode.primary]
    if mode.secondary is not None and await both_have_primaries(settings, mode):
        kinds.append(mode.secondary)
    async with AsyncExitStack() as opened:
        outboxes = []
        for kind in kinds:
            store = await open_store_for(kind, settings, (), create=False)
            opened.push_async_callback(store.close)
            outbox = Outbox(store)
            if not await captures_itself(store, settings) and mode.secondary is not None:
                outbox = Outbox(await open_store_for(StoreKind.POSTGRES, settings, ()), MARKS)
                opened.push_async_callback(outbox.store.close)
                await check_distinct(store, outbox.store)
            await check_bookkeeping(outbox.store)
            outboxes.append(outbox)
        has_marks = {mode.primary, mode.secondary} == {StoreKind.SUPABASE, StoreKind.POSTGRES}
        if has_marks and MARKS not in [one.table for one in outboxes]:
            try:
                postgres = outboxes[0].store
                if mode.primary is StoreKind.SUPABASE:
                    postgres = await open_store_for(StoreKind.POSTGRES, settings, ())
                    opened.push_async_callback(postgres.close)
                    await check_distinct(outboxes[0].store, postgres)
                if MARKS in (await postgres.catalog()).tables:
                    outboxes.append(Outbox(postgres, MARKS))
            except (UnavailableError, StoreTimeoutError) as error:
                LOGGER.warning("whether anything is left of captured requests is not known: %s", error)
        yield outboxes


def primary_of(outbox: Outbox) -> StoreName:
    """Return whose rows the entries are about: what request capture owes is kept in the store that follows."""
    return "supabase" if outbox.table == MARKS else outbox.store.name


def by_primary(outboxes: Sequence[Outbox]) -> dict[StoreKind, Outbox]:
    """Return the outbox about each store's rows; of two the one of now, not what request capture has left behind."""
    found: dict[StoreKind, Outbox] = {}
    for outbox in outboxes:
        found.setdefault(StoreKind(primary_of(outbox)), outbox)
    return found


async def leads_over(outboxes: Sequence[Outbox], settings: Settings, mode: Mode) -> Leads:
    """Return the primaries by these settings, where the outboxes of both stores are open if any table has a route.

    Raises:
        ConfigurationError: a route names no table, or splits tables that foreign keys join.
    """
    stores = {kind: outbox.store for kind, outbox in by_primary(outboxes).items()}
    return leads_of(mode, {} if mode.secondary is None else await routes_of(settings, mode, stores))
