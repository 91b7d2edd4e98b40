"""A move of the primary behind a fence: no other process and no late request writes to the store that is left.

    fence the new primary ──> fence the old one ──> settle ──> unfence the new one: from here on it is the primary

The store that follows stays fenced afterwards; the relay's writes pass. So every process sees whether the move was
made: the old primary is fenced, the new one is not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

import psycopg

from datalayer.errors import ConfigurationError, DataLayerError
from datalayer.flags import Mode, StoreKind, both_lead, resolve_mode
from datalayer.layer.leads import LEADING_VARIABLES, leads_of, routes_of
from datalayer.layer.opening import open_store_for
from datalayer.layer.pairs import registry_of
from datalayer.layer.process_registry import Record, refuse_rivals
from datalayer.layer.strays import find_strays, refuse_strays
from datalayer.outbox.capture.fences import fence, is_fenced, unfence
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.errors import translate

if TYPE_CHECKING:
    from datalayer.layer.arrangement import Arrangement
    from datalayer.outbox.capture.postgres import Connection
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")

#: Held by the process that moves the primary: the first eight bytes of SHA-256 of "datalayer.move", signed.
_TURN: Final = 6_182_706_527_717_385_248
#: Seconds that transactions of other processes get to end.
_FENCE_SECONDS: Final = 3.0
#: Seconds that a start waits for another process that moves the primary.
_TURN_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.05


async def can_fence(old: Arrangement, new: Arrangement) -> bool:
    """Whether a move between two arrangements goes from one whole store to another, both of which have a fence."""
    if old.mode.primary is new.mode.primary or len(old.primaries) > 1 or len(new.primaries) > 1:
        return False
    if any(direction.requests is not None for direction in old.directions):
        return False
    return None not in [await is_fenced(one.primary) for one in (old, new)]


async def move_fenced(
    old: Arrangement, new: Arrangement, settled: Callable[[], Awaitable[None]], switch: Callable[[], None]
) -> None:
    """Settle and switch; where another process has made this move already, switch alone.

    Raises:
        ConfigurationError: another process is at it, or ``settled`` raised it; writes go on as before.
    """
    left, taken = old.primary, new.primary
    async with turn(new.settings):
        was_open = not await is_fenced(taken)
        if not (await is_fenced(left) and was_open):
            try:
                await fence(taken, timeout=_FENCE_SECONDS)
                await fence(left, timeout=_FENCE_SECONDS)
                await settled()
            except BaseException:
                await asyncio.shield(_give_up([left, taken] if was_open else [left]))
                raise
            # Should this fail, its outcome may be unknown: both stay fenced, and the next reload goes on from here.
            await unfence(taken, timeout=_FENCE_SECONDS)
        switch()


async def leave_fenced(left: Store, taken: Store, settings: Settings, settled: Callable[[], Awaitable[None]]) -> None:
    """Fence the store that a restart has left, where both have a fence, and see that it is settled.

    Raises:
        ConfigurationError: ``settled`` raised it; the store can be written as before.
    """
    if None in [await is_fenced(one) for one in (left, taken)]:
        await settled()
        return
    async with turn(settings, patience=_TURN_SECONDS):
        was_open = not await is_fenced(left)
        try:
            await fence(left, timeout=_FENCE_SECONDS)
            await settled()
        except BaseException:
            await asyncio.shield(_give_up([left] if was_open else []))
            raise


async def open_new_primaries(old: Arrangement, new: Arrangement) -> None:
    """Unfence stores that become primaries besides, of single tables or companies."""
    for kind, store in new.primaries.items():
        if kind not in old.primaries and await is_fenced(store):
            await unfence(store)


async def check_open(arrangement: Arrangement) -> None:
    """Refuse to begin with a primary that another one was moved away from.

    Raises:
        ConfigurationError: says what to do.
    """
    for store in arrangement.primaries.values():
        if await is_fenced(store):
            raise ConfigurationError(
                f"{store.name} is fenced: the other store has become the primary, or a reload was cut off doing so."
                " Start with the other store as primary; or, when no application has it as such, run `datalayer outbox"
                " unfence --yes` to go back",
                variables=LEADING_VARIABLES,
            )


async def open_primaries(settings: Settings) -> bool:
    """Unfence the stores that have primaries by these settings, fence one that only follows; False: no fence stood.

    Raises:
        ConfigurationError: a store owes the other one something, or an application is at work with other primaries.
    """
    mode = resolve_mode(settings)
    kinds = {mode.primary, *settings.datalayer_routes.values()}
    if mode.secondary is not None and both_lead(settings, mode):
        kinds.add(mode.secondary)
    async with AsyncExitStack() as opened:
        stores: dict[StoreKind, Store] = {}
        for kind in kinds:
            stores[kind] = await open_store_for(kind, settings, (), create=False)
            opened.push_async_callback(stores[kind].close)
        fenced = [store for store in stores.values() if await is_fenced(store)]
        if not fenced:
            return False
        if mode.secondary is not None and mode.secondary not in stores:
            stores[mode.secondary] = await open_store_for(mode.secondary, settings, ())
            opened.push_async_callback(stores[mode.secondary].close)
        if mode.secondary is not None:
            await _settle_leads(mode, stores, stores[mode.secondary], settings)
        for store in fenced:
            await unfence(store)
        return True


async def _settle_leads(mode: Mode, stores: Mapping[StoreKind, Store], secondary: Store, settings: Settings) -> None:
    """See that nothing is owed that would land on a primary of these settings, and note them as those of now."""
    leads = leads_of(mode, await routes_of(settings, mode, stores))
    registry = registry_of(stores)
    refuse_rivals(await registry.rivals(leads), leads)
    before = await registry.recorded()
    primary = stores[mode.primary]

    async def settled() -> None:
        # Behind a fence one store alone had primaries: also before a cohort nothing may be owed by the other one.
        led_before = None if before is None else before.leads
        found = await find_strays((primary, secondary), settings, leads, led_before, has_cohort=False)
        refuse_strays(found, leads)

    if both_lead(settings, mode):
        await settled()
    else:
        await leave_fenced(secondary, primary, settings, settled)
    await registry.record(Record(leads))


async def _give_up(stores: Sequence[Store]) -> None:
    """Let these be written again."""
    for store in stores:
        try:
            await unfence(store)
        except DataLayerError as error:
            LOGGER.error(
                "%s stays fenced (%s): reload again, or run `datalayer outbox unfence`",
                store.name,
                type(error).__name__,
            )


@asynccontextmanager
async def turn(settings: Settings, *, patience: float = 0.0) -> AsyncIterator[None]:
    """Move alone: every pair of stores has a PostgreSQL, where a lock lasts as long as our connection.

    Args:
        patience: seconds to wait for another process that is at it.

    Raises:
        ConfigurationError: another process is at it.
    """
    store = await open_store_for(StoreKind.POSTGRES, settings, ())
    try:
        if not isinstance(store, PostgresStore):
            raise TypeError(f"not PostgreSQL: {type(store).__name__}")
        ends = monotonic() + patience
        async with store.connection() as connection:
            while not await _try_turn(connection):
                if monotonic() >= ends:
                    raise ConfigurationError("another process is changing the primary at this moment: try again")
                await asyncio.sleep(_POLL_SECONDS)
            yield
    finally:
        await store.close()


async def _try_turn(connection: Connection) -> bool:
    try:
        cursor = await connection.execute("select pg_try_advisory_lock(%s) as mine", [_TURN])
        row = await cursor.fetchone()
    except psycopg.Error as error:
        failure = translate(error, operation="reload")
    else:
        return bool(row and row["mine"])
    raise failure
