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
    " seen bigint not null default 0, beat timestamptz not null default clock_timestamp(), backend int)",
    "alter table datalayer_cohort_members add column if not exists backend int",
    "create sequence if not exists datalayer_cohort_version",
)
_LOCK: Final = 7_031_009_421
#: A process that was not heard of for so long is taken for gone, even if PostgreSQL has a connection of it.
PATIENT_LEASE_SECONDS: Final = 3600.0
#: Members that count. One that PostgreSQL still has the connection of may only be paused, or cut off.
_COUNTED: Final = (
    "(beat > clock_timestamp() - make_interval(secs => %(lease)s)"
    " or beat > clock_timestamp() - make_interval(secs => %(patient)s)"
    " and exists (select from pg_stat_activity a where a.pid = datalayer_cohort_members.backend))"
)
#: Processes that know nothing of cohorts: they write where they always did.
_STRANGERS: Final = (
    "select name from datalayer_processes where beat > clock_timestamp() - make_interval(secs => %(lease)s)"
    " and process not in (select process from datalayer_cohort_members)"
)
#: Processes that have not seen a change yet.
_BEHIND: Final = f"select name from datalayer_cohort_members where seen < %(version)s and {_COUNTED} union {_STRANGERS}"
#: Processes that would not see a change soon.
_SILENT: Final = (
    "select name from datalayer_cohort_members where beat < clock_timestamp() - make_interval(secs => %(silent)s)"
    f" and {_COUNTED} union {_STRANGERS}"
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

    A process that was not heard of for ``lease_seconds``, which the one that asks says, is taken for gone where
    PostgreSQL has not its connection any more.
    """

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

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

    async def begin_anew(self) -> list[Placement]:
        """Give up the move that is under way, which is tried again; return all placements."""
        if not await self._is_there():
            return []
        await self._store.execute(
            "update datalayer_cohorts set moving = false, version = nextval('datalayer_cohort_version'),"
            " since = clock_timestamp() where moving"
        )
        return await self.read()

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
            "delete from datalayer_cohort_members where beat < clock_timestamp() - interval '1 day'"
        )
        await self.beat(process, name)

    async def beat(self, process: UUID, name: str, *, seen: int | None = None) -> None:
        """Be heard.

        Args:
            seen: the newest change that this process acts by; None leaves that as it was.
        """
        await self._store.execute(
            "insert into datalayer_cohort_members (process, name, seen, backend)"
            " values (%(process)s, %(name)s, coalesce(%(seen)s::bigint, 0), pg_backend_pid())"
            " on conflict (process) do update set seen = coalesce(%(seen)s::bigint, datalayer_cohort_members.seen),"
            " beat = clock_timestamp(), backend = pg_backend_pid()",
            {"process": process, "name": name, "seen": seen},
        )

    async def read(self) -> list[Placement]:
        """Return all placements."""
        return await self._store.fetch_all(
            "select company, store, wanted, moving, version, case when isfinite(since)"
            " then extract(epoch from clock_timestamp() - since)::float8 end as seconds from datalayer_cohorts",
            rows=Placement,
        )

    async def leave(self, process: UUID, *, in_doubt: bool) -> None:
        """Be counted no more; or, where a write of ours may still arrive, as one that has died now."""
        await self._store.execute(
            "update datalayer_cohort_members set beat = clock_timestamp(), backend = null where process = %(process)s"
            if in_doubt
            else "delete from datalayer_cohort_members where process = %(process)s",
            {"process": process},
        )

    async def behind(self, version: int, *, lease_seconds: float) -> list[str]:
        """Return the processes that have not seen a change yet, by name."""
        return await self._names(_BEHIND, lease_seconds, version=version)

    async def silent(self, seconds: float, *, lease_seconds: float) -> list[str]:
        """Return the processes that cannot be expected to see a change within so many seconds, by name."""
        return await self._names(_SILENT, lease_seconds, silent=seconds)

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

    async def release(self, placement: Placement, *, move: bool, lease_seconds: float) -> bool:
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
                    **_leases(lease_seconds),
                },
            )
        )

    async def _names(self, question: LiteralString, lease_seconds: float, **given: float) -> list[str]:
        rows = await self._store.fetch_all(f"{question} order by name", {**given, **_leases(lease_seconds)})
        return [row["name"] for row in rows]

    async def _is_there(self) -> bool:
        found = await self._store.fetch_one("select to_regclass('datalayer_cohorts') is not null as there")
        return found is not None and bool(found["there"])


def _leases(seconds: float) -> dict[str, float]:
    return {"lease": seconds, "patient": PATIENT_LEASE_SECONDS}
