"""What an application does so that all of a dual-write agree on the primary: it joins, looks, and goes on being heard.

    join the register: refused while a process is at work that takes the other store for the primary
    look: nothing may be owed that would land over the new primary's rows
    fence the store that was left, where it has a fence; note the primaries of now

The register is in PostgreSQL. Where a store that only follows is away the application begins all the same, and does the
rest before it relays.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from datalayer.errors import (
    DataLayerError,
    OutcomeUnknownError,
    StoreError,
    StoreTimeoutError,
    UnavailableError,
)
from datalayer.layer.fencing import leave_fenced
from datalayer.layer.leads import ALL_OTHERS, Leads
from datalayer.layer.process_registry import (
    BEAT_SECONDS,
    LEASE_SECONDS,
    ProcessRegistry,
    Record,
    new_process,
    refuse_rivals,
)
from datalayer.layer.strays import Strays, find_strays, refuse_early, refuse_strays
from datalayer.routing.late_store import LateStore
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.tasks import end
from datalayer.wording import counted

if TYPE_CHECKING:
    from uuid import UUID

    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")

#: Before a store that was away is asked again, so that this process is heard as soon as it is back.
_AWAY_SECONDS: Final = 1.0
_AWAY: Final = (UnavailableError, StoreTimeoutError, OutcomeUnknownError)


class Leading:
    """One application's part in the agreement.

    Args:
        primary: of most tables.
        secondary: the other store.
        leads: which store has the primary of which table.
        has_cohort: whether both stores have primaries of every table, company by company.
    """

    def __init__(
        self, primary: Store, secondary: LateStore, settings: Settings, leads: Leads, *, has_cohort: bool
    ) -> None:
        self.leads = leads
        self.process = new_process()
        #: Processes that disagreed when they were looked for last, by name; None until then.
        self.rivals: tuple[str, ...] | None = None
        self._primary = primary
        self._secondary = secondary
        self._settings = settings
        self._has_cohort = has_cohort
        #: What this process was known by before reloads.
        self._former: tuple[UUID, ...] = ()
        #: Whether it may have a row in the register, which is its own to take away.
        self._is_counted = False
        self._turn = asyncio.Lock()
        #: Set once everything was looked at, under the turn.
        self._entered = False
        self._task: asyncio.Task[None] | None = None

    @property
    def has_entered(self) -> bool:
        """Whether everything was looked at and found in order."""
        return self._entered

    async def enter(self) -> None:
        """Join and look, as far as the stores are there; what is refused leaves no trace once it is stopped.

        A store that goes away meanwhile does not stop the start, nor does one that only follows and refuses what is
        asked of it, such as a standby that cannot be written: the rest is done when it can be.

        Raises:
            ConfigurationError: another process disagrees, or something is owed; says what to do.
            StoreError: the primary refuses.
        """
        if self._postgres() is None:
            return
        try:
            await self._enter()
        except StoreError as error:
            if error.store == self._primary.name and not isinstance(error, _AWAY):
                raise
            LOGGER.error("who leads is asked later, and nothing is relayed until then: %s", error)

    async def admit(self) -> None:
        """Do what the start could not, a store being away; to be asked before anything is relayed.

        Raises:
            ConfigurationError: as :meth:`enter`.
        """
        async with self._turn:
            if not self._entered:
                await self._enter()

    def succeed(self, before: Leading) -> None:
        """Take the place of this process's arrangement of before, which is heard no more: all it does is end."""
        self._entered = before.has_entered
        self._former = (before.process, *before._former)
        before._is_counted = False
        if before._task is not None:
            before._task.cancel()

    async def refuse_rivals(self, leads: Leads, *, patience: float = BEAT_SECONDS) -> None:
        """Raise ConfigurationError while another process works with other primaries than these."""
        refuse_rivals(await self._registry().rivals(leads, patience=patience), leads)

    async def record(self, leads: Leads) -> None:
        """Note the primaries that a reload goes over to; where that fails, those of before are on record again."""
        registry = self._registry()
        before = await registry.recorded()
        try:
            await registry.record(Record(leads))
        except BaseException:
            if before is not None:
                await asyncio.shield(self._put_back(before))
            raise

    def begin(self) -> None:
        """Be heard from now on."""
        self._is_counted = True
        self._task = asyncio.create_task(self._run(), name="datalayer is heard")

    async def stop(self) -> None:
        """Be counted no more; may be called twice."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)
        if self._is_counted:
            self._is_counted = False
            await self._leave()

    async def _enter(self) -> None:
        registry = self._registry()
        self._is_counted = True
        rivals = await registry.join(self.leads)
        self.rivals = tuple(rivals)
        refuse_rivals(rivals, self.leads)
        record = await registry.recorded()
        secondary = self._secondary.opened
        if secondary is not None:
            await self._take(secondary, record)
            self._entered = True
        elif record is not None and record.leads != self.leads:
            await registry.record(Record(self.leads, settled=False))

    async def _take(self, secondary: Store, record: Record | None) -> None:
        """See that no late entry can land on a primary, and note the primaries of now."""
        if self._has_cohort:
            recorded = None if record is None else record.leads
            stands = await self._registry().cohort_stands(self.leads[ALL_OTHERS])
            await refuse_early(secondary, recorded, self.leads, self._settings, stands=stands)
        if record == Record(self.leads):
            await self._check_steady(secondary)
            return
        before = None if record is None or record.leads == self.leads else record.leads

        async def settled() -> None:
            refuse_strays(await self._strays(secondary, before), self.leads)

        is_whole = len(self.leads) == 1 and (before is None or len(before) == 1) and not self._has_cohort
        if record is not None and is_whole:
            await leave_fenced(secondary, self._primary, self._settings, settled)
        else:
            await settled()
        await self._registry().record(Record(self.leads))

    async def _check_steady(self, secondary: Store) -> None:
        """Tell of writes to tables of a store that follows there: nothing carries them."""
        found = await self._strays(secondary, self.leads)
        for name, number in found.left.items():
            LOGGER.error(
                "%s owes %s of tables that the other store leads, and that nothing carries: something else wrote to"
                " them. Run `datalayer backfill --resync`: the rows of the store that leads win",
                name,
                counted(number, "change"),
            )

    async def _strays(self, secondary: Store, before: Leads | None) -> Strays:
        stores = (self._primary, secondary)
        return await find_strays(stores, self._settings, self.leads, before, has_cohort=self._has_cohort)

    def _postgres(self) -> PostgresStore | None:
        for store in (self._primary, self._secondary.opened):
            if isinstance(store, PostgresStore):
                return store
        return None

    def _registry(self) -> ProcessRegistry:
        store = self._postgres()
        if store is None:
            raise UnavailableError("it has not been reached yet", store="postgres", operation="join")
        return ProcessRegistry(store, self.process, self._former)

    async def _put_back(self, before: Record) -> None:
        try:
            await self._registry().record(before)
        except DataLayerError as error:
            LOGGER.error("the primary that a reload failed to go over to may be on record: %s", error)

    async def _leave(self) -> None:
        if self._postgres() is None:
            return
        try:
            await self._registry().leave()
        except DataLayerError as error:
            LOGGER.warning("this process is counted as at work for %d seconds: %s", LEASE_SECONDS, type(error).__name__)

    async def _run(self) -> None:
        known = ""
        while True:
            pause = BEAT_SECONDS
            try:
                await self._beat()
                known = ""
            except _AWAY:
                # A store is away; the relay tells of that.
                known, pause = "", _AWAY_SECONDS
            except DataLayerError as error:
                if str(error) != known:
                    LOGGER.error("whether all processes agree on the primary is not known, or they do not: %s", error)
                known = str(error)
            await asyncio.sleep(pause)

    async def _beat(self) -> None:
        if self._postgres() is None:
            await self._secondary.get()
        rivals = await self._registry().beat(self.leads)
        known, self.rivals = self.rivals or (), tuple(rivals)
        if set(rivals) - set(known):
            LOGGER.error("%s has another primary than this process: stop it, or reload it", ", ".join(rivals))
        if not self._entered:
            await self._secondary.get()
            await self.admit()
