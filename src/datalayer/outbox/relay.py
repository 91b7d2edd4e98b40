"""The relay: takes what is owed to the other store, and settles it. Any number may run, in one process or many.

    claim ──> read the rows on the primary ──> apply on the secondary ──> settle
              the next batch is claimed and read while this one is applied

It survives the outage of either store, and gives back what it had claimed when it is stopped.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from datalayer.errors import AccessDeniedError, DataLayerError
from datalayer.outbox.batches import Batch, collect
from datalayer.outbox.companions import Named
from datalayer.outbox.entries import Entry
from datalayer.outbox.outcome import Outcome, Reading
from datalayer.outbox.pace import Pace, Waits
from datalayer.outbox.queue import Outbox
from datalayer.outbox.reconcile import Reconciler
from datalayer.outbox.reporting import Report
from datalayer.outbox.sweep import Sweeper
from datalayer.outbox.waiting import SET_ASIDE
from datalayer.telemetry import RelayEvent, RelayObserver

LOGGER = logging.getLogger("datalayer.relay")

_UNTRUSTED: Final = "AbsenceNotTrusted"


@dataclass(frozen=True, slots=True)
class _Fetched:
    batch: Batch
    reading: Reading
    full: bool


class Relay:
    """Carries one outbox.

    Args:
        outbox: where entries come from.
        reconciler: settles keys.
        sweeper: works off entries that cover a whole table.
        between: from which store to which, for the reports.
        pace: how much at a time, and how often.
        observers: who hears of what was done, every few seconds.
        check: asked before the first batch and after every trouble; while it raises nothing is claimed.
        chores: done along with the reports; for captured requests, resolving those that have expired.
    """

    def __init__(
        self,
        outbox: Outbox,
        reconciler: Reconciler,
        sweeper: Sweeper,
        *,
        between: tuple[str, str],
        pace: Pace | None = None,
        observers: Sequence[RelayObserver] = (),
        check: Callable[[], Awaitable[object]] | None = None,
        chores: Sequence[Callable[[], Awaitable[object]]] = (),
    ) -> None:
        self._outbox = outbox
        self._check = check
        #: Changed by the relay's own task alone.
        self._checked = check is None
        self._reconciler = reconciler
        self._sweeper = sweeper
        self._between = between
        #: Tables that the log has told of.
        self._strayed: set[str] = set()
        self._pace = pace or Pace()
        self._waits = Waits(self._pace)
        self._report = Report(outbox, reconciler.breaker, between, self._pace, observers, chores)
        self._stopping = asyncio.Event()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something was written. Call it on the relay's event loop."""
        self._woken.set()

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Work until :meth:`stop`; outages of either store are waited out."""
        try:
            while not self._stopping.is_set():
                await self._work()
                await self._idle()
        finally:
            await self._sweeper.end()
        self._report.count(settled=self._sweeper.swept())
        await self._report.give()

    async def drain(self) -> RelayEvent:
        """Work until nothing is due, or a store is away; return what was done and what is left."""
        try:
            while not self._stopping.is_set():
                await self._work()
                if self._waits.in_trouble or not await self._sweeper.finish():
                    break
        finally:
            await self._sweeper.end()
        self._report.count(settled=self._sweeper.swept())
        return await self._report.give()

    async def _work(self) -> None:
        """Work off batches until one is not full, or there is trouble; the next one is fetched ahead."""
        fetched = await self._fetch()
        while fetched is not None:
            ahead = asyncio.create_task(self._fetch()) if fetched.full and not self._stopping.is_set() else None
            try:
                well = await self._finish(fetched)
            finally:
                fetched = await ahead if ahead is not None else None
            if fetched is not None and (not well or self._stopping.is_set()):
                await self._give_back(fetched.batch)
                return

    async def _fetch(self) -> _Fetched | None:
        """Claim and read a batch; None when there is none, or when the primary is away."""
        limit = self._waits.batch
        try:
            self._report.count(settled=self._sweeper.swept())
            await self._report.give_when_due()
            if self._check is not None and not self._checked:
                await self._check()
                self._checked = True
            claimed = await self._outbox.claim(limit, lease_seconds=self._pace.lease_seconds)
            batch = collect(claimed)
            for entry, reason in claimed.unreadable:
                await self._refuse([entry], reason)
            self._sweeper.take(await self._led_tables(batch.whole_tables), self._refuse)
            reading = await self._reconciler.read(batch.owed)
        except DataLayerError as error:
            self._trouble("reading what is owed", error)
            return None
        if not batch.owed:
            self._tell_of_recovery()
            self._waits.empty()
            return None
        return _Fetched(batch, reading, full=len(claimed.entries) >= limit)

    async def _finish(self, fetched: _Fetched) -> bool:
        """Apply and settle; False when a store was in trouble."""
        outcome = await self._reconciler.apply(fetched.reading)
        try:
            await self._record(fetched.batch, outcome)
        except DataLayerError as error:
            self._trouble("settling", error)
            return False
        if outcome.outage is not None:
            self._trouble("applying", outcome.outage)
            return False
        self._tell_of_recovery()
        self._waits.worked()
        return True

    async def _record(self, batch: Batch, outcome: Outcome) -> None:
        """Tell the outbox what became of a batch. What it is not told comes again when the claim runs out.

        Whatever is not settled leaves the claim first; what is left in it then is settled.
        """
        if outcome.held:
            await self._outbox.hold(batch.versions(outcome.held))
        if outcome.waiting:
            await self._outbox.put_off(batch.versions(outcome.waiting), retry_seconds=self._pace.held_seconds)
        if outcome.untrusted:
            LOGGER.error("rows are absent for a reader that may not see all of them; check the key's or user's rights")
            seconds = self._pace.longest_retry_seconds
            await self._outbox.suspend(batch.of(outcome.untrusted), _UNTRUSTED, retry_seconds=seconds)
        if outcome.strays:
            await self._set_aside_strays(batch.of(outcome.strays))
        for reason in set(outcome.denied.values()):
            await self._set_aside([named for named, why in outcome.denied.items() if why == reason], reason, batch)
        for named, reason in outcome.failed.items():
            await self._refuse(batch.entries[named], reason)
        untried = batch.entries.keys() - outcome.seen
        if untried:
            await self._outbox.release(batch.versions(untried))
        if outcome.done:
            await self._outbox.settle_claim(batch.claimed)
        self._report.count(settled=len(batch.versions(outcome.done)), applied=outcome.applied)

    async def _set_aside(self, keys: Sequence[Named], reason: str, batch: Batch) -> None:
        """Leave entries for later that no try of ours will change: a right or a column is missing there."""
        names = ", ".join(sorted({table for table, _ in keys}))
        is_right = reason.startswith(AccessDeniedError.__name__)
        remedy = "the key or user lacks a right there" if is_right else "make its columns like the primary's"
        LOGGER.error("rows of %s are not accepted from us: %s (%s)", names, remedy, reason)
        entries = batch.of(keys)
        await self._outbox.suspend(entries, reason, retry_seconds=self._pace.longest_trouble_seconds)
        error = reason.split(":")[0]
        self._report.count(failed=len(entries), error=error, failure=f"{keys[0][0]}: {reason}")

    async def _set_aside_strays(self, entries: Sequence[Entry]) -> None:
        """Leave entries of tables that the other store leads: what wrote there knows nothing of dual-write."""
        primary, secondary = self._between
        names = {entry.table for entry in entries}
        if not names <= self._strayed:
            LOGGER.error(
                "rows of %s were written in %s, and %s leads them: they are not carried. Run `datalayer backfill"
                " --resync`: the rows of %s win",
                ", ".join(sorted(names)),
                primary,
                secondary,
                secondary,
            )
        self._strayed |= names
        await self._outbox.suspend(entries, SET_ASIDE, retry_seconds=self._pace.longest_retry_seconds)
        self._report.count(failed=len(entries), failure=f"{', '.join(sorted(names))}: {SET_ASIDE}")

    async def _led_tables(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return the entries about whole tables that the primary leads; others are set aside."""
        led = [entry for entry in entries if self._reconciler.leads(entry.table)]
        if strays := [entry for entry in entries if entry not in led]:
            await self._set_aside_strays(strays)
        return led

    async def _refuse(self, entries: Sequence[Entry], reason: str) -> None:
        """Count a try; after the last one the entries are dead letters."""
        tries, failure = max(entry.tries for entry in entries) + 1, f"{entries[0].table}: {reason}"
        if tries < self._pace.tries:
            await self._outbox.fail(entries, reason, retry_seconds=self._waits.before_try(tries))
            self._report.count(failed=len(entries), failure=failure)
            return
        await self._outbox.bury(entries, reason)
        self._report.count(failed=len(entries), buried=len(entries), failure=failure)
        what = "the whole table" if entries[0].key is None else "a row of"
        LOGGER.error("dead letter after %d tries: %s %s: %s", tries, what, entries[0].table, reason)

    async def _give_back(self, batch: Batch) -> None:
        try:
            await self._outbox.release(batch.versions(batch.entries))
        except DataLayerError as error:
            LOGGER.warning("claims could not be given back and run out: %s", type(error).__name__)

    def _trouble(self, doing: str, error: DataLayerError) -> None:
        if not self._waits.in_trouble:
            LOGGER.warning("the relay has trouble with %s and goes on trying: %s", doing, error)
        self._waits.trouble()
        self._checked = self._check is None
        self._report.count(error=type(error).__name__)

    def _tell_of_recovery(self) -> None:
        if self._waits.in_trouble:
            LOGGER.info("the relay goes on: both stores are back")

    async def _idle(self) -> None:
        pause = self._waits.next()
        if self._waits.in_trouble:
            # A write does not bring a store back.
            await _within(pause, self._stopping)
        elif await _within(pause, self._woken):
            # Writes come in flocks, and together they cost far less to settle.
            await _within(self._pace.gather_seconds, self._stopping)
        self._woken.clear()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event; False when it did not come in time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
