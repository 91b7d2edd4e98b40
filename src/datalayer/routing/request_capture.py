"""A store around Supabase that covers every write before it is sent; used where Supabase captures nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Final, TypeVar
from uuid import uuid4

from datalayer.errors import (
    DataLayerError,
    InvalidValueError,
    OutcomeUnknownError,
    UnavailableError,
    UnsupportedOperationError,
)
from datalayer.outbox.keys import decode_key, encode_key, key_of
from datalayer.outbox.operations import Operation
from datalayer.outbox.requests import KeyLookup, RequestCapture
from datalayer.outbox.rows import read_rows
from datalayer.query import Delete, Filter, Insert, Row, Update, Upsert, Written
from datalayer.query.filters import Comparison, Group, Operator
from datalayer.routing.passing_store import PassingStore
from datalayer.stores.catalog import Kind, Table
from datalayer.stores.contract import Store

WriteT = TypeVar("WriteT", Insert, Upsert, Update, Delete)

#: More keys of one write than these are marked as their whole table.
_MOST_MARKS: Final = 5_000
#: Covering a write may take so many timeouts; what is stopped for longer (a paused machine) is not sent any more.
_COVERING_TIMEOUTS: Final = 2


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of a write before it is sent.

    Args:
        columns: of ``keys``: the primary key, or the conflict target; empty where no key is known.
        keys: values of these columns, one tuple a row; None where only the answer tells.
        moves_keys: rows may leave the keys that the answer names.
        several: the write may take several requests, of which some may succeed before one is refused.
    """

    columns: tuple[str, ...]
    keys: list[tuple[Any, ...]] | None
    moves_keys: bool = False
    several: bool = False


class RequestCaptureStore(PassingStore):
    """Supabase as the primary without the script: reads pass through, writes are covered by an operation each.

    What does not come through this store (the dashboard, other services, rows that a foreign key's cascade changes) is
    not captured; the script in sql/supabase captures all of it.
    """

    is_transparent = False

    def __init__(
        self, store: Store, capture: RequestCapture, *, timeout: float, clock: Callable[[], float] = monotonic
    ) -> None:
        super().__init__(store)
        self._clock = clock
        self.capture = capture
        self._timeout = timeout

    async def insert(self, question: Insert, *, timeout: float | None = None) -> Written:
        """Insert rows; uuid keys that the server would make are made here, so that they are known before."""
        table = await self._table(question.table, "insert")
        question = _with_uuids(question, table)
        return await self._write(question, table, _plan_insert(question, table), self.inner.insert, timeout)

    async def upsert(self, question: Upsert, *, timeout: float | None = None) -> Written:
        """Insert or update rows."""
        table = await self._table(question.table, "upsert")
        return await self._write(question, table, _plan_upsert(question), self.inner.upsert, timeout)

    async def update(self, question: Update, *, timeout: float | None = None) -> Written:
        """Change the rows that match."""
        table = await self._table(question.table, "update")
        plan = _plan_change(question.where, table, moves_keys=bool(set(question.changes) & set(table.primary_key)))
        return await self._write(question, table, plan, self.inner.update, timeout)

    async def delete(self, question: Delete, *, timeout: float | None = None) -> Written:
        """Delete the rows that match."""
        table = await self._table(question.table, "delete")
        return await self._write(question, table, _plan_change(question.where, table), self.inner.delete, timeout)

    async def _table(self, name: str, operation: str) -> Table:
        table = (await self.inner.catalog()).table(name, store=self.name, operation=operation)
        if not table.primary_key:
            raise UnsupportedOperationError(
                self.name, f"dual-write of {name}, which has no primary key", "give the table a primary key"
            )
        return table

    async def _write(
        self,
        question: WriteT,
        table: Table,
        plan: _Plan,
        send: Callable[..., Awaitable[Written]],
        timeout: float | None,
    ) -> Written:
        seconds = self._timeout if timeout is None else timeout
        texts = _texts(table, plan)
        covering = self._timeout * _COVERING_TIMEOUTS
        operation = Operation(uuid4(), table.name, plan.columns, texts, covering + seconds)
        knows_rows = texts is not None and plan.columns == table.primary_key
        ends = self._clock() + covering
        await self.capture.begin(operation)
        if self._clock() > ends:
            await self._resolve(operation, ())
            raise UnavailableError(
                "covering the write took too long; nothing was written",
                store=self.name,
                operation="write",
                table=table.name,
            )
        try:
            # The answer names the rows, where nothing else does.
            asked = question if knows_rows or question.returning else replace(question, returning=True)
            written = await send(asked, timeout=timeout)
        except DataLayerError as error:
            if isinstance(error, OutcomeUnknownError):
                self.capture.abandon(operation)
            else:
                await self._refused(operation, plan, knows_rows=knows_rows)
            raise
        except BaseException:
            self.capture.abandon(operation)
            raise
        marks = texts if knows_rows and texts is not None else _marks(table, written.rows)
        await self._resolve(operation, marks, sweep=plan.moves_keys)
        return written if question.returning else Written(written.count, [])

    async def _refused(self, operation: Operation, plan: _Plan, *, knows_rows: bool) -> None:
        """Resolve a write that was refused; of several requests the first ones may have been taken."""
        if knows_rows and operation.keys is not None:
            await self._resolve(operation, operation.keys)
        elif plan.several:
            await self._resolve(operation, (), sweep=True)
        else:
            await self._resolve(operation, ())

    async def _resolve(self, operation: Operation, marks: Sequence[str], *, sweep: bool = False) -> None:
        many = len(marks) > _MOST_MARKS
        resolving = asyncio.ensure_future(self.capture.resolve(operation, () if many else marks, sweep=sweep or many))
        # A caller that goes away must not take the answer's knowledge with it.
        await asyncio.shield(resolving)


def key_lookup(store: Store) -> KeyLookup:
    """Return what finds the primary keys of an operation's rows, on the primary."""

    async def lookup(operation: Operation) -> Sequence[str] | None:
        if operation.keys is None:
            return None
        table = (await store.catalog()).table(operation.table, store=store.name, operation="resolve")
        if operation.columns == table.primary_key:
            return operation.keys
        found_by = _keyed_by(table, operation.columns)
        keys = [decode_key(found_by, text) for text in operation.keys]
        # By their own columns, so that parts of them are read within a timeout each.
        rows = await read_rows(store, found_by, keys, columns=tuple({*table.primary_key, *operation.columns}))
        return _marks(table, list(rows.values()))

    return lookup


def _keyed_by(table: Table, columns: tuple[str, ...]) -> Table:
    """Return the table as if these columns were its primary key."""
    return table if columns == table.primary_key else replace(table, primary_key=columns)


def _with_uuids(question: Insert, table: Table) -> Insert:
    if len(table.primary_key) != 1:
        return question
    name = table.primary_key[0]
    if table.by_name[name].type.kind is not Kind.UUID or all(row.get(name) is not None for row in question.rows):
        return question
    return replace(
        question, rows=[row if row.get(name) is not None else {**row, name: uuid4()} for row in question.rows]
    )


def _plan_insert(question: Insert, table: Table) -> _Plan:
    keys = _values(question.rows, table.primary_key)
    return _Plan(table.primary_key if keys is not None else (), keys, several=len(question.rows) > 1)


def _plan_upsert(question: Upsert) -> _Plan:
    # A key that is no primary key finds the rows later; it never changes by an upsert that finds its rows by it.
    keys = _values(question.rows, question.target)
    return _Plan(question.target if keys is not None else (), keys, several=len(question.rows) > 1)


def _plan_change(where: Filter | None, table: Table, *, moves_keys: bool = False) -> _Plan:
    key = None if where is None else _pinned(where, table.primary_key)
    if key is None:
        return _Plan((), None, moves_keys=moves_keys, several=True)
    return _Plan(table.primary_key, [key], moves_keys=moves_keys)


def _values(rows: Sequence[Any], columns: tuple[str, ...]) -> list[tuple[Any, ...]] | None:
    keys = [tuple(row.get(name) for name in columns) for row in rows]
    return None if any(value is None for key in keys for value in key) else keys


def _pinned(where: Filter, columns: tuple[str, ...]) -> tuple[Any, ...] | None:
    """Return the one key that a filter can match, where it says so plainly."""
    members = where.members if isinstance(where, Group) and where.joint == "and" else (where,)
    equal = {
        part.column: part.value for part in members if isinstance(part, Comparison) and part.operator is Operator.EQ
    }
    return tuple(equal[name] for name in columns) if all(name in equal for name in columns) else None


def _texts(table: Table, plan: _Plan) -> tuple[str, ...] | None:
    """Write the keys that are known; None where a value is not of its column's type, and only the store can tell."""
    if plan.keys is None:
        return None
    found_by = _keyed_by(table, plan.columns)
    try:
        return tuple(dict.fromkeys(encode_key(found_by, key) for key in plan.keys))
    except InvalidValueError:
        return None


def _marks(table: Table, rows: Sequence[Row]) -> list[str]:
    return [encode_key(table, key_of(table, row)) for row in rows]
