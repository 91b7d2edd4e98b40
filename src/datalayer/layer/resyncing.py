"""What a resync lets go: entries of another store than the primary of now, whose rows win."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from uuid import UUID

from datalayer.errors import StoreTimeoutError, UnavailableError
from datalayer.flags import StoreKind, resolve_mode
from datalayer.layer.joining import captures_itself
from datalayer.layer.leads import Leads
from datalayer.layer.opening import open_store_for
from datalayer.layer.pairs import both_have_primaries
from datalayer.layer.process_registry import ProcessRegistry, Record
from datalayer.outbox.operations import OperationJournal
from datalayer.outbox.queue import Outbox
from datalayer.outbox.spool import own_spool
from datalayer.outbox.tables import MARKS
from datalayer.outbox.waiting import tables_waiting
from datalayer.stores.postgres import PostgresStore

if TYPE_CHECKING:
    from datalayer.settings import Settings


async def note_leads(registry: ProcessRegistry, leads: Leads) -> None:
    """Have these primaries on record, whatever another store owes them: a resync of all tables makes that right."""
    record = await registry.recorded()
    if record is not None and record.leads != leads:
        await registry.record(Record(leads, settled=False))


@dataclass(slots=True)
class OpenedStrays:
    """What holds entries that nobody carries, the primary being the other store.

    Args:
        outboxes: that of a store that only follows; and in PostgreSQL what a Supabase without the script owed when it
            was the primary.
        away: the store that follows, where it could not be reached.
    """

    outboxes: list[Outbox] = field(default_factory=list)
    away: StoreKind | None = None


@asynccontextmanager
async def open_strays(settings: Settings) -> AsyncIterator[OpenedStrays]:
    """Open what holds entries that nobody carries."""
    mode = resolve_mode(settings)
    async with AsyncExitStack() as opened:
        found = OpenedStrays()
        if mode.secondary is not None and not await both_have_primaries(settings, mode):
            try:
                store = await open_store_for(mode.secondary, settings, (), create=False)
                opened.push_async_callback(store.close)
                if await captures_itself(store, settings):
                    found.outboxes.append(Outbox(store))
            except (UnavailableError, StoreTimeoutError):
                found.away = mode.secondary
            if mode.secondary is StoreKind.SUPABASE:
                postgres = await open_store_for(StoreKind.POSTGRES, settings, ())
                opened.push_async_callback(postgres.close)
                if MARKS in (await postgres.catalog()).tables:
                    found.outboxes.append(Outbox(postgres, MARKS))
        yield found


class Outdone:
    """What is there when a resync begins, and is pointless once the tables are left to the relay."""

    def __init__(self, entries: Sequence[tuple[Outbox, list[int]]]) -> None:
        self._entries = entries
        self._expired: list[UUID] = []

    @classmethod
    async def find(cls, strays: Sequence[Outbox], tables: Sequence[str] | None) -> Self:
        """Look for the entries about some tables; about all of them also for writes without an answer."""
        entries = []
        for one in strays:
            names = await tables_waiting(one.store, one.table) if tables is None else tables
            entries.append((one, [version for name in names for version in await one.versions(name)]))
        found = cls(entries)
        if tables is None and (postgres := found._postgres()) is not None:
            expired = "select id from datalayer_operations where expires_at < clock_timestamp()"
            found._expired = [row["id"] for row in await postgres.fetch_all(expired)]
        return found

    async def drop(self) -> None:
        """Drop what was found."""
        for outbox, versions in self._entries:
            await outbox.settle(versions)
        if self._expired and (postgres := self._postgres()) is not None:
            dropped = "delete from datalayer_operations where id = any(%(ids)s)"
            await postgres.execute(dropped, {"ids": self._expired})

    async def empty_spool(self, settings: Settings) -> int:
        """Drop what waits on this machine's spool; return how many writes to Supabase may still take effect.

        Nobody knows when a request without an answer was sent: PostgreSQL keeps those for all of their time.
        """
        postgres = self._postgres()
        if postgres is None:
            return 0

        async def reach() -> PostgresStore:
            return postgres

        journal = OperationJournal(reach)
        primary = settings.supabase_url or StoreKind.SUPABASE.value
        async with own_spool(settings.datalayer_spool_path, primary) as spool:
            while spool is not None and (some := await spool.some()):
                for one in some:
                    if one.marks is None:
                        lifetime = settings.datalayer_request_lifetime_seconds
                        await journal.begin(one.operation, lifetime_seconds=lifetime)
                    await spool.forget(one)
        return await journal.count()

    def _postgres(self) -> PostgresStore | None:
        """Return where writes to a Supabase that led before are owed."""
        for outbox, _ in self._entries:
            if outbox.table == MARKS and isinstance(outbox.store, PostgresStore):
                return outbox.store
        return None
