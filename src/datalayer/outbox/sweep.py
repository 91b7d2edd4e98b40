"""A whole table is owed: after TRUNCATE, after a write whose keys nobody knows, or when an operator asks for it.

The keys that differ are marked, and the relay does the rest. How far it came is kept in the entry, so that a relay
which takes over goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from datalayer.errors import DataLayerError
from datalayer.outbox.comparing import different_rows, extra_keys
from datalayer.outbox.entries import Entry, Key
from datalayer.outbox.keys import decode_key, encode_key
from datalayer.outbox.queue import Outbox
from datalayer.stores.contract import Store

LOGGER = logging.getLogger("datalayer.relay")

_ROWS: Final = "rows"
_EXTRA: Final = "extra"
_RETRY_SECONDS: Final = 5.0


class Sweeper:
    """Compares whole tables and marks what differs, one table after the other; flat in memory.

    Its task is started, awaited and ended by its relay alone.
    """

    def __init__(self, primary: Store, secondary: Store, outbox: Outbox, *, lease_seconds: float = 60.0) -> None:
        self._primary = primary
        self._secondary = secondary
        self._outbox = outbox
        self._lease = lease_seconds
        self._waiting: list[Entry] = []
        self._task: asyncio.Task[None] | None = None

    def take(self, entries: Sequence[Entry]) -> None:
        """Work off claimed entries in the background."""
        known = {entry.version for entry in self._waiting}
        self._waiting += [entry for entry in entries if entry.version not in known]
        if self._task is not None and self._task.done():
            self._task.result()
            self._task = None
        if self._waiting and self._task is None:
            self._task = asyncio.create_task(self._work())

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
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()
        try:
            await self._outbox.release(entry.version for entry in self._waiting)
        except DataLayerError as error:
            LOGGER.warning("claims could not be given back and run out: %s", type(error).__name__)
        self._waiting.clear()

    async def _work(self) -> None:
        while self._waiting:
            try:
                await self.sweep(self._waiting[0])
            except DataLayerError as error:
                await self._put_off(self._waiting[0], type(error).__name__)
            del self._waiting[0]

    async def _put_off(self, entry: Entry, reason: str) -> None:
        LOGGER.warning("comparing table %s was cut off and goes on later: %s", entry.table, reason)
        try:
            await self._outbox.put_off([entry.version], retry_seconds=_RETRY_SECONDS, error=reason)
        except DataLayerError as error:
            LOGGER.warning("its claim runs out: %s", type(error).__name__)

    async def sweep(self, entry: Entry) -> int:
        """Do the work of a claimed entry that covers a whole table, and settle it; return how many keys were marked."""
        phase, after = await self._checkpoint(entry)
        marked = 0
        if phase == _ROWS:
            async for page in different_rows(self._primary, self._secondary, entry.table, after=after):
                marked += await self._note(entry, _ROWS, page.last, list(page.different))
            after = None
        async for page in extra_keys(self._primary, self._secondary, entry.table, after=after):
            marked += await self._note(entry, _EXTRA, page.last, list(page.different))
        await self._outbox.settle([entry.version])
        return marked

    async def _note(self, entry: Entry, phase: str, last: Key, different: Sequence[Key]) -> int:
        """Mark first, then move the checkpoint: a crash in between marks a page twice."""
        if different:
            await self._outbox.mark(entry.table, different)
        table = (await self._primary.catalog()).table(entry.table, store=self._primary.name, operation="sweep")
        await self._outbox.keep(
            entry.version, {"phase": phase, "after": encode_key(table, last)}, lease_seconds=self._lease
        )
        return len(different)

    async def _checkpoint(self, entry: Entry) -> tuple[str, Key | None]:
        kept = await self._outbox.kept(entry.version)
        if not isinstance(kept, dict) or kept.get("phase") not in (_ROWS, _EXTRA):
            return _ROWS, None
        table = (await self._primary.catalog()).table(entry.table, store=self._primary.name, operation="sweep")
        return kept["phase"], decode_key(table, kept["after"])
