"""Applies changes to Supabase without the script: plain requests, at most one in flight for a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import TypeAlias
from uuid import UUID, uuid4

from datalayer.errors import (
    ConstraintViolationError,
    DataLayerError,
    OutcomeUnknownError,
    UnavailableError,
    UniqueViolationError,
)
from datalayer.outbox.applying.order import by_table, deleted_keys, parents_first, stored_rows
from datalayer.outbox.applying.parking import park
from datalayer.outbox.contract import KeysHeldError
from datalayer.outbox.entries import Change
from datalayer.outbox.keys import encode_key, keys_filter
from datalayer.outbox.pinning import Pins
from datalayer.outbox.rows import read_rows
from datalayer.query import Delete, Upsert
from datalayer.stores.catalog import Catalog
from datalayer.stores.contract import Store

#: Says how long the next request may take, repeats included; raises where it may not be sent any more.
_Left: TypeAlias = Callable[[], float]


class PinnedApplier:
    """Makes Supabase equal by plain upserts and deletes, which cannot tell an older state from a newer one.

    So a key is pinned before its row is read again, and stays pinned while its request may still land. A batch is
    several requests: when one is refused the earlier ones stay, and applying the batch again is safe.
    All of them are sent within the pins' budget, or not at all.
    """

    def __init__(self, primary: Store, secondary: Store, pins: Pins, *, clock: Callable[[], float] = monotonic) -> None:
        self._primary = primary
        self._secondary = secondary
        self._pins = pins
        self._clock = clock

    async def apply(self, origin: UUID, changes: Sequence[Change], *, timeout: float | None = None) -> int:
        """Apply what could be pinned; see :class:`datalayer.outbox.contract.Applier`."""
        # The primary's catalog knows foreign keys and generated columns; PostgREST tells neither.
        catalog = await self._primary.catalog()
        named = {(c.table, encode_key(catalog.tables[c.table], c.key)): c for c in changes}
        owner = uuid4()
        left = self._left(self._clock() + self._pins.budget_seconds, timeout)
        pinned = await self._pins.take(owner, list(named))
        mine = [change for name, change in named.items() if name in pinned]
        held = [(change.table, change.key) for name, change in named.items() if name not in pinned]
        try:
            await self._send_parking(await self._read_again(mine, catalog), catalog, left)
        except DataLayerError as error:
            if not isinstance(error, OutcomeUnknownError):
                await self._pins.release(owner)
            # What was refused may lack just those that are held.
            if not isinstance(error, ConstraintViolationError) or not held:
                raise
        else:
            await self._pins.release(owner)
        if held:
            raise KeysHeldError(held, store=self._secondary.name)
        return len(mine)

    async def _read_again(self, changes: Sequence[Change], catalog: Catalog) -> list[Change]:
        """Read the rows as they are now: what was read before the pin may be older than what another relay sent."""
        fresh: list[Change] = []
        for name, some in by_table(changes).items():
            rows = await read_rows(self._primary, catalog.tables[name], [change.key for change in some])
            fresh += [replace(change, row=rows.get(change.key)) for change in some]
        return fresh

    def _left(self, ends: float, timeout: float | None) -> _Left:
        def left() -> float:
            seconds = ends - self._clock()
            if seconds <= 0:
                raise UnavailableError(
                    "a batch took too long to be sent under its pins, and the rest of it was not sent",
                    store=self._secondary.name,
                    operation="apply",
                )
            return seconds if timeout is None else min(timeout, seconds)

        return left

    async def _send_parking(self, changes: Sequence[Change], catalog: Catalog, left: _Left) -> None:
        """Send; rows that trade unique values step aside under their pins.

        Should this end in between, they are owed still: before, they were not yet what the primary has.
        """
        try:
            await self._send(changes, catalog, left)
            return
        except UniqueViolationError:
            await park(self._secondary, catalog, by_table(changes), left=left)
        await self._send(changes, catalog, left)

    async def _send(self, changes: Sequence[Change], catalog: Catalog, left: _Left) -> None:
        groups = by_table(changes)
        order = parents_first(catalog, groups)
        for name in reversed(order):
            if gone := deleted_keys(groups[name]):
                where = keys_filter(catalog.tables[name], gone)
                await self._secondary.delete(Delete(name, where), timeout=left())
        for name in order:
            table = catalog.tables[name]
            if rows := stored_rows(table, groups[name]):
                question = Upsert(name, rows, table.primary_key, returning=False)
                await self._secondary.upsert(question, timeout=left())
