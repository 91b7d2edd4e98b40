"""Two sides joined in one direction: what carries rows from the primary to the secondary."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.integration.machine.sides import TIMEOUT, PostgresSide, Side, SupabaseSide

from datalayer.outbox.applying.functions import FunctionApplier
from datalayer.outbox.applying.pinned import PinnedApplier
from datalayer.outbox.applying.server import server_applier
from datalayer.outbox.assembly import reconciler_between, relay_over
from datalayer.outbox.batches import Batch, collect
from datalayer.outbox.breaker import DeleteBreaker
from datalayer.outbox.contract import Applier
from datalayer.outbox.operations import OperationJournal
from datalayer.outbox.outcome import Reading
from datalayer.outbox.pace import Pace
from datalayer.outbox.pinning import Pins
from datalayer.outbox.queue import Outbox, OutboxTable, utc_now
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.relay import Relay
from datalayer.outbox.requests import RequestCapture
from datalayer.outbox.spool import Spool
from datalayer.routing.request_capture import RequestCaptureStore, key_lookup
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore

#: Nothing expires by itself: the machine says when.
_LIFETIME: Final = 86_400.0


class Clock:
    """The relays' clock, which the machine sets forward."""

    def __init__(self) -> None:
        self._offset = dt.timedelta()

    def __call__(self) -> dt.datetime:
        """Tell the time."""
        return utc_now() + self._offset

    def pass_by(self, **duration: float) -> None:
        """Set it forward."""
        self._offset += dt.timedelta(**duration)


@dataclass(frozen=True, slots=True)
class Slow:
    """What a relay has read and not applied yet."""

    outbox: Outbox
    batch: Batch
    reading: Reading
    reconciler: Reconciler
    guarded: bool

    async def finish(self, *, settles: bool) -> None:
        """Go on, though others may have done the same work long ago; or die before settling."""
        outcome = await self.reconciler.apply(self.reading)
        if settles:
            await self.outbox.settle(self.batch.versions(outcome.done))


@dataclass
class Joined:
    """One direction.

    Args:
        asked: what the application asks.
        capture: covers writes where the primary captures nothing itself.
    """

    primary: Side
    secondary: Side
    asked: Store
    table: OutboxTable
    entries_at: Store
    reconciler: Reconciler
    guarded: bool
    capture: RequestCapture | None
    spool: Spool | None
    clock: Clock
    slow: list[Slow] = field(default_factory=list)

    def outbox(self) -> Outbox:
        """Return the outbox under a name of its own."""
        return Outbox(self.entries_at, self.table, clock=self.clock)

    def relay(self, batch: int) -> Relay:
        """Build another relay."""
        chores = [] if self.capture is None else [self.capture.settle]
        return relay_over(self.reconciler, self.outbox(), pace=Pace(batch=batch), chores=chores)

    async def read_ahead(self, batch: int) -> Slow:
        """Claim and read, and no more."""
        outbox = self.outbox()
        found = collect(await outbox.claim(batch))
        await outbox.release(entry.version for entry in found.whole_tables)
        reading = await self.reconciler.read(found.owed)
        return Slow(outbox, found, reading, self.reconciler, self.guarded)

    async def open_operations(self) -> int:
        """Count the writes of which nobody has told yet what became of them."""
        return 0 if self.capture is None else await self.capture.owed()


async def join(primary: Side, secondary: Side, clock: Clock, spool_path: Path) -> Joined:
    """Choose what fits both sides, as the layer does."""
    capture = spool = None
    table: OutboxTable = "datalayer_outbox"
    asked = entries_at = primary.store
    if not primary.captures:
        following = _postgres(secondary)

        async def reach() -> PostgresStore:
            return following

        spool = await Spool.open(spool_path, "supabase")
        capture = RequestCapture(
            OperationJournal(reach), key_lookup(primary.store), spool=spool, lifetime_seconds=_LIFETIME
        )
        asked = RequestCaptureStore(primary.store, capture, timeout=TIMEOUT)
        table, entries_at = "datalayer_marks", following
    applier, ledger = _applier(primary, secondary)
    reconciler = await reconciler_between(
        primary.store,
        secondary.store,
        applier,
        Outbox(entries_at, table),
        ledger=ledger,
        trusted=None if primary.captures else _all_seen,
        breaker=DeleteBreaker(limit=0),
    )
    guarded = ledger is secondary.store
    return Joined(primary, secondary, asked, table, entries_at, reconciler, guarded, capture, spool, clock)


def _applier(primary: Side, secondary: Side) -> tuple[Applier, Store]:
    if not isinstance(secondary, SupabaseSide):
        return server_applier(secondary.store), secondary.store
    if secondary.captures:
        return FunctionApplier(secondary.store), secondary.store
    following = _postgres(primary)
    pins = Pins(following, lifetime_seconds=_LIFETIME)
    return PinnedApplier(primary.store, secondary.store, pins), following


def _postgres(side: Side) -> PostgresStore:
    assert isinstance(side, PostgresSide)
    return side.store


async def _all_seen() -> bool:
    """Answer for a reader that passes row security."""
    return True
