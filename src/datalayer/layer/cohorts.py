"""The cohort of a layer: which companies the settings want in the other store, and the task that brings them there.

A company moves while its writes wait, in every process: all have acknowledged that, nothing of it is owed in either
direction, and both stores have as many rows of it, and as many that refer to companies' rows. Where that does not come
about in time it stays, and is tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Final
from uuid import UUID

from datalayer.errors import ConfigurationError, DataLayerError
from datalayer.layer.cohort_registry import PATIENT_LEASE_SECONDS, CohortRegistry, Placement
from datalayer.layer.cohort_settling import differences, owes_company
from datalayer.layer.directions import Direction
from datalayer.layer.process_registry import LEASE_SECONDS, process_name
from datalayer.models.rules import normalise_phone
from datalayer.query import Select, col
from datalayer.routing.assignments import Assignments
from datalayer.routing.companies import COMPANY, can_be_company, company_of, of_companies
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.tasks import end

if TYPE_CHECKING:
    from datalayer.settings import Settings

LOGGER = logging.getLogger("datalayer")

_POLL_SECONDS: Final = 1.0
_QUICK_SECONDS: Final = 0.05
#: For so long a company's writes wait at most, as far as the move is to blame.
_HOLD_SECONDS: Final = 5.0
#: Before a company that could not be moved is tried again.
_PAUSE_SECONDS: Final = 30.0
#: A process that could not read for so long stops writing, before others take it for gone.
_OWN_LEASE_SECONDS: Final = PATIENT_LEASE_SECONDS - 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """The companies that settings want in the other store.

    Args:
        unknown: those of them that are listed, and that there is no company of.
    """

    companies: frozenset[str]
    unknown: tuple[str, ...] = ()


class Cohorts:
    """Keeps the assignments of this process, and moves companies.

    Args:
        stores: the main primary and the other store, themselves.
        directions: both ways between them.
        wanted: companies that the settings want in the other store.
        process: what other processes know this one by.
        doubt_seconds: for how long a write whose outcome is unknown can still take effect.
    """

    def __init__(
        self,
        postgres: PostgresStore,
        stores: tuple[Store, Store],
        directions: Sequence[Direction],
        wanted: Wanted,
        *,
        process: UUID,
        doubt_seconds: float,
    ) -> None:
        self.assignments = Assignments(lease_seconds=_OWN_LEASE_SECONDS, doubt_seconds=doubt_seconds)
        self._registry = CohortRegistry(postgres)
        self._stores = stores
        self._directions = directions
        self._wanted = wanted.companies
        self.unknown = wanted.unknown
        #: Whether the others are still to be told what is wanted.
        self._is_to_tell = False
        self._process = process
        self._name = process_name()
        # A write of a process that was killed may arrive for as long as any other whose outcome is unknown.
        self._gone_seconds = max(LEASE_SECONDS, doubt_seconds)
        #: When placements were read last, and since when that went on without a gap; by the clock of `monotonic`.
        self._looked_at = self._steady_since = monotonic()
        #: Why the company that is next was not held when that was tried last.
        self._told: str | None = None
        #: Whether others wait for what this process sees.
        self._joined = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Be counted, and read where companies are."""
        await self._registry.prepare()
        await self._registry.join(self._process, self._name)
        self._joined = True
        await self.look()

    def begin(self) -> None:
        """Go on reading; have the wanted companies brought to the other store, and all others to the main primary."""
        self._is_to_tell = True
        self._task = asyncio.create_task(self._run(), name="datalayer cohorts")

    async def stop(self) -> None:
        """End, and be counted no more once every write of ours is over."""
        task, self._task = self._task, None
        if task is not None:
            await end(task)
        if self._joined:
            self._joined = False
            try:
                await self._registry.leave(self._process, in_doubt=self.assignments.doubt_seconds > 0)
            except DataLayerError as error:
                LOGGER.warning("this process could not leave the cohort's register: %s", type(error).__name__)

    async def _run(self) -> None:
        known = ""
        while True:
            restless = False
            try:
                await self._tell()
                restless = await self._move(await self.look())
                known = ""
            except DataLayerError as error:
                if str(error) != known:
                    LOGGER.warning("the cohort stays as it is: %s", error)
                known = str(error)
            await asyncio.sleep(_QUICK_SECONDS if restless else _POLL_SECONDS)

    async def _tell(self) -> None:
        if self._is_to_tell:
            main, other = self._stores
            await self._registry.wish(self._wanted, main=main.name, other=other.name)
            await self._registry.tidy(main.name)
            self._is_to_tell = False

    async def look(self) -> list[Placement]:
        """Read the placements, act by them, and say so."""
        asked = monotonic()
        placements = await self._registry.read()
        if asked - self._looked_at > _HOLD_SECONDS:
            self._steady_since = asked
        self._looked_at = asked
        others = {one.company for one in placements if one.store == self._stores[1].name}
        moving = {one.company for one in placements if one.moving}
        acts = await self.assignments.adopt(others, moving, read_at=asked)
        seen = max((one.version for one in placements), default=0)
        await self._registry.beat(self._process, self._name, seen=seen if acts else None)
        return placements

    async def _move(self, placements: Sequence[Placement]) -> bool:
        """Take the next step of a move; return whether there is one to take soon."""
        held = next((one for one in placements if one.moving), None)
        if held is not None:
            await self._finish(held)
            return True
        for one in placements:
            if one.store != one.wanted and (one.seconds is None or one.seconds > _PAUSE_SECONDS):
                return await self._hold(one)
        return False

    async def _hold(self, placement: Placement) -> bool:
        """Begin a move, unless a process is known not to see it in time: then no write waits."""
        silent = await self._registry.silent(_HOLD_SECONDS, lease_seconds=self._lease_seconds())
        reason = _not_acknowledged(silent) if silent else None
        if reason is not None and reason != self._told:
            _tell_of_stay(placement, reason)
        self._told = reason
        return reason is None and await self._registry.hold(placement)

    async def _finish(self, held: Placement) -> None:
        begun = self._looked_at - (held.seconds or 0.0)
        lease = self._lease_seconds()
        behind = await self._registry.behind(held.version, lease_seconds=lease)
        reason = _not_acknowledged(behind) if behind else await self._unsettled(held.company)
        # Later than when it was read: a store that does not answer takes as long as a call may.
        is_late = monotonic() - begun > _HOLD_SECONDS
        if reason is None:
            if await self._registry.release(held, move=True, lease_seconds=lease):
                LOGGER.warning("company %s has moved from %s to %s", held.company, held.store, held.wanted)
                await self._registry.tidy(self._stores[0].name)
        elif is_late and await self._registry.release(held, move=False, lease_seconds=lease):
            _tell_of_stay(held, reason)

    def _lease_seconds(self) -> float:
        """Return for how long a silent process counts: who has not seen others for long enough waits patiently.

        After an outage of PostgreSQL all are silent, and those that live come back within the lease.
        """
        is_steady = monotonic() - self._steady_since > self._gone_seconds
        return self._gone_seconds if is_steady else PATIENT_LEASE_SECONDS

    async def _unsettled(self, company: str) -> str | None:
        """Return why a company cannot move yet; a store that cannot be asked is a reason too, so that the hold ends."""
        try:
            for direction in self._directions:
                direction.wake()
                if await owes_company(direction, company):
                    return f"entries are owed from {direction.primary.name}"
            found = await differences(self._stores, company)
        except DataLayerError as error:
            return str(error)
        if found:
            counts = ", ".join(f"{table} {' and '.join(map(str, numbers))}" for table, numbers in found.items())
            return (
                f"the stores have different numbers of rows ({counts}): run `datalayer backfill`, with --resync where"
                " the store that follows has more"
            )
        return None


def _not_acknowledged(names: Sequence[str]) -> str:
    return f"{', '.join(names)} has not acknowledged it"


def _tell_of_stay(placement: Placement, reason: str) -> None:
    LOGGER.warning("company %s stays in %s for now: %s", placement.company, placement.store, reason)


async def wanted_companies(settings: Settings, main: Store) -> Wanted:
    """Return the companies that the settings want in the other store: listed, of a phone, or of the share.

    Raises:
        ConfigurationError: one that is listed can be no company.
    """
    listed = set(settings.datalayer_cohort_companies)
    unknown = await _unknown(listed, main)
    chosen: set[str] = set()
    for place, phone in _phones(settings):
        chosen |= await _companies_of(place, phone, settings.datalayer_phone_region, main)
    if settings.datalayer_cohort_share:
        rows = await main.select(Select("companies", columns=(COMPANY,)))
        everyone = {company for row in rows if (company := company_of(row)) is not None}
        chosen |= {one for one in everyone if place_of(one) < settings.datalayer_cohort_share}
    return Wanted(frozenset(chosen | listed), unknown)


async def _unknown(listed: Collection[str], main: Store) -> tuple[str, ...]:
    """Return and tell of the companies that are not there; of a database without companies nobody can say."""
    table = (await main.catalog()).tables.get("companies")
    if not listed or table is None:
        return ()
    if impossible := sorted(one for one in listed if not can_be_company(table, one)):
        kind = table.by_name[COMPANY].type.declared
        raise ConfigurationError(
            f"DATALAYER_COHORT_COMPANIES names {', '.join(impossible)}, and {table.name}.{COMPANY} of {main.name} is"
            f" {kind}, as which nothing is written so",
            variables=("DATALAYER_COHORT_COMPANIES",),
        )
    rows = await main.select(Select(table.name, of_companies(table, listed), columns=(COMPANY,)))
    unknown = tuple(sorted({*listed} - {company_of(row) for row in rows}))
    if unknown:
        LOGGER.warning(
            "DATALAYER_COHORT_COMPANIES names %s, and %s has no such company: rows for it go to the other store"
            " all the same",
            ", ".join(unknown),
            main.name,
        )
    return unknown


def place_of(company: str) -> float:
    """Return a company's place between 0 and 1, always the same: it is of every share above it."""
    return int.from_bytes(hashlib.sha256(company.encode()).digest()[:8]) / 2**64


def _phones(settings: Settings) -> list[tuple[str, str]]:
    """Return the cohort's phones, each with where it stands, which may be logged."""
    listed = settings.datalayer_cohort_phones
    found = [(f"DATALAYER_COHORT_PHONES ({n} of {len(listed)})", phone) for n, phone in enumerate(listed, start=1)]
    return [*found, ("TEST_PHONE", settings.test_phone)] if settings.test_phone else found


async def _companies_of(place: str, phone: str, region: str, main: Store) -> set[str]:
    try:
        number = normalise_phone(phone, region)
    except ValueError:
        LOGGER.warning("%s is no phone number and selects nobody", place)
        return set()
    # As the layer writes it, with a plus, and as it is written in the setting.
    same = col("phone").in_(sorted({number, f"+{number}", phone.strip()}))
    rows = [
        *await main.select(Select("clients", same, columns=(COMPANY,))),
        *await main.select(Select("companies", same, columns=(COMPANY,))),
    ]
    found = {company for row in rows if (company := company_of(row)) is not None}
    if found:
        LOGGER.warning("%s selects company %s as a whole", place, ", ".join(sorted(found)))
    else:
        LOGGER.warning("%s is no client's and no company's phone in %s, and selects nobody", place, main.name)
    return found
