"""What both stores owe, as `datalayer outbox status` tells it, and what of that could not be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datalayer.errors import DataLayerError, StoreError
from datalayer.flags import Mode, StoreKind, resolve_mode
from datalayer.layer.leads import in_words
from datalayer.layer.outboxes import leads_over, open_outboxes, primary_of
from datalayer.layer.process_registry import ProcessRegistry
from datalayer.layer.resyncing import open_strays
from datalayer.outbox.queue import Outbox
from datalayer.outbox.spool import own_spool
from datalayer.outbox.tables import MARKS, OPERATIONS, OUTBOX
from datalayer.outbox.waiting import Waiting, count_set_aside, tables_waiting, waiting
from datalayer.query import Count, Select, asc
from datalayer.stores.contract import Store, StoreName
from datalayer.stores.postgres import PostgresStore
from datalayer.wording import counted

if TYPE_CHECKING:
    from datalayer.layer.leads import Leads
    from datalayer.settings import Settings


@dataclass(frozen=True, slots=True)
class OwedOfTable:
    """What waits of one table, or of writes that are not entries yet.

    Args:
        primary: the store that owes it.
        table: its name, or what these writes are.
        waiting: the numbers.
        set_aside: entries among them that the relay leaves alone: the other store leads the table.
    """

    primary: StoreName
    table: str
    waiting: Waiting
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """All that is known to be owed.

    Args:
        notes: what is to be said besides, for people.
        unasked: stores that could not be asked, so that more may be owed.
    """

    tables: Sequence[OwedOfTable]
    notes: Sequence[str]
    unasked: Sequence[str]


async def look_over(settings: Settings) -> Overview:
    """Look through the outboxes, and through what is not an entry yet.

    Raises:
        ConfigurationError: the settings contradict themselves or a schema.
        UnavailableError: a store that has primaries is away.
    """
    mode = resolve_mode(settings)
    async with open_outboxes(settings) as outboxes:
        leads = await leads_over(outboxes, settings, mode)
        others = await _OfTheOtherStore.look(settings, mode, leads, [outbox.store for outbox in outboxes])
        tables = [
            OwedOfTable(
                primary_of(outbox),
                table,
                await waiting(outbox.store, outbox.table, outbox.clock, table=table),
                await count_set_aside(outbox.store, outbox.table, table),
            )
            for outbox in outboxes
            for table in await tables_waiting(outbox.store, outbox.table)
        ]
        covered = [owed for outbox in outboxes for owed in await _unanswered(outbox)]
    return Overview([*tables, *covered, *await _spooled(settings, mode)], others.notes, others.unasked)


class _OfTheOtherStore:
    """What settings with another store as primary would show: these may be the wrong ones."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.unasked: list[str] = []

    @classmethod
    async def look(cls, settings: Settings, mode: Mode, leads: Leads, stores: Sequence[Store]) -> _OfTheOtherStore:
        """Ask the store that only follows, and PostgreSQL for the primaries on record."""
        found = cls()
        try:
            async with open_strays(settings) as strays:
                if strays.away is not None:
                    found._could_not_ask(strays.away.value)
                for store in [stray.store for stray in strays.outboxes if stray.table == OUTBOX]:
                    await found._count(store)
                opened = [*stores, *(stray.store for stray in strays.outboxes)]
                postgres = next((store for store in opened if isinstance(store, PostgresStore)), None)
                if postgres is not None:
                    await found._compare(postgres, leads)
                elif StoreKind.POSTGRES in (mode.primary, mode.secondary) and strays.away is not StoreKind.POSTGRES:
                    found._could_not_ask(StoreKind.POSTGRES.value)
        except DataLayerError as error:
            name = error.store if isinstance(error, StoreError) else (mode.secondary or mode.primary).value
            found._could_not_ask(name, f": {error}")
        return found

    def _could_not_ask(self, name: str, why: str = "") -> None:
        self.unasked.append(name)
        self.notes.append(f"{name} could not be asked{why}")

    async def _count(self, store: Store) -> None:
        owed = await store.count(Count(OUTBOX)) if OUTBOX in (await store.catalog()).tables else 0
        if owed:
            self.notes.append(
                f"{store.name}, which follows by these settings, owes {counted(owed, 'change')}"
                f" that only settings with {store.name} as primary show and carry"
            )

    async def _compare(self, postgres: PostgresStore, leads: Leads) -> None:
        record = await ProcessRegistry(postgres).recorded()
        if record is not None and record.leads != leads:
            self.notes.append(
                f"these settings take {in_words(leads)} for the primary, and applications began last with"
                f" {in_words(record.leads)}"
            )


async def _unanswered(outbox: Outbox) -> list[OwedOfTable]:
    """Count writes to a Supabase without the script whose answers have not come: they are owed like entries."""
    count = await outbox.store.count(Count(OPERATIONS)) if outbox.table == MARKS else 0
    if not count:
        return []
    question = Select(OPERATIONS, order=(asc("created_at"),), limit=1, columns=("created_at",))
    oldest = await outbox.store.select(question)
    lag = (outbox.clock() - oldest[0]["created_at"]).total_seconds() if oldest else 0.0
    return [OwedOfTable("supabase", "writes without an answer", Waiting(count, 0, 0, max(lag, 0.0)))]


async def _spooled(settings: Settings, mode: Mode) -> list[OwedOfTable]:
    """Count the writes that wait on this machine's disk."""
    if StoreKind.SUPABASE not in (mode.primary, mode.secondary) or settings.supabase_url is None:
        return []
    async with own_spool(settings.datalayer_spool_path, settings.supabase_url) as spool:
        if spool is None:
            return []
        owed = Waiting(await spool.count(), 0, 0, await spool.oldest_seconds())
    return [OwedOfTable("supabase", "writes on this machine's spool", owed)] if owed.entries else []
