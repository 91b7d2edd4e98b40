"""The one place where the parts are joined: settings, mode, store, repositories, calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self, TypeVar, cast

from datalayer.errors import UnsupportedOperationError
from datalayer.flags import Mode, StoreKind
from datalayer.layer.envelope import EnvelopeCalls
from datalayer.layer.health import layer_health
from datalayer.layer.scope import Scope
from datalayer.models.rules import DEFAULT_PHONE_REGION
from datalayer.repositories import Clock
from datalayer.repositories.reads import utc_now
from datalayer.routing.passing_store import innermost
from datalayer.stores.contract import Health, Isolation, Session, Store
from datalayer.telemetry import Observer

if TYPE_CHECKING:
    from datalayer.layer.opened import OpenedLayer, SettingsSource
    from datalayer.routing.shadow_report import ShadowReport
    from datalayer.settings import Settings

T = TypeVar("T")


class DataLayer(Scope):
    """Repositories and named calls over the primary store.

        async with DataLayer.open() as layer:
            client = await layer.get_client_by_phone("+79990000000")

    Made by :meth:`open` from settings, or around a store that is already open and stays the caller's to close.
    """

    def __init__(self, store: Store, *, phone_region: str = DEFAULT_PHONE_REGION, clock: Clock = utc_now) -> None:
        super().__init__(store, phone_region=phone_region, clock=clock)
        self._store = store
        self._opened: OpenedLayer | None = None
        self._envelope = EnvelopeCalls(self, self.health_check, clock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        settings: Settings | None = None,
        *,
        observers: Sequence[Observer] = (),
        clock: Clock = utc_now,
        source: SettingsSource | None = None,
        reload_on_sighup: bool = False,
    ) -> AsyncIterator[Self]:
        """Open the stores that the mode needs, check their schemas, and close them at the end of the block.

        With nothing configured this is an embedded SQLite file in the working directory. A mode that cannot work is
        refused; nothing else is tried in its place. A secondary that is away does not stop the start: it is opened when
        it is back.

        Args:
            settings: None asks the source.
            observers: who hears of each call to the store, beside the sinks that the settings ask for.
            clock: tells the present, aware.
            source: where :meth:`reload` takes settings from; None reads the environment.
            reload_on_sighup: whether the signal SIGHUP reloads as :meth:`reload` does; what is refused is logged.

        Raises:
            ConfigurationError: settings or schema are not usable; says which variable to change or what to run.
            AccessDeniedError: the server refused the password or the key.
            UnavailableError: the primary cannot be reached within the timeout.
        """
        from datalayer.layer.opened import OpenedLayer, read_environment

        source = source or read_environment
        opened = await OpenedLayer.open(settings or await source(), source, observers)
        try:
            layer = cls(opened.switch, phone_region=opened.arrangement.settings.datalayer_phone_region, clock=clock)
            layer._opened = opened
            if reload_on_sighup:
                opened.reload_on_sighup()
            yield layer
        finally:
            await opened.close()

    @property
    def mode(self) -> Mode:
        """Which store is the primary, and which one follows."""
        return self._opened.arrangement.mode if self._opened is not None else Mode(StoreKind(self._store.name))

    @property
    def store(self) -> Store:
        """The store itself, for what the repositories do not say."""
        return cast("Store", innermost(self._store))

    @property
    def envelope(self) -> EnvelopeCalls:
        """The named calls with answers in envelopes instead of errors."""
        return self._envelope

    async def health_check(self, *, timeout: float = 5.0) -> Health:
        """Ask one cheap query; never raises for a store that is away.

        With dual-write the answer is a :class:`~datalayer.layer.health.DualHealth`; ``healthy`` is the primary's.
        """
        if self._opened is None:
            return await self._store.health(timeout=timeout)
        return await layer_health(self._opened.arrangement, timeout=timeout)

    def shadow_report(self) -> ShadowReport:
        """Return what shadow reads have found, by table and method; empty where DATALAYER_SHADOW_READS is not set."""
        from datalayer.routing.shadow_report import ShadowReport

        shadows = self._opened.arrangement.shadows if self._opened is not None else None
        return shadows.report() if shadows is not None else ShadowReport()

    @property
    def cohort(self) -> frozenset[str]:
        """The companies whose primary is the other store now, by company_id; empty without a cohort."""
        cohorts = self._opened.arrangement.cohorts if self._opened is not None else None
        return cohorts.assignments.others if cohorts is not None else frozenset()

    async def reload(self, settings: Settings | None = None) -> Mode:
        """Go over to other settings; calls that are under way end under the old ones. Return the mode.

        Everything is opened and checked first: where that fails, nothing changes. The primary changes only between the
        two stores of a dual-write, while writes are held for a moment and when nothing is owed to the other store.

        Args:
            settings: None asks the source that the layer was opened with, which is the environment unless given.

        Raises:
            ConfigurationError: the new settings are not usable, or it is too early for them; the old mode stays.
            UnavailableError: a store that they need cannot be reached; the old mode stays.
            UnsupportedOperationError: this layer was made around a store.
        """
        if self._opened is None:
            raise UnsupportedOperationError(self._store.name, "reloading", "open the layer with DataLayer.open()")
        return await self._opened.reload(settings)

    async def run_transaction(
        self,
        work: Callable[[Scope], Awaitable[T]],
        *,
        attempts: int = 5,
        isolation: Isolation | None = "serializable",
        read_only: bool = False,
        timeout: float | None = None,
    ) -> T:
        """Run ``work`` in a transaction; begin anew after a serialization failure or deadlock.

        Args:
            work: called with the transaction's repositories once per attempt; must have no effect outside of it.
            attempts: transactions at most.
            timeout: seconds for each statement and each lock.

        Raises:
            TransactionConflictError: the last attempt conflicted as well.
            UnsupportedOperationError: the store has no transactions (Supabase).
        """
        from datalayer.stores.retry import run_transaction

        def over_session(session: Session) -> Awaitable[T]:
            return work(self._over(session))

        return await run_transaction(
            self._store, over_session, attempts=attempts, isolation=isolation, read_only=read_only, timeout=timeout
        )
