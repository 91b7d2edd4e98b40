"""The two stores of a dual-write, joined: what the layer, the commands and consumers of the outbox share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datalayer.errors import ConfigurationError, StoreTimeoutError, UnavailableError
from datalayer.flags import Mode, StoreKind, both_lead, has_cohort, resolve_mode
from datalayer.layer.counting_in import OnRivals, counted_in
from datalayer.layer.joining import captures_itself, check_join, parts_between
from datalayer.layer.leads import ALL_OTHERS, Leads, leader_of, leads_of, routes_of
from datalayer.layer.led_rows import LedRows
from datalayer.layer.opening import open_store_for
from datalayer.layer.process_registry import ProcessRegistry, Record, refuse_rivals
from datalayer.layer.strays import find_strays, refuse_early, refuse_strays
from datalayer.outbox.assembly import reconciler_between, relay_over
from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.left_behind import LeftBehind
from datalayer.outbox.operations import OperationJournal
from datalayer.outbox.outcome import Outcome
from datalayer.outbox.pace import Pace
from datalayer.outbox.queue import Outbox
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.relay import Relay
from datalayer.outbox.requests import RequestCapture
from datalayer.outbox.tables import MARKS, OPERATIONS
from datalayer.query import Count
from datalayer.routing.request_capture import key_lookup
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.telemetry import Observer, RelayObserver

if TYPE_CHECKING:
    from datalayer.outbox.entries import Key
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0


@dataclass(frozen=True, slots=True)
class Link:
    """One direction: from a primary to the store that follows it.

    Args:
        outbox: what is owed.
        reconciler: settles keys.
        chores: what a relay has to do besides, where no application does it.
    """

    outbox: Outbox
    reconciler: Reconciler
    chores: tuple[Callable[[], Awaitable[object]], ...] = ()

    def relay(self, pace: Pace, *, observers: Sequence[RelayObserver] = ()) -> Relay:
        """Build a relay with a name of its own for its claims."""
        outbox = Outbox(self.outbox.store, self.outbox.table)
        return relay_over(self.reconciler, outbox, pace=pace, observers=observers, chores=self.chores)

    async def unanswered(self) -> int:
        """Count covered writes to Supabase whose outcome is not known yet: they become entries once it is."""
        following = self.reconciler.secondary
        if self.reconciler.primary.name != "supabase" or not isinstance(following, PostgresStore):
            return 0
        return await following.count(Count(OPERATIONS))


async def link(primary: Store, secondary: Store, settings: Settings) -> Link:
    """Join two open stores in one direction.

    Raises:
        ConfigurationError: bookkeeping is missing or hidden, or both stores are one database.
    """
    stores = {StoreKind(store.name): store for store in (primary, secondary)}
    parts = await parts_between(primary, secondary, settings)
    reconciler = await reconciler_between(
        primary,
        secondary,
        parts.applier,
        parts.outbox,
        ledger=parts.ledger,
        trusted=parts.trusted,
        breaker=DeleteBreaker(limit=settings.datalayer_relay_max_deletes),
        leads=await _leads_by(primary, stores, settings),
        led=await _led_rows(primary, stores, settings),
        timeout=settings.datalayer_timeout_seconds * 2,
    )
    return Link(parts.outbox, reconciler, _chores(primary, secondary, parts.outbox, settings))


async def _leads_by(primary: Store, stores: Mapping[StoreKind, Store], settings: Settings) -> Callable[[str], bool]:
    """Return whether the primary of a direction leads a table, or rows of it: where companies are divided both may."""
    mode = resolve_mode(settings)
    routes, kind = await routes_of(settings, mode, stores), StoreKind(primary.name)
    if not routes:
        return lambda table: True
    leads, is_divided = leads_of(mode, routes), await are_companies_divided(settings, mode, stores)
    return lambda table: leader_of(table, leads) is kind or (is_divided and table not in routes)


async def _led_rows(primary: Store, stores: Mapping[StoreKind, Store], settings: Settings) -> LedRows | None:
    mode = resolve_mode(settings)
    if mode.secondary is None:
        return None
    record = await registry_of(stores).recorded()
    return LedRows(
        primary,
        stores[mode.primary],
        stores[mode.secondary],
        _postgres(stores),
        leads=leads_of(mode, await routes_of(settings, mode, stores)),
        recorded=None if record is None else record.leads,
    )


async def are_companies_divided(settings: Settings, mode: Mode, stores: Mapping[StoreKind, Store]) -> bool:
    """Whether companies may be in either store: by the settings, or as not all of a cohort that they end are back."""
    return has_cohort(settings, mode) or await registry_of(stores).cohort_stands(mode.primary)


def pace_of(settings: Settings) -> Pace:
    """Return the pace that the settings ask for."""
    return Pace(tries=settings.datalayer_relay_tries, lease_seconds=settings.datalayer_relay_lease_seconds)


async def links(mode: Mode, stores: dict[StoreKind, Store], settings: Settings) -> list[Link]:
    """Join the stores of a mode: in both directions where single tables or companies have the other one as primary.

    Raises:
        ConfigurationError: dual-write cannot work as it is; says what to run.
    """
    if mode.secondary is None:
        raise _no_dual_write()
    ways = [(stores[mode.primary], stores[mode.secondary])]
    if settings.datalayer_routes or await are_companies_divided(settings, mode, stores):
        ways.append((stores[mode.secondary], stores[mode.primary]))
    for one, other in ways:
        await check_join(one, other, settings, by_triggers=await captures_itself(one, settings))
    return [await link(one, other, settings) for one, other in ways]


def _chores(
    primary: Store, secondary: Store, outbox: Outbox, settings: Settings
) -> tuple[Callable[[], Awaitable[object]], ...]:
    """Resolve the expired writes of applications that are gone, where writes are or were captured as requests."""
    if (left := left_behind(primary, secondary, settings)) is not None and outbox.table != MARKS:
        return (left.hand_over,)
    if outbox.table != MARKS or not isinstance(secondary, PostgresStore):
        return ()
    following = secondary

    async def reach() -> PostgresStore:
        return following

    lifetime = settings.datalayer_request_lifetime_seconds
    requests = RequestCapture(OperationJournal(reach), key_lookup(primary), policy="strict", lifetime_seconds=lifetime)
    return (requests.settle,)


def left_behind(primary: Store, secondary: Store | None, settings: Settings) -> LeftBehind | None:
    """Return what carries over the requests that were captured before Supabase had triggers; None for other pairs."""
    if primary.name != "supabase" or not isinstance(secondary, PostgresStore) or settings.supabase_url is None:
        return None
    return LeftBehind(
        secondary,
        Outbox(primary),
        key_lookup(primary),
        spool_path=settings.datalayer_spool_path,
        primary_url=settings.supabase_url,
        lifetime_seconds=settings.datalayer_request_lifetime_seconds,
    )


@asynccontextmanager
async def open_links(
    settings: Settings,
    *,
    observers: Sequence[Observer] = (),
    patient: bool = False,
    on_rivals: OnRivals | None = None,
) -> AsyncIterator[list[Link]]:
    """Open both stores of the settings and join them.

    Args:
        patient: wait for a store that is away, however long that takes.
        on_rivals: be counted as at work until the block ends; called when a process has the other store as primary.

    Raises:
        ConfigurationError: there is no dual-write, it cannot work, an application is at work that has the other store
            as primary, or what is owed would land over newer rows, as at the start of an application.
        UnavailableError: a store cannot be reached, and we are not patient.
    """
    mode = resolve_mode(settings)
    if mode.secondary is None:
        raise _no_dual_write()
    async with AsyncExitStack() as opened:
        stores: dict[StoreKind, Store] = {}
        for kind in (mode.primary, mode.secondary):
            stores[kind] = await _open(kind, settings, observers, patient=patient)
            opened.push_async_callback(stores[kind].close)
        joined = await links(mode, stores, settings)
        leads = leads_of(mode, await routes_of(settings, mode, stores))
        cohort = await are_companies_divided(settings, mode, stores)
        if on_rivals is not None:
            # A process without a share in the cohort would hold up its moves, so there a command only looks.
            await opened.enter_async_context(counted_in(_postgres(stores), leads, on_rivals, joins=not cohort))
        await _check_leads(stores, settings, leads, cohort=cohort)
        yield joined


async def _check_leads(stores: Mapping[StoreKind, Store], settings: Settings, leads: Leads, *, cohort: bool) -> None:
    """Hold a command to what a start is held to: nobody disagrees, and nothing owed would land over newer rows."""
    registry = registry_of(stores)
    refuse_rivals(await registry.rivals(leads), leads)
    record = await registry.recorded()
    one, other = stores.values()
    if cohort:
        stands = await registry.cohort_stands(leads[ALL_OTHERS])
        await refuse_early(other, None if record is None else record.leads, leads, settings, stands=stands)
    if record == Record(leads):
        return
    before = None if record is None or record.leads == leads else record.leads
    refuse_strays(await find_strays((one, other), settings, leads, before, has_cohort=cohort), leads)


def registry_of(stores: Mapping[StoreKind, Store]) -> ProcessRegistry:
    """Return the register in the pair's PostgreSQL, as a command sees it."""
    return ProcessRegistry(_postgres(stores))


def _postgres(stores: Mapping[StoreKind, Store]) -> PostgresStore:
    store = stores[StoreKind.POSTGRES]
    if not isinstance(store, PostgresStore):
        raise TypeError(f"not PostgreSQL: {type(store).__name__}")
    return store


async def both_have_primaries(settings: Settings, mode: Mode) -> bool:
    """Whether entries go both ways: by the settings, or as companies of a cohort that they end are not back yet.

    A PostgreSQL that only follows and is away cannot be asked; then the settings alone are gone by.
    """
    if both_lead(settings, mode) or StoreKind.SUPABASE not in (mode.primary, mode.secondary) or mode.secondary is None:
        return both_lead(settings, mode)
    try:
        store = await open_store_for(StoreKind.POSTGRES, settings, ())
    except (UnavailableError, StoreTimeoutError) as error:
        LOGGER.warning("whether companies are in the other store is not known: %s", error)
        return False
    try:
        return await registry_of({StoreKind.POSTGRES: store}).cohort_stands(mode.primary)
    finally:
        await store.close()


async def reconcile(
    table: str, keys: Sequence[Key], settings: Settings | None = None, *, versions: Sequence[int] | None = None
) -> Outcome:
    """Make these keys equal on the store that follows: for another carrier of the outbox, such as Debezium.

    It opens and closes both stores; a consumer of many events keeps :func:`open_links` open and calls
    ``link.reconciler.reconcile_keys``.

    Args:
        keys: values of the primary key each, in the order of its columns.
        settings: None reads the environment.
        versions: of the keys' entries, one for each key; without them keys are read again while others apply them.

    Raises:
        ConfigurationError: companies are in both stores, or as :func:`open_links`.
    """
    if settings is None:
        from datalayer.settings import Settings as FromEnvironment

        settings = FromEnvironment()
    async with open_links(settings) as joined:
        leading = [one for one in joined if one.reconciler.leads(table)]
        if len(leading) != 1:
            raise ConfigurationError(
                f"both stores lead rows of {table}: keep `open_links` open, and take the link of the store whose outbox"
                " is read"
            )
        return await leading[0].reconciler.reconcile_keys(table, keys, versions=versions)


def _no_dual_write() -> ConfigurationError:
    return ConfigurationError(
        "there is one store and nothing to carry: set ENABLE_DUAL_WRITE=true and configure a second store",
        variables=("ENABLE_DUAL_WRITE",),
    )


async def _open(kind: StoreKind, settings: Settings, observers: Sequence[Observer], *, patient: bool) -> Store:
    pause, told = _FIRST_PAUSE, False
    while True:
        try:
            return await open_store_for(kind, settings, observers, create=False)
        except (UnavailableError, StoreTimeoutError) as error:
            if not patient:
                raise
            if not told:
                LOGGER.warning("%s is away and is tried again: %s", kind.value, error)
            told = True
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
