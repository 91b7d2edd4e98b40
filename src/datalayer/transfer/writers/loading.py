"""Parts into PostgreSQL: several at a time, each in one transaction together with the word that it is written.

Tables that the target's own foreign keys tie to each other go level by level, parents first. Those in a circle, or with
a reference to themselves, are one transaction: their rows refer to rows of other parts. So is a table without a key
that has rows already: only all rows of the source together tell which of them lack.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import AsyncConnection

from datalayer.errors import DataLayerError
from datalayer.query import Row
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sql_names import quote
from datalayer.transfer.naming import key_text
from datalayer.transfer.ordering import dependency_groups
from datalayer.transfer.pace import Pace
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Done, Part, Reader, Strand
from datalayer.transfer.readers.postgres import PostgresReader
from datalayer.transfer.writers import keyless, progress
from datalayer.transfer.writers.constraints import checked_at_the_end, has_triggers, without_triggers
from datalayer.transfer.writers.copy_in import copy_blocks, copy_bytes, merge
from datalayer.transfer.writers.failures import failed_line, failure
from datalayer.transfer.writers.piping import Wire, can_pipe, wire
from datalayer.transfer.writers.transactions import plain_transaction


@dataclass(slots=True)
class TableState:
    """A table while it is loaded.

    Args:
        into_empty: nothing but this copy's own rows is there, so that rows need no comparing.
        alone: held by the one part that is being written, where switching triggers off locks the table.
    """

    pair: TablePair
    layout: str
    done: Done
    into_empty: bool
    wire: Wire | None = None
    alone: asyncio.Lock | None = field(default=None)

    @property
    def is_whole(self) -> bool:
        """Whether only all rows together can be told from those that are there: without a key they are counted."""
        return not (self.into_empty or self.pair.key)


class PartLoader:
    """Loads the tables of one copy. ``written`` counts rows of committed parts, by table."""

    def __init__(self, store: PostgresStore, reader: Reader, pace: Pace, written: dict[str, int]) -> None:
        self._store = store
        self._reader = reader
        self._pace = pace
        self._written = written

    async def load(self, states: Sequence[TableState], jobs: int) -> None:
        """Write all parts that are not written, ``jobs`` at a time."""
        by_name = {state.pair.name: state for state in states}
        for state in states:
            await self._prepare(state)
        for level in _levels([state.pair for state in states]):
            strands: list[tuple[list[TableState], Strand | None]] = []
            for names in level:
                group = [by_name[name] for name in names]
                if _is_tied(group) or any(state.is_whole for state in group):
                    strands.append((group, None))
                else:
                    strands += [(group, s) for s in self._strands(group[0])]
            await self._run(strands, jobs)

    async def _prepare(self, state: TableState) -> None:
        """Choose how the rows travel."""
        async with self._store.connection() as target:
            if await has_triggers(target, state.pair.name):
                state.alone = asyncio.Lock()
            if isinstance(self._reader, PostgresReader) and can_pipe(state.pair):
                async with self._reader.connection() as source:
                    state.wire = await wire(source, target, state.pair)

    def _strands(self, state: TableState) -> Sequence[Strand]:
        return self._reader.strands(state.pair, state.layout, state.done)

    async def _run(self, strands: list[tuple[list[TableState], Strand | None]], jobs: int) -> None:
        waiting = iter(strands)

        async def work() -> None:
            for group, strand in waiting:
                if strand is None:
                    await self._write_tied(group)
                else:
                    async for part in strand():
                        await self._write(group[0], part)

        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(jobs, len(strands))):
                    workers.create_task(_ending_at_once(work()))
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _write(self, state: TableState, part: Part) -> None:
        """Write a part; where somebody has put rows with its keys there meanwhile, over what is there."""
        async with AsyncExitStack() as stack:
            if state.alone is not None:
                await stack.enter_async_context(state.alone)
            passed = [0]
            try:
                try:
                    await self._attempt(state, part, passed, over=not state.into_empty)
                except psycopg.errors.UniqueViolation:
                    if not (state.into_empty and state.pair.key):
                        raise
                    self._take_back(state, passed)
                    await self._attempt(state, part, passed, over=True)
            except psycopg.Error as error:
                self._take_back(state, passed)
                raise await _named(error, state, part) from None
            except BaseException:
                self._take_back(state, passed)
                raise

    def _take_back(self, state: TableState, passed: list[int]) -> None:
        self._pace.count(state.pair.name, -passed[0])
        passed[0] = 0

    async def _attempt(self, state: TableState, part: Part, passed: list[int], *, over: bool) -> None:
        name = state.pair.name
        async with plain_transaction(self._store) as connection, without_triggers(connection, [name]):
            rows = await self._write_inside(connection, state, part, passed, None if over else quote(name))
        self._count(name, rows, passed[0])

    def _count(self, table: str, rows: int, passed: int) -> None:
        self._written[table] = self._written.get(table, 0) + rows
        self._pace.count(table, rows - passed)

    async def _write_inside(
        self, connection: AsyncConnection[Row], state: TableState, part: Part, passed: list[int], into: str | None
    ) -> int:
        """Write a part into a table, or, where none is given, over what is there under the same keys."""
        pair = state.pair
        if not await progress.claim(connection, pair.name, part.number, part.end):
            return 0

        async def send(into: str) -> int:
            return await self._send(connection, into, state, part, passed)

        rows = await merge(connection, pair, send) if into is None else await send(into)
        await progress.count(connection, pair.name, part.number, rows)
        return rows

    async def _send(
        self, connection: AsyncConnection[Row], into: str, state: TableState, part: Part, passed: list[int]
    ) -> int:
        async def went(rows: int) -> None:
            passed[0] += rows
            await self._pace.passed(state.pair.name, rows)

        if state.wire is not None and isinstance(self._reader, PostgresReader):
            binary = state.wire == "binary"
            blocks = self._reader.blocks(state.pair, part, binary=binary, most_rows=self._pace.most_at_once)
            return await copy_bytes(connection, into, state.pair, blocks, went, binary=binary)
        if part.lines is not None:
            return await copy_bytes(connection, into, state.pair, part.lines(), went, binary=False)
        return await copy_blocks(connection, into, state.pair, part.rows(), went)

    async def _write_tied(self, group: Sequence[TableState]) -> None:
        """Write tables whose rows refer to each other, or have to be counted, in one transaction."""
        names = [state.pair.name for state in group]
        counted: list[tuple[str, int, int]] = []
        try:
            async with (
                plain_transaction(self._store) as connection,
                without_triggers(connection, names),
                checked_at_the_end(connection, names, in_one_statement=False),
            ):
                for state in group:
                    into = quote(state.pair.name) if state.into_empty else None
                    if state.is_whole:
                        into = await keyless.begin(connection, state.pair)
                    async for part in self._parts(state):
                        passed = [0]
                        try:
                            rows = await self._write_inside(connection, state, part, passed, into)
                        except psycopg.Error as error:
                            raise await _named(error, state, part) from None
                        counted.append((state.pair.name, rows, passed[0]))
                    if state.is_whole:
                        await keyless.add_lacking(connection, state.pair)
        except psycopg.Error as error:
            raise failure(error, error.diag.table_name or names[-1]) from None
        for name, rows, passed_rows in counted:
            self._count(name, rows, passed_rows)

    async def _parts(self, state: TableState) -> AsyncIterator[Part]:
        for strand in self._strands(state):
            async for part in strand():
                yield part


async def _ending_at_once(work: Coroutine[Any, Any, None]) -> None:
    """Have work that is cancelled end as cancelled, and not with the error of a statement that was given up for it."""
    try:
        await work
    except Exception:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise


def _levels(pairs: Sequence[TablePair]) -> list[list[tuple[str, ...]]]:
    """Return groups of tables by level: a level refers only to those before it, in the target as it is."""
    groups = dependency_groups({pair.name: pair.target for pair in pairs})
    level_of: dict[str, int] = {}
    levels: list[list[tuple[str, ...]]] = []
    for group in groups:
        parents = {key.target_table for table in group for key in table.foreign_keys}
        level = 1 + max((level_of[name] for name in parents if name in level_of), default=-1)
        level_of |= {table.name: level for table in group}
        levels += [[] for _ in range(level + 1 - len(levels))]
        levels[level].append(tuple(table.name for table in group))
    return levels


def _is_tied(group: Sequence[TableState]) -> bool:
    """Whether rows refer to rows of the same group."""
    names = {state.pair.name for state in group}
    return any(key.target_table in names for state in group for key in state.pair.target.foreign_keys)


async def _named(error: psycopg.Error, state: TableState, part: Part) -> DataLayerError:
    """Return the error of a part, with the key of the row that it is about where the server tells its place."""
    line = failed_line(error)
    return failure(error, state.pair.name, None if line is None else await _row_name(state.pair, part, line))


async def _row_name(pair: TablePair, part: Part, line: int) -> str:
    """Read the part again, up to the row that was refused, and name it by its key."""
    places = [pair.column_names.index(name) for name in pair.key]
    async with aclosing(part.rows()) as blocks:
        async for block in blocks:
            if line <= len(block):
                row = block[line - 1]
                return key_text({pair.column_names[place]: row[place] for place in places}) or "a row without a key"
            line -= len(block)
    return "a row that could not be found again"
