"""Which applications are at work, and which stores they take for primaries: in the PostgreSQL that all of them see."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final
from uuid import UUID

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.layer.cohort_registry import CohortRegistry
from datalayer.layer.leads import ALL_OTHERS, LEADING_VARIABLES, Leads, in_words
from datalayer.outbox.tables import LEADS, PROCESSES
from datalayer.stores.postgres import PostgresStore

#: A process that was not heard of for so long is taken for gone.
LEASE_SECONDS: Final = 30.0
#: How often a process says that it goes on.
BEAT_SECONDS: Final = LEASE_SECONDS / 3
_POLL_SECONDS: Final = 0.25
#: Held while one joins, so that of two that disagree one sees the other: the first eight bytes of SHA-256 of
#: "datalayer.processes", signed.
_JOINING: Final = -4_593_762_705_808_178_898

#: Those that disagree and never left; none that was silent already when somebody began with these primaries.
_DISAGREEING: Final = (
    "select process, name, beat > clock_timestamp() - make_interval(secs => %(lease)s) as heard"
    " from datalayer_processes where leads <> %(leads)s and process <> all (%(own)s::uuid[])"
    " and (beat > clock_timestamp() - make_interval(secs => %(lease)s) or not exists (select from datalayer_leads"
    " where leads = %(leads)s and settled and since > beat)) order by name"
)
_BEAT: Final = (
    "with gone as (delete from datalayer_processes where process = any (%(former)s::uuid[]))"
    " insert into datalayer_processes (process, name, leads) values (%(process)s, %(name)s, %(leads)s)"
    " on conflict (process) do update set beat = clock_timestamp()"
)
#: Rows of processes that never left are of no use once this is longer than every lease.
_TIDY: Final = "delete from datalayer_processes where beat < clock_timestamp() - interval '1 day'"


@dataclass(frozen=True, slots=True)
class Record:
    """The primaries on record.

    Args:
        settled: whether the store that led before was there to be looked at, and owed nothing.
    """

    leads: Leads
    settled: bool = True


@dataclass(frozen=True, slots=True)
class _Disagreeing:
    """A process with other primaries, and whether it was heard of within its lease."""

    process: UUID
    name: str
    heard: bool

    def is_gone(self) -> bool:
        """Whether it ran on this machine and does not any more; of other machines nobody can say."""
        if self.process.bytes[:8] != _machine():
            return False
        try:
            os.kill(int(self.name.rpartition(":")[2]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            # Somebody else's process is a living one.
            return False
        return False


class ProcessRegistry:
    """Reads and changes the register, for one process or for nobody.

    Args:
        process: whose rows are its own; None for a command, which only looks.
        former: what the process was known by before a reload.
    """

    def __init__(self, store: PostgresStore, process: UUID | None = None, former: Sequence[UUID] = ()) -> None:
        self._store = store
        self._process = process
        self._former = list(former)

    async def join(self, leads: Leads) -> list[str]:
        """Be counted; or return the processes that take another store for a primary, by name, and be not.

        Takes a beat where there are some that were not heard of lately, and never left: when PostgreSQL was away
        nobody was heard.

        Raises:
            ConfigurationError: an older install lacks the tables.
        """
        if not await self._is_there():
            raise ConfigurationError(f"postgres has no table {PROCESSES}; run datalayer outbox install")
        if rivals := await self.rivals(leads):
            return rivals
        async with self._store.transaction() as tx:
            await tx.fetch_one("select pg_advisory_xact_lock(%(lock)s)", {"lock": _JOINING})
            rivals = _heard(await tx.fetch_all(_DISAGREEING, self._asked(leads), rows=_Disagreeing))
            if not rivals:
                await tx.execute(_BEAT, self._row(leads))
                await tx.execute(_TIDY)
        return rivals

    async def beat(self, leads: Leads) -> list[str]:
        """Go on being counted; return the processes that disagree, by name."""
        await self._store.execute(_BEAT, self._row(leads))
        return _heard(await self._disagreeing(leads))

    async def leave(self) -> None:
        """Be counted no more."""
        await self._store.execute(
            "delete from datalayer_processes where process = any (%(own)s::uuid[])", {"own": self._own()}
        )

    async def rivals(self, leads: Leads, *, patience: float = BEAT_SECONDS) -> list[str]:
        """Return the processes at work that take another store for a table's primary, by name.

        Args:
            patience: seconds to wait for word of those that were not heard of lately, and never left.
        """
        if not await self._is_there():
            return []
        ends = monotonic() + patience
        while True:
            found = [one for one in await self._disagreeing(leads) if not one.is_gone()]
            if not found or any(one.heard for one in found) or monotonic() > ends:
                return _heard(found)
            await asyncio.sleep(_POLL_SECONDS)

    async def cohort_stands(self, main: StoreKind | None = None) -> bool:
        """Whether companies are elsewhere than in the main primary, whatever the settings say.

        After another one none is: what still stands there is forgotten when the primaries of now are noted.

        Args:
            main: None takes that on record.
        """
        record = await self.recorded()
        led = main if record is None else record.leads[ALL_OTHERS]
        if led is None or main not in (None, led):
            return False
        return await CohortRegistry(self._store).holds_any(led.value)

    async def recorded(self) -> Record | None:
        """Return the primaries that applications began with last; None where none has."""
        if not await self._is_there():
            return None
        row = await self._store.fetch_one("select leads, settled from datalayer_leads")
        if row is None:
            return None
        leads = {table: StoreKind(kind) for table, kind in json.loads(row["leads"]).items()}
        return Record(leads, settled=row["settled"])

    async def record(self, record: Record) -> None:
        """Note the primaries of now, where the bookkeeping has a place for it.

        Where the main one changes, every company goes with it: those of its cohort are in the new one already.
        """
        if await self._is_there():
            before = await self.recorded()
            if before is not None and before.leads[ALL_OTHERS] is not record.leads[ALL_OTHERS]:
                await CohortRegistry(self._store).bring_together()
            await self._store.execute(
                "insert into datalayer_leads (leads, settled) values (%(leads)s, %(settled)s)"
                ' on conflict ("only") do update set leads = excluded.leads, settled = excluded.settled,'
                " since = excluded.since",
                {"leads": _text(record.leads), "settled": record.settled},
            )

    async def _is_there(self) -> bool:
        for refresh in (False, True):
            tables = (await self._store.catalog(refresh=refresh)).tables
            if PROCESSES in tables and LEADS in tables:
                return True
        return False

    async def _disagreeing(self, leads: Leads) -> list[_Disagreeing]:
        return await self._store.fetch_all(_DISAGREEING, self._asked(leads), rows=_Disagreeing)

    def _own(self) -> list[UUID]:
        return self._former if self._process is None else [self._process, *self._former]

    def _asked(self, leads: Leads) -> dict[str, object]:
        return {"own": self._own(), "leads": _text(leads), "lease": LEASE_SECONDS}

    def _row(self, leads: Leads) -> dict[str, object]:
        name = process_name()
        return {"process": self._process, "name": name, "leads": _text(leads), "former": self._former}


def new_process() -> UUID:
    """Return what a process is known by; its first half says on which machine, or in which container, it runs."""
    return UUID(bytes=_machine() + secrets.token_bytes(8))


def process_name() -> str:
    """Return HOST:PID, for people."""
    return f"{socket.gethostname()}:{os.getpid()}"


def refuse_rivals(rivals: Sequence[str], leads: Leads) -> None:
    """Raise ConfigurationError where processes are at work that have other primaries."""
    if rivals:
        raise ConfigurationError(
            f"{', '.join(rivals)} is at work with another primary than {in_words(leads)}: stop it first. Where it was"
            f" killed on another machine it is taken for gone after {LEASE_SECONDS:.0f} seconds",
            variables=LEADING_VARIABLES,
        )


def _heard(found: Sequence[_Disagreeing]) -> list[str]:
    return [one.name for one in found if one.heard and not one.is_gone()]


def _machine() -> bytes:
    """Return eight bytes that processes share which can see whether each other lives; random where nobody can say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        return hashlib.sha256(f"{boot}{Path('/proc/self/ns/pid').readlink()}".encode()).digest()[:8]
    except OSError:
        return secrets.token_bytes(8)


def _text(leads: Leads) -> str:
    return json.dumps(dict(leads), sort_keys=True)
