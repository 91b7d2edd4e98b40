"""The one place where the parts are joined: settings, mode, store, repositories, calls."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self, TypeVar

from datalayer.flags import Mode, StoreKind
from datalayer.layer.arrangement import Arrangement, arrange
from datalayer.layer.envelope import EnvelopeCalls
from datalayer.layer.health import layer_health
from datalayer.layer.scope import Scope
from datalayer.models.rules import DEFAULT_PHONE_REGION
from datalayer.repositories import Clock
from datalayer.repositories.reads import utc_now
from datalayer.stores.contract import Health, Isolation, Session, Store
from datalayer.telemetry import Observer

if TYPE_CHECKING:
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")
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
        self._arrangement: Arrangement | None = None
        self._envelope = EnvelopeCalls(self, self.health_check, clock)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings | None = None, *, observers: Sequence[Observer] = (), clock: Clock = utc_now
    ) -> AsyncIterator[Self]:
        """Open the stores that the mode needs, check their schemas, and close them at the end of the block.

        With nothing configured this is an embedded SQLite file in the working directory. A mode that cannot work is
        refused; nothing else is tried in its place. A secondary that is away does not stop the start: it is opened when
        it is back.

        Args:
            settings: None reads the environment.
            observers: who hears of each call to the store, beside the sinks that the settings ask for.
            clock: tells the present, aware.

        Raises:
            ConfigurationError: settings or schema are not usable; says which variable to change or what to run.
            AccessDeniedError: the server refused the password or the key.
            UnavailableError: the primary cannot be reached within the timeout.
        """
        if settings is None:
            from datalayer.settings import Settings as FromEnvironment

            settings = FromEnvironment()
        arrangement = await arrange(settings, observers)
        try:
            LOGGER.info("mode %s", arrangement.mode, extra={"mode": str(arrangement.mode)})
            layer = cls(arrangement.store, phone_region=settings.datalayer_phone_region, clock=clock)
            layer._arrangement = arrangement
            yield layer
        finally:
            await arrangement.close()

    @property
    def mode(self) -> Mode:
        """Which store is the primary, and which one follows."""
        return self._arrangement.mode if self._arrangement is not None else Mode(StoreKind(self._store.name))

    @property
    def store(self) -> Store:
        """The store itself, for what the repositories do not say."""
        return self._store

    @property
    def envelope(self) -> EnvelopeCalls:
        """The named calls with answers in envelopes instead of errors."""
        return self._envelope

    async def health_check(self, *, timeout: float = 5.0) -> Health:
        """Ask one cheap query; never raises for a store that is away.

        With dual-write the answer is a :class:`~datalayer.layer.health.DualHealth`; ``healthy`` is the primary's.
        """
        arrangement = self._arrangement
        if arrangement is None:
            return await self._store.health(timeout=timeout)
        return await layer_health(arrangement.primary, arrangement.secondary, timeout=timeout)

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
