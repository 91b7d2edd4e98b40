"""A whole table is owed: after TRUNCATE, after a write whose keys nobody knows, or when an operator asks for it.

Rows are compared page by page. Keys that differ are marked, and the relay does the rest; a backfill fills them in at
once. How far the work has come is kept in its entry, so that whoever takes over goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from datalayer.errors import DataLayerError
from datalayer.outbox.comparing import ComparedPage, Stretch, different_rows, extra_keys
from datalayer.outbox.entries import Entry, Key
from datalayer.outbox.filling import fill
from datalayer.outbox.keys import decode_key, encode_key
from datalayer.outbox.queue import EntryGoneError, Outbox
from datalayer.outbox.reconcile import OUTAGES, Reconciler
from datalayer.query import Filter, col
from datalayer.stores.catalog import Table
from datalayer.tasks import end

LOGGER = logging.getLogger("datalayer.relay")

#: Phases of the work on a table. A backfill has one, a comparison two: the primary's rows, then what is left over.
FILL: Final = "fill"
ROWS: Final = "rows"
_EXTRA: Final = "extra"
_RETRY_SECONDS: Final = 5.0

Refuse: TypeAlias = Callable[[Sequence[Entry], str], Awaitable[None]]
#: Hears of rows compared, rows applied and keys marked.
OnPage: TypeAlias = Callable[[int, int, int], None]


def bounds(table: Table, first: Key | None, last: Key | None) -> dict[str, str]:
    """Write a range of keys, both ends included, as an entry keeps it."""
    written = {"from": first, "to": last}
    return {name: encode_key(table, key) for name, key in written.items() if key is not None}


class Sweeper:
    """Compares whole tables, one after the other; flat in memory.

    Its task is started, awaited and ended by its relay alone.
    """

    def __init__(
        self, reconciler: Reconciler, outbox: Outbox, *, lease_seconds: float = 60.0, on_page: OnPage | None = None
    ) -> None:
        self._reconciler = reconciler
        self._outbox = outbox
        self._lease = lease_seconds
        self._on_page = on_page
        self._waiting: list[Entry] = []
        self._task: asyncio.Task[None] | None = None
        self._swept = 0

    def swept(self) -> int:
        """Return how many entries were settled since this was asked last."""
        number, self._swept = self._swept, 0
        return number

    def take(self, entries: Sequence[Entry], refuse: Refuse) -> None:
        """Work off claimed entries in the background; ``refuse`` counts a try of one that fails, as of any entry."""
        known = {entry.version for entry in self._waiting}
        self._waiting += [entry for entry in entries if entry.version not in known]
        if self._task is not None and self._task.done():
            self._task.result()
            self._task = None
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._work(refuse))

    async def finish(self) -> bool:
        """Wait for what is under way; False when there was nothing."""
        if self._task is None:
            return False
        await self._task
        self._task = None
        return True

    async def end(self) -> None:
        """Stop, and give claimed entries back; their checkpoints stay."""
        if self._task is None:
            return
        task, self._task = self._task, None
        await end(task)
        if not task.cancelled():
            task.result()
        try:
            await self._outbox.release(entry.version for entry in self._waiting)
        except DataLayerError as error:
            LOGGER.warning("claims could not be given back and run out: %s", type(error).__name__)
        self._waiting.clear()

    async def sweep(self, entry: Entry) -> bool:
        """Do the work of a claimed entry that covers a whole table, and settle it; False where the primary leads none.

        Where another one has done so already nothing is left to do: the rest may be led by another store by now.
        """
        try:
            is_led = await self._compare(entry)
            await self._outbox.settle([entry.version])
            self._swept += 1
        except EntryGoneError:
            LOGGER.info("table %s was compared by another process, or need not be", entry.table)
            return True
        return is_led

    async def _compare(self, entry: Entry) -> bool:
        kept = await self._outbox.renew(entry.version, lease_seconds=self._lease)
        primary, secondary = self._reconciler.primary, self._reconciler.secondary
        table = (await primary.catalog(refresh=True)).table(entry.table, store=primary.name, operation="sweep")
        await secondary.catalog(refresh=True)
        led = await self._reconciler.led(table)
        if led is None:
            return False
        state: dict[str, Any] = {"phase": ROWS, **(kept if isinstance(kept, dict) else {})}
        try:
            stretch = _stretch(table, state)
        except ValueError:
            # The key is not what it was: nothing less than the whole table can be meant.
            state = {"phase": FILL if state["phase"] == FILL else ROWS}
            stretch = Stretch()
        stretch = stretch.within(led)
        if state["phase"] in (FILL, ROWS):
            async for page in different_rows(primary, secondary, table, stretch):
                await self._note(entry, table, state, page)
            stretch = replace(stretch, after=None)
        if state["phase"] != FILL:
            state = {**state, "phase": _EXTRA}
            async for page in extra_keys(primary, secondary, table, stretch):
                await self._note(entry, table, state, page)
        return True

    async def _note(self, entry: Entry, table: Table, state: Mapping[str, Any], page: ComparedPage) -> None:
        """Deal with a page, then move the checkpoint: a crash in between does a page twice."""
        if page.different:
            await self._outbox.renew(entry.version, lease_seconds=self._lease)
        marks: Sequence[Key] = list(page.different)
        if state["phase"] == FILL and marks:
            marks = await fill(self._reconciler, table, page.different)
        if marks:
            await self._outbox.mark(entry.table, marks)
        checkpoint = {**state, "after": encode_key(table, page.last)}
        await self._outbox.keep(entry.version, checkpoint, lease_seconds=self._lease)
        if self._on_page is not None:
            self._on_page(page.rows, len(page.different) - len(marks), len(marks))

    async def _work(self, refuse: Refuse) -> None:
        while self._waiting:
            entry = self._waiting[0]
            try:
                await self.sweep(entry)
            except DataLayerError as error:
                await self._put_off(entry, error, refuse)
            del self._waiting[0]

    async def _put_off(self, entry: Entry, error: DataLayerError, refuse: Refuse) -> None:
        reason = type(error).__name__
        LOGGER.warning("comparing table %s was cut off and goes on later: %s", entry.table, reason)
        try:
            if isinstance(error, OUTAGES) or not await self._all_well():
                await self._outbox.suspend([entry], reason, retry_seconds=_RETRY_SECONDS)
            else:
                await refuse([entry], reason)
        except DataLayerError as again:
            LOGGER.warning("its claim runs out: %s", type(again).__name__)

    async def _all_well(self) -> bool:
        stores = (self._reconciler.primary, self._reconciler.secondary)
        return all([(await store.health()).healthy for store in stores])


def _stretch(table: Table, state: Mapping[str, Any]) -> Stretch:
    after = decode_key(table, state["after"]) if "after" in state else None
    where: Filter | None = None
    column = col(table.primary_key[0])
    if "from" in state:
        where = column.gte(decode_key(table, state["from"])[0])
    if "to" in state:
        upper = column.lte(decode_key(table, state["to"])[0])
        where = upper if where is None else where & upper
    return Stretch(after, where)
