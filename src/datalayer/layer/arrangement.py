"""What one set of settings opens: the primary, the store that follows, and what runs beside them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from datalayer.errors import UnsupportedOperationError
from datalayer.flags import Mode, StoreKind, has_cohort, resolve_mode
from datalayer.layer.cohorts import Cohorts, wanted_companies
from datalayer.layer.directions import Direction
from datalayer.layer.joining import captures_itself
from datalayer.layer.leading import Leading
from datalayer.layer.leads import leads_of, routes_of
from datalayer.layer.opening import observers_for, open_store_for
from datalayer.layer.process_registry import ProcessRegistry
from datalayer.layer.schema import DOMAIN, check_schema
from datalayer.layer.sequences import advance_keys, use_upper_keys
from datalayer.layer.shadowing import Shadows
from datalayer.outbox.service_key import check_service_key
from datalayer.routing.cohort_store import CohortStore
from datalayer.routing.late_store import LateStore
from datalayer.routing.routed_store import RoutedStore
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.telemetry import Observer, RelayObserver

if TYPE_CHECKING:
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")

Opener: TypeAlias = Callable[[StoreKind], Awaitable[Store]]


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The open stores of one mode.

    Args:
        store: what repositories ask.
        primaries: the stores that have primaries: the mode's, and those of routes.
        routes: tables whose primary is not the mode's.
        secondary: the store that follows; None without dual-write.
        directions: from each store that has primaries to the other one; none without dual-write.
        leading: this process's part in the agreement on primaries; None without dual-write.
    """

    mode: Mode
    settings: Settings
    store: Store
    primaries: Mapping[StoreKind, Store]
    routes: Mapping[str, StoreKind]
    secondary: LateStore | None
    directions: tuple[Direction, ...]
    leading: Leading | None
    shadows: Shadows | None
    cohorts: Cohorts | None
    _opened: AsyncExitStack

    @property
    def primary(self) -> Store:
        """The mode's primary itself."""
        return self.primaries[self.mode.primary]

    def begin(self) -> None:
        """Take effect on the stores and on others: called once the layer has gone over to this arrangement."""
        if self.leading is not None:
            self.leading.begin()
        if self.settings.datalayer_relay:
            for direction in self.directions:
                direction.start()
        if self.cohorts is not None:
            self.cohorts.begin()

    async def close(self) -> None:
        """Stop what runs, then close every store."""
        await self._opened.aclose()


async def arrange(settings: Settings, observers: Sequence[Observer]) -> Arrangement:
    """Open what the settings ask for, or nothing.

    Raises:
        ConfigurationError: settings or schema are not usable.
        UnavailableError: a primary cannot be reached; the secondary may be away.
    """
    opened = AsyncExitStack()
    try:
        return await _arrange(settings, (*observers_for(settings), *observers), opened)
    except BaseException:
        await opened.aclose()
        raise


async def _arrange(settings: Settings, observers: Sequence[Observer], opened: AsyncExitStack) -> Arrangement:
    mode = resolve_mode(settings)
    opener = partial(open_store_for, settings=settings, observers=observers)
    primaries: dict[StoreKind, Store] = {}
    for kind in dict.fromkeys((mode.primary, *settings.datalayer_routes.values())):
        primaries[kind] = await opener(kind)
        opened.push_async_callback(primaries[kind].close)
    routes = await routes_of(settings, mode, primaries)
    await _check_schemas(settings, mode, primaries, routes)
    secondary = await _secondary(settings, mode, primaries, opener, opened)
    postgres = await _postgres_of_cohort(settings, mode, primaries, secondary)
    if secondary is not None:
        await _advance_keys(primaries)
    leading = None
    if secondary is not None:
        leads = leads_of(mode, routes)
        leading = Leading(primaries[mode.primary], secondary, settings, leads, has_cohort=postgres is not None)
        opened.push_async_callback(leading.stop)
    directions = await _directions(settings, mode, primaries, leading, secondary, observers, opened)
    asked = {kind: direction.asked for kind, direction in zip(primaries, directions, strict=False)} or primaries
    shadows = None
    if secondary is not None and settings.datalayer_shadow_reads:
        shadows = Shadows(settings, observers)
        opened.push_async_callback(shadows.stop)
        asked = shadows.cast(asked, directions, are_companies_divided=postgres is not None)
    store = asked[mode.primary]
    cohorts = None
    if postgres is not None and leading is not None and mode.secondary is not None:
        wanted = await wanted_companies(settings, primaries[mode.primary])
        stores = (primaries[mode.primary], primaries[mode.secondary])
        doubt = settings.datalayer_request_lifetime_seconds
        cohorts = Cohorts(postgres, stores, directions, wanted, process=leading.process, doubt_seconds=doubt)
        opened.push_async_callback(cohorts.stop)
        await cohorts.start()
        store = CohortStore(store, asked[mode.secondary], cohorts.assignments)
    if routes:
        store = RoutedStore(store, {table: asked[kind] for table, kind in routes.items()})
    return Arrangement(
        mode, settings, store, primaries, routes, secondary, directions, leading, shadows, cohorts, opened
    )


async def _postgres_of_cohort(
    settings: Settings, mode: Mode, primaries: dict[StoreKind, Store], secondary: LateStore | None
) -> PostgresStore | None:
    """Return the PostgreSQL that knows the cohort, both stores being primaries then; None where there is no cohort."""
    if secondary is None or StoreKind.SUPABASE not in (mode.primary, mode.secondary):
        return None
    is_wanted = has_cohort(settings, mode)
    if is_wanted:
        await secondary.get()
    postgres = next((s for s in (primaries[mode.primary], secondary.opened) if isinstance(s, PostgresStore)), None)
    if postgres is None or mode.secondary is None:
        return None
    if not is_wanted and not await ProcessRegistry(postgres).cohort_stands(mode.primary):
        return None
    primaries[mode.secondary] = await secondary.get()
    await use_upper_keys(postgres)
    return postgres


async def _advance_keys(primaries: Mapping[StoreKind, Store]) -> None:
    """Have no primary generate a key that the other store has brought to it."""
    for kind, store in primaries.items():
        try:
            await advance_keys(store)
        except UnsupportedOperationError as error:
            LOGGER.warning("%s: %s", kind.value, error)


async def _directions(
    settings: Settings,
    mode: Mode,
    primaries: Mapping[StoreKind, Store],
    leading: Leading | None,
    secondary: LateStore | None,
    observers: Sequence[Observer],
    opened: AsyncExitStack,
) -> tuple[Direction, ...]:
    """Join each store that has primaries with the other one; nothing is relayed yet."""
    if secondary is None or leading is None:
        return ()
    if StoreKind.SUPABASE in (mode.primary, mode.secondary) and (key := settings.supabase_api_key()) is not None:
        check_service_key(key.get_secret_value())
    heard_by = [observer for observer in observers if isinstance(observer, RelayObserver)]
    directions = []
    for kind, primary in primaries.items():
        other = secondary if kind is mode.primary else _late(mode.primary, primaries[mode.primary])
        direction = Direction(primary, other, settings, heard_by, admitted=leading.admit)
        if not await captures_itself(primary, settings):
            await direction.cover(opened)
        await direction.check()
        opened.push_async_callback(direction.stop)
        directions.append(direction)
    return tuple(directions)


def _late(kind: StoreKind, store: Store) -> LateStore:
    """Return an open store as one that is there."""

    async def there() -> Store:
        return store

    return LateStore(kind.value, there, store)


async def _check_schemas(
    settings: Settings, mode: Mode, primaries: Mapping[StoreKind, Store], routes: Mapping[str, StoreKind]
) -> None:
    """Hold every primary to the repositories whose tables it has."""
    if not settings.datalayer_check_schema:
        return
    for kind, store in primaries.items():
        await check_schema(store, [found for found in DOMAIN if routes.get(found.table, mode.primary) is kind])


async def _secondary(
    settings: Settings,
    mode: Mode,
    primaries: Mapping[StoreKind, Store],
    opener: Opener,
    opened: AsyncExitStack,
) -> LateStore | None:
    """Open the store that follows where its server is there."""
    if mode.secondary is None:
        return None
    checked = partial(_open_checked, opener, mode.secondary, settings)
    secondary = LateStore(mode.secondary.value, checked, primaries.get(mode.secondary))
    opened.push_async_callback(secondary.close)
    await secondary.try_now()
    return secondary


async def _open_checked(opener: Opener, kind: StoreKind, settings: Settings) -> Store:
    store = await opener(kind)
    try:
        if settings.datalayer_check_schema:
            await check_schema(store)
    except BaseException:
        await store.close()
        raise
    return store
