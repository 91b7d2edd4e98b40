"""Entries that must not be carried: they would land over rows of the store that has the primary, or had it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from datalayer.errors import ConfigurationError
from datalayer.flags import StoreKind
from datalayer.layer.joining import captures_itself
from datalayer.layer.leads import ALL_OTHERS, LEADING_VARIABLES, Leads, in_words, leader_of
from datalayer.outbox.queue import Outbox
from datalayer.outbox.spool import own_spool
from datalayer.outbox.tables import MARKS, OPERATIONS, OUTBOX
from datalayer.outbox.waiting import tables_waiting
from datalayer.query import Count, Select, col
from datalayer.stores.contract import Store, StoreName
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.settings import Settings


@dataclass(frozen=True, slots=True)
class Strays:
    """Numbers of entries by the store that owes them.

    Args:
        left: about tables whose primary is in the other store now.
        early: about tables whose primary was in the other store before: made while the store followed.
    """

    left: Counter[StoreName] = field(default_factory=Counter)
    early: Counter[StoreName] = field(default_factory=Counter)


async def find_strays(
    stores: tuple[Store, Store], settings: Settings, leads: Leads, before: Leads | None, *, has_cohort: bool
) -> Strays:
    """Look through what both stores owe.

    Args:
        before: the primaries on record; None where there are none.
        has_cohort: both stores have primaries of every table now: only what a store owes as the main primary of before
            is told then.
    """
    found = Strays()
    before = leads if before is None else before
    one, two = stores
    for store, other in ((one, two), (two, one)):
        kind = StoreKind(store.name)
        if {kind} == {*leads.values(), *before.values()} or (has_cohort and leads == before):
            continue
        for table, number in (await _owed(store, other, settings, leads)).items():
            leads_now, led_before = leader_of(table, leads) is kind, leader_of(table, before) is kind
            if not leads_now and (led_before or not has_cohort):
                found.left[store.name] += number
            elif leads_now and not led_before and not has_cohort:
                found.early[store.name] += number
    return found


def refuse_strays(found: Strays, leads: Leads) -> None:
    """Raise ConfigurationError, which says what to do, where there are any."""
    resync = (
        f"; or, where the rows of {in_words(leads)} shall win, run `datalayer backfill --resync` with the settings of"
        " now, and start again"
    )
    for name, number in found.left.items():
        raise ConfigurationError(
            f"{name} owes {counted(number, 'change')} to the store that is the primary now, whose rows would be older,"
            " or be overwritten later. With the settings of before run `datalayer relay --once` until"
            f" `datalayer outbox status` shows nothing, and start again{resync}",
            variables=LEADING_VARIABLES,
        )
    for name, number in found.early.items():
        raise ConfigurationError(
            f"{name} owes {counted(number, 'change')} made while it followed, which would overwrite newer rows of the"
            " store that was the primary. With the settings of before run `datalayer backfill --resync`, and start"
            f" again when `datalayer outbox status` shows nothing{resync}",
            variables=LEADING_VARIABLES,
        )


async def refuse_early(other: Store, record: Leads | None, leads: Leads, settings: Settings, *, stands: bool) -> None:
    """Refuse a cohort that is to begin with a store that was written while it followed.

    Args:
        other: the store that is not the main primary.
        record: the primaries on record; None where there are none.
        stands: whether companies are there already: then its entries are their writes.

    Raises:
        ConfigurationError: says what to do.
    """
    is_new = record is None or record[ALL_OTHERS] is leads[ALL_OTHERS]
    if stands or not is_new or not await captures_itself(other, settings):
        return
    # What we ask for ourselves is a sweep, and carries nothing while no company is there.
    if number := await other.count(Count(OUTBOX, col("type").neq("sweep"))):
        raise ConfigurationError(
            f"{other.name} owes {counted(number, 'change')} made while it followed, which would overwrite newer rows of"
            f" {in_words(leads)} once it is given companies by a cohort. Take the cohort's settings away, run"
            " `datalayer backfill --resync`, and start again with them",
            variables=("DATALAYER_COHORT_COMPANIES",),
        )


async def _owed(store: Store, other: Store, settings: Settings, leads: Leads) -> Counter[str]:
    """Count what a store owes, by table; of Supabase some of it stands in PostgreSQL, or on this machine's disk."""
    owed = await _entries(Outbox(store)) if await captures_itself(store, settings) else Counter()
    if store.name == StoreKind.SUPABASE.value and other.name == StoreKind.POSTGRES.value:
        owed += await _entries(Outbox(other, MARKS))
        rows = await other.select(Select(OPERATIONS, columns=("aggregatetype",)))
        owed += Counter(row["aggregatetype"] for row in rows)
        if StoreKind.SUPABASE not in leads.values():
            owed += await _spooled(settings)
    return owed


async def _entries(outbox: Outbox) -> Counter[str]:
    return Counter(
        {
            table: await outbox.store.count(Count(outbox.table, col("aggregatetype").eq(table)))
            for table in await tables_waiting(outbox.store, outbox.table)
        }
    )


async def _spooled(settings: Settings) -> Counter[str]:
    """Count writes that were covered on this machine's disk while PostgreSQL was away, and wait there still."""
    primary = settings.supabase_url or StoreKind.SUPABASE.value
    async with own_spool(settings.datalayer_spool_path, primary) as spool:
        return Counter() if spool is None else Counter(one.operation.table for one in await spool.some())
