"""A pair of stores, a model of the primary, and everything that can happen to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.integration.machine.joined import Clock, Joined, join
from tests.integration.machine.model import RefusedError, State, Write, empty
from tests.integration.machine.sides import PostgresSide, Side, SupabaseSide

from datalayer.errors import (
    ConstraintViolationError,
    DataLayerError,
    OutcomeUnknownError,
    StoreError,
)
from datalayer.outbox.queue import Outbox
from datalayer.query import Insert, Upsert

#: Rounds of relaying until nothing may be owed any more.
_ROUNDS: Final = 25
#: What a call gets while the way to its store is cut.
_BRIEFLY: Final = 0.3


class RollbackError(Exception):
    """Ends a transaction that is not to happen."""


class World:
    """Two sides that go on from example to example, emptied in between."""

    def __init__(self, one: Side, other: Side, spool_path: Path) -> None:
        self._sides = (one, other)
        self._spool_path = spool_path
        self.clock = Clock()
        self.joined: Joined
        #: What the primary has, as far as it is known.
        self.model: State = empty()
        #: Steps that did something, over all examples.
        self.steps = 0

    @property
    def primary(self) -> Side:
        """The side that is written now."""
        return self.joined.primary

    @property
    def proxy(self) -> SupabaseSide | None:
        """The side that requests are lost on the way to."""
        return next((side for side in self._sides if isinstance(side, SupabaseSide)), None)

    @property
    def line(self) -> PostgresSide | None:
        """The side whose line can be cut."""
        return next((side for side in self._sides if isinstance(side, PostgresSide)), None)

    async def begin(self) -> None:
        """Start on empty tables."""
        if self.line is not None and not self.line.line.is_up:
            await self.line.reopen()
        for side in self._sides:
            await side.quiet()
            await side.empty()
        self.model = empty()
        await self._join(*self._sides)

    async def end(self) -> None:
        """Close what the example opened."""
        if self.joined.spool is not None:
            await self.joined.spool.close()

    async def write(self, write: Write, *, timeout: float | None = None) -> None:
        """Do one write over the library; the model says what is to become of it."""
        before = self.model
        try:
            written = await write.send(self.joined.asked, timeout=timeout)
        except StoreError as error:
            await self._failed(write, before, error)
        else:
            self.model = write.effect(before, written.rows)
        await self.check_model()

    async def in_transaction(self, writes: Sequence[Callable[[State], Write]], *, rolls_back: bool) -> None:
        """Do several writes in one transaction."""
        state, refused = self.model, False
        with suppress(RollbackError):
            try:
                async with self.joined.asked.transaction() as transaction:
                    for make in writes:
                        write = make(state)
                        state = write.effect(state, (await write.send(transaction)).rows)
                    if rolls_back:
                        raise RollbackError
            except ConstraintViolationError:
                refused = True
                assert _is_refused(write, state), "a write that breaks nothing was refused"
            except RefusedError:
                raise AssertionError("a write that breaks a constraint was taken") from None
            else:
                self.model = state
        assert refused or rolls_back or self.model is state
        await self.check_model()

    async def behind(self, statement: str) -> None:
        """Run SQL that the library does not see."""
        with suppress(DataLayerError):
            await self.primary.run(statement)
        self.model = await self.primary.rows()

    async def relay(self, *batches: int, beside: Write | None = None) -> None:
        """Let relays work at once, and perhaps somebody write meanwhile."""
        work: list[Awaitable[object]] = [self.joined.relay(batch).drain() for batch in batches]
        if beside is not None:
            work.append(self.write(beside))
        await asyncio.gather(*work)

    async def read_ahead(self, batch: int) -> None:
        """Have a relay read, and do the rest much later or never."""
        with suppress(DataLayerError):
            self.joined.slow.append(await self.joined.read_ahead(batch))

    async def go_on(self, place: int, *, settles: bool) -> None:
        """Have a slow relay do the rest."""
        slow = self.joined.slow.pop(place % len(self.joined.slow))
        with suppress(DataLayerError):
            await slow.finish(settles=settles)
        await self.check_owed()

    async def land(self) -> None:
        """Let requests take effect that were given up long ago."""
        if self.proxy is not None:
            await self.proxy.proxy.land()
            self.model = await self.primary.rows()

    async def expire(self, *, lands: bool) -> None:
        """Let so much time pass that no request of before can take effect any more."""
        if lands:
            await self.land()
        elif self.proxy is not None:
            self.proxy.proxy.drop()
        for side in self._sides:
            await side.quiet()
        self.clock.pass_by(hours=2)
        if self.line is not None:
            for table in ("operations", "pins"):
                await self.line.run(
                    f"update datalayer_{table} set expires_at = clock_timestamp() - interval '1 second'"
                )

    async def cut(self, write: Write, *, relays: bool) -> None:
        """Cut the line to PostgreSQL, have somebody write or relay meanwhile, and begin anew."""
        assert self.line is not None
        await self.line.line.cut()
        if relays:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.joined.relay(5).drain(), _BRIEFLY)
        await self.write(write, timeout=None if self.joined.capture is not None else _BRIEFLY)
        await self.restart()

    async def restart(self) -> None:
        """Mend everything and begin with new connections, as a process that starts."""
        for side in self._sides:
            await side.reopen()
            await side.quiet()
        self.model = await self.primary.rows()
        await self._join(self.primary, self.joined.secondary)

    async def settle(self, batch: int) -> None:
        """Mend everything and work until nothing is owed: then both sides are equal, and nothing is left over."""
        if self.line is not None and not self.line.line.is_up:
            await self.restart()
        for side in self._sides:
            await side.reopen() if isinstance(side, SupabaseSide) else None
        await self.land()
        for _ in range(_ROUNDS):
            await self.expire(lands=True)
            if self.joined.capture is not None:
                await self.joined.capture.settle()
            event = await self.joined.relay(batch).drain()
            assert event.dead == 0, f"dead letters: {await self._owed()}"
            if not event.entries and not await self.joined.open_operations():
                break
        await self.check_equal()

    async def switch(self, batch: int) -> None:
        """Make the secondary the primary, once nothing is owed."""
        await self.settle(batch)
        slow = [reading for reading in self.joined.slow if reading.guarded]
        await self.joined.secondary.lead()
        await self._join(self.joined.secondary, self.primary)
        self.joined.slow = slow

    async def check_model(self) -> None:
        """The primary has what the model says."""
        assert await self.primary.rows() == self.model

    async def check_owed(self) -> None:
        """Whatever differs is owed; only captured requests may be known later."""
        if not self.primary.captures:
            return
        theirs = await self.joined.secondary.rows()
        entries = await Outbox(self.primary.behind).entries(limit=1000)
        owed = {(entry.table, entry.key) for entry in entries}
        for table, rows in self.model.items():
            keys = [key for key in rows.keys() | theirs[table].keys() if rows.get(key) != theirs[table].get(key)]
            assert (table, None) in owed or {(table, key) for key in keys} <= owed, f"{table} differs and is not owed"

    async def check_equal(self) -> None:
        """Both sides have the same rows, and nothing is owed or held."""
        await self.check_model()
        assert await self.joined.secondary.rows() == self.model
        for side in self._sides:
            assert await side.left() == {}

    async def _join(self, primary: Side, secondary: Side) -> None:
        if hasattr(self, "joined"):
            await self.end()
        self.joined = await join(primary, secondary, self.clock, self._spool_path)

    async def _failed(self, write: Write, before: State, error: StoreError) -> None:
        """Hold an error to what it says: refused, not sent, or unknown."""
        unknown = isinstance(error, OutcomeUnknownError)
        if unknown:
            await self.primary.quiet()
        self.model = await self.primary.rows()
        several = len(write.question.rows) > 1 if isinstance(write.question, Insert | Upsert) else False
        # Over PostgREST rows of different columns are several requests.
        in_parts = several and not self.primary.transactions
        if self.model != before:
            assert unknown or in_parts, f"{type(error).__name__}, and yet it has happened"
            if not several:
                table = write.question.table
                made = [row for key, row in self.model[table].items() if before[table].get(key) != row]
                assert self.model == write.effect(before, made)
        elif isinstance(error, ConstraintViolationError):
            assert in_parts or _is_refused(write, before), "a write that breaks nothing was refused"

    async def _owed(self) -> list[tuple[str, object, str | None]]:
        return [(entry.table, entry.key, entry.error) for entry in await self.joined.outbox().entries()]


def _is_refused(write: Write, state: State) -> bool:
    try:
        write.effect(state, [])
    except RefusedError:
        return True
    return False
