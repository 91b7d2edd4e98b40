"""The act of dual-write: both stores are joined, filled and switched while the application writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from time import perf_counter

from datalayer.demo import words
from datalayer.demo.application import Application
from datalayer.demo.lag import LagWatch
from datalayer.demo.report import Act
from datalayer.demo.screen import Screen
from datalayer.demo.stage import Outage, Stage, opened
from datalayer.layer import DataLayer
from datalayer.layer.backfilling import backfill_pair
from datalayer.outbox.backfill import Filled
from datalayer.outbox.capture import postgres, sqlite, supabase
from datalayer.query import Row
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore

#: Writes that are made on the new primary, and while the store that follows is away.
_WRITES = 40


async def install(stage: Stage, screen: Screen) -> None:
    """Put triggers and bookkeeping into both databases."""
    with screen.step("Let both sides note their changes"):
        for side in (stage.legacy, stage.own):
            async with opened(side.database) as store:
                if isinstance(store, SqliteStore):
                    installed = await sqlite.install(store)
                elif isinstance(store, PostgresStore):
                    script = postgres if side is stage.own else supabase
                    installed = await script.install(store)
            screen.line(words.installed(side is stage.own, stage.engines, installed.status.armed))
        await asyncio.to_thread(stage.legacy.reload_schema)


class DualWrite:
    """The steps that share one open layer, which is never closed in between."""

    def __init__(self, stage: Stage, screen: Screen, layer: DataLayer, salon: Mapping[str, Sequence[Row]]) -> None:
        self._stage = stage
        self._screen = screen
        self._layer = layer
        self._application = Application(layer, salon)

    async def fill(self) -> Act:
        """Bring every row over while the application writes."""
        with self._screen.step(words.fill_title(self._stage.engines)) as tell:
            watch = LagWatch(self._layer, tell)
            async with self._application.writing(), watch.watched():
                filled = await self._backfill(watch)
            self._screen.line(words.filled(filled))
            return await self._end(words.FILL, watch)

    async def flip(self) -> Act:
        """Make PostgreSQL the primary while the application writes; the legacy side follows from then on."""
        with self._screen.step("Flip the flag while the application writes") as tell:
            for line in words.flip(self._stage.engines):
                self._screen.line(line)
            watch = LagWatch(self._layer, tell)
            async with self._application.writing():
                await self._application.make(_WRITES // 2)
                started = perf_counter()
                mode = await self._layer.reload(self._stage.own.joined)
                seconds = perf_counter() - started
                async with watch.watched():
                    await self._application.make(_WRITES)
            self._screen.line(words.flipped(mode, seconds))
            return await self._end(words.FLIP, watch)

    async def outage(self, outage: Outage) -> Act:
        """Stop the server of the store that follows for a moment."""
        with self._screen.step("Stop PostgREST for a moment, which is the store that follows") as tell:
            watch = LagWatch(self._layer, tell)
            async with self._application.writing(), watch.watched():
                await asyncio.to_thread(outage.begin)
                watch.doing("PostgREST is away; ")
                await self._application.make(_WRITES)
                lag = await watch.look()
                await asyncio.to_thread(outage.end)
                watch.doing("PostgREST is back; ")
            self._screen.line(words.owed_while_away(lag))
            return await self._end(words.OUTAGE, watch)

    async def _backfill(self, watch: LagWatch) -> list[Filled]:
        """Do what `datalayer backfill` does, which is a process of its own in life."""

        def told(filled: Filled) -> None:
            watch.doing(f"{filled.table}: {filled.rows:,} of {filled.total:,}; ")

        return await backfill_pair(self._stage.legacy.joined, on_progress=told)

    async def _end(self, name: str, watch: LagWatch) -> Act:
        seconds = await watch.settle()
        act = Act(name, self._application.told(), watch.most, seconds)
        for line in words.settled(act):
            self._screen.line(line)
        return act
