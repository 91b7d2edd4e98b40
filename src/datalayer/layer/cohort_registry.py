"""Where companies are, in tables of the PostgreSQL that all processes read: so they agree, also while one is moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from datalayer.layer.leads import ALL_OTHERS
from datalayer.stores.postgres import PostgresStore

_TABLES: Final[tuple[LiteralString, ...]] = (
    "create table if not exists datalayer_cohorts (company text primary key, store text not null, wanted text not null,"
    " moving boolean not null default false, version bigint not null, since timestamptz not null default '-infinity')",
    "create table if not exists datalayer_cohort_members (process uuid primary key, name text not null,"
    " seen bigint not null default 0, beat timestamptz not null default clock_timestamp())",
    "create sequence if not exists datalayer_cohort_version",
)
_LOCK: Final = 7_031_009_421
#: A process that was not heard of for so long is taken for gone, whatever else is known of it.
PATIENT_LEASE_SECONDS: Final = 3600.0
#: Processes that have not seen a change yet, and those that know nothing of cohorts: they write where they always did.
_BEHIND: Final = (
    "select name from datalayer_cohort_members where seen < %(version)s"
    " and beat > clock_timestamp() - make_interval(secs => %(lease)s)"
    " union select name from datalayer_processes where beat > clock_timestamp() - make_interval(secs => %(lease)s)"
    " and process not in (select process from datalayer_cohort_members)"
)


@dataclass(frozen=True, slots=True)
class Placement:
    """One company.

    Args:
        store: where its primary is.
        wanted: where the settings want it.
        moving: its writes wait, so that it can change.
        version: grows with each change of any company.
        seconds: since its last change; None where there was none, or where another store is wanted since.
    """

    company: str
    store: str
    wanted: str
    moving: bool
    version: int
    seconds: float | None


class CohortRegistry:
    """Reads and changes the placements.

    Args:
        lease_seconds: a process that was not heard of for so long is taken for gone, where PostgreSQL has no connection
            of it any more.
    """

    def __init__(self, store: PostgresStore, *, lease_seconds: float = PATIENT_LEASE_SECONDS) -> None:
        self._store = store
        self._lease = lease_seconds

    async def prepare(self) -> None:
        """Make the tables where they are missing."""
        async with self._store.transaction() as tx:
            await tx.fetch_one("select pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
            for statement in _TABLES:
                await tx.execute(statement)

    async def holds_any(self, main: str) -> bool:
        """Whether a company is elsewhere than in the main primary, whatever the settings say."""
        if not await self._is_there():
            return False
        row = await self._store.fetch_one(
            "select exists (select from datalayer_cohorts where store <> %(main)s or moving) as held", {"main": main}
        )
        return row is not None and bool(row["held"])

    async def bring_together(self) -> None:
        """Forget every placement: both stores are settled, and no company is to stay behind in either."""
        if await self._is_there():
            await self._store.execute("delete from datalayer_cohorts")

    async def tidy(self, main: str) -> None:
        """Forget the companies that are at home: where nothing stands about one it is in the main primary.

        A process that a reload has left behind still takes another store for that, and forgets nothing any more.
        """
        await self._store.execute(
            "delete from datalayer_cohorts where store = %(main)s and wanted = %(main)s and not moving"
            " and not exists (select from datalayer_leads where leads::json ->> %(all)s <> %(main)s)",
            {"main": main, "all": ALL_OTHERS},
        )

    async def wish(self, companies: Iterable[str], *, main: str, other: str) -> None:
        """Say which companies are to be in the other store; all others are to be in the main one.

        A move that is under way keeps its time, by which it is given up.
        """
        given = {"companies": sorted(companies), "main": main, "other": other}
        async with self._store.transaction() as tx:
            await tx.execute(
                "insert into datalayer_cohorts (company, store, wanted, version)"
                " select company, %(main)s, %(other)s, 0 from unnest(%(companies)s::text[]) company"
                " on conflict (company) do update set wanted = excluded.wanted, since = case"
                " when datalayer_cohorts.moving then datalayer_cohorts.since else '-infinity' end"
                " where datalayer_cohorts.wanted <> excluded.wanted",
                given,
            )
            await tx.execute(
                "update datalayer_cohorts set wanted = %(main)s,"
                " since = case when moving then since else '-infinity' end"
                " where not company = any (%(companies)s::text[]) and wanted <> %(main)s",
                given,
            )

    async def join(self, process: UUID, name: str) -> None:
        """Be counted: from now on nothing moves that this process has not seen."""
        await self._store.execute(
            "insert into datalayer_cohort_members (process, name) values (%(process)s, %(name)s)",
            {"process": process, "name": name},
        )

    async def read(self) -> list[Placement]:
        """Return all placements."""
        return await self._store.fetch_all(
            "select company, store, wanted, moving, version, case when isfinite(since)"
            " then extract(epoch from clock_timestamp() - since)::float8 end as seconds from datalayer_cohorts",
            rows=Placement,
        )

    async def acknowledge(self, process: UUID, name: str, seen: int) -> None:
        """Say that this process acts by what it has read."""
        await self._store.execute(
            "insert into datalayer_cohort_members (process, name, seen) values (%(process)s, %(name)s, %(seen)s)"
            " on conflict (process) do update set seen = excluded.seen, beat = clock_timestamp()",
            {"process": process, "name": name, "seen": seen},
        )

    async def leave(self, process: UUID, *, after_seconds: float = 0.0) -> None:
        """Be counted no more, or only for so long."""
        await self._store.execute(
            "update datalayer_cohort_members set beat = clock_timestamp() - make_interval(secs => %(ago)s)"
            " where process = %(process)s",
            {"process": process, "ago": self._lease - after_seconds},
        )
        await self._store.execute(
            "delete from datalayer_cohort_members where process = %(process)s and %(after)s = 0",
            {"process": process, "after": after_seconds},
        )

    async def behind(self, version: int) -> list[str]:
        """Return the processes that have not seen a change yet, by name."""
        rows = await self._store.fetch_all(
            f"{_BEHIND} order by name",
            {"version": version, "lease": self._lease},
        )
        return [row["name"] for row in rows]

    async def hold(self, placement: Placement) -> bool:
        """Have every process hold this company's writes; one company at a time."""
        return bool(
            await self._store.execute(
                "update datalayer_cohorts set moving = true, version = nextval('datalayer_cohort_version'),"
                " since = clock_timestamp() where company = %(company)s and version = %(version)s and not moving"
                " and not exists (select from datalayer_cohorts where moving)",
                {"company": placement.company, "version": placement.version},
            )
        )

    async def release(self, placement: Placement, *, move: bool) -> bool:
        """End the hold: in the wanted store where ``move``, and only if every process has seen it; else as it was."""
        return bool(
            await self._store.execute(
                "update datalayer_cohorts set store = case when %(move)s then wanted else store end, moving = false,"
                " version = nextval('datalayer_cohort_version'), since = clock_timestamp()"
                " where company = %(company)s and version = %(version)s and moving"
                f" and (not %(move)s or not exists ({_BEHIND}))",
                {
                    "company": placement.company,
                    "version": placement.version,
                    "move": move,
                    "lease": self._lease,
                },
            )
        )

    async def _is_there(self) -> bool:
        found = await self._store.fetch_one("select to_regclass('datalayer_cohorts') is not null as there")
        return found is not None and bool(found["there"])
