"""A repository: one table's questions and writes, in the vocabulary of its model."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from datalayer.errors import UnsupportedOperationError
from datalayer.models.writing import GivenRow, writer_of
from datalayer.query import Delete, Duplicates, Filter, Insert, Row, Update, Upsert, Written
from datalayer.repositories.ahead import PART_ROWS, made_ahead
from datalayer.repositories.arguments import (
    MAX_BATCH_ROWS,
    SYNC_BATCH_ROWS,
    batch_of,
    check_rows,
    check_whole,
)
from datalayer.repositories.questions import joined
from datalayer.repositories.reads import ReadRepository, RowT
from datalayer.stores.checks import check_policy
from datalayer.stores.contract import Session
from datalayer.stores.duplicates import KeysSeen


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a ``sync_many`` did: rows given, batches sent, seconds for all of it.

    Args:
        inserted: how many rows were new; None where the store cannot tell (Supabase, partitioned tables).
        updated: how many were there already, from an earlier batch maybe; None likewise.
    """

    rows: int
    batches: int
    duration_seconds: float
    inserted: int | None = None
    updated: int | None = None


class BaseRepository(ReadRepository[RowT]):
    """Reads and writes one table.

        class NoteRepository(BaseRepository[Note]):
            model = Note
            table = "notes"
            key = ("author", "title")

    A row to be written is a model, of which the fields that were set count, or a mapping from column to value. It is
    checked against the model before anything is sent: types, the rules marked :class:`~datalayer.models.OnWrite`, and
    names of columns.
    """

    #: Columns that an upsert sets to the present, whatever the row says.
    stamps: tuple[str, ...] = ()
    #: Columns that every upserted row must have, beside the conflict target.
    required: tuple[str, ...] = ()

    async def insert(self, row: GivenRow, *, timeout: float | None = None) -> RowT:
        """Write a new row and return it as stored.

        Raises:
            InvalidValueError: the row breaks a rule; says which field.
            UniqueViolationError: its key exists.
        """
        checked = writer_of(self.model).check(row, self._context)
        written = await self._session.insert(Insert(self.table, [checked]), timeout=timeout)
        return self._one(written.rows[0], "insert")

    async def insert_many(self, rows: Iterable[GivenRow], *, timeout: float | None = None) -> builtins.list[RowT]:
        """Write 1 to 500 new rows and return them as stored, in the order given.

        All are written or none; over Supabase that holds for the rows with the same columns.

        Raises:
            BatchItemError: rows break rules; names every index and field.
        """
        written = await self._session.insert(Insert(self.table, self._batch(rows)), timeout=timeout)
        return self._many(written.rows, "insert")

    async def upsert(
        self, row: GivenRow, *, target: tuple[str, ...] | None = None, timeout: float | None = None
    ) -> RowT:
        """Write a row by the natural key and return it as stored; a column absent from it keeps its value.

        Args:
            target: another conflict target than the natural key.

        Raises:
            InvalidValueError: the row breaks a rule or lacks a column of the target; says which field.
        """
        conflict_target = target or self.key
        checked = writer_of(self.model).check(
            row, self._context, required=(*conflict_target, *self.required), stamps=self._present()
        )
        written = await self._session.upsert(Upsert(self.table, [checked], conflict_target), timeout=timeout)
        return self._one(written.rows[0], "upsert")

    async def upsert_many(
        self,
        rows: Iterable[GivenRow],
        *,
        target: tuple[str, ...] | None = None,
        duplicates: Duplicates = "last",
        timeout: float | None = None,
    ) -> builtins.list[RowT]:
        """Write 1 to 500 rows by the natural key and return them as stored, in the order given.

        Columns may differ from row to row; a column absent from a row keeps its value.

        Args:
            duplicates: of several rows with one key, "last" lays the later ones over the earlier, "first" leaves the
                later ones out, "error" refuses the batch. As many rows come back as were given.

        Raises:
            BatchItemError: rows break rules; names every index and field, and nothing was written.
            RepeatedKeyError: rows have the same key, and ``duplicates`` is "error"; names the indexes.
        """
        conflict_target = target or self.key
        batch = self._batch(rows, required=(*conflict_target, *self.required), stamps=self._present())
        question = Upsert(self.table, batch, conflict_target, duplicates=duplicates)
        written = await self._session.upsert(question, timeout=timeout)
        return self._many(written.rows, "upsert")

    async def sync_many(
        self,
        rows: Iterable[GivenRow],
        *,
        target: tuple[str, ...] | None = None,
        duplicates: Duplicates = "last",
        batch_rows: int = SYNC_BATCH_ROWS,
        timeout: float | None = None,
    ) -> SyncReport:
        """Write any number of rows by the natural key, in one transaction where the store has them.

        On a store without transactions every row is checked before the first is written; should that store fail half
        way, earlier batches stay, and the same call may be made again.

        Args:
            rows: taken as they come, so that a generator of millions needs no memory for them.
            duplicates: as for :meth:`upsert_many`; "first" and "error" keep every key in memory.
            timeout: seconds for each batch.

        Raises:
            BatchItemError: rows break rules; names every index and field, and nothing was written.
            RepeatedKeyError: rows have the same key, and ``duplicates`` is "error"; nothing was written.
        """
        check_rows(rows)
        check_whole("batch_rows", batch_rows, least=1)
        check_policy(duplicates)
        started = perf_counter()
        conflict_target = target or self.key
        parts = writer_of(self.model).check_batches(
            rows,
            self._context,
            batch_rows=min(batch_rows, PART_ROWS),
            required=(*conflict_target, *self.required),
            stamps=self._present(),
        )
        seen = KeysSeen(conflict_target, duplicates)
        written: builtins.list[Written] = []
        row_counts: builtins.list[int] = []

        async def write(session: Session, batch: builtins.list[Row]) -> None:
            if not batch:
                return
            question = Upsert(self.table, batch, conflict_target, returning=False, duplicates=duplicates)
            written.append(await session.upsert(question, timeout=timeout))
            row_counts.append(len(batch))

        async with aclosing(made_ahead(seen.once(parts), batch_rows)) as batches:
            first: builtins.list[Row] = await anext(batches, [])
            try:
                async with self._session.transaction(timeout=timeout) as session:
                    await write(session, first)
                    async for batch in batches:
                        await write(session, batch)
            except UnsupportedOperationError:
                # A transaction over several stores knows only with its first question whether that store has any.
                if row_counts:
                    raise
                for batch in [first, *[batch async for batch in batches]]:
                    await write(self._session, batch)
        inserted, updated = _counts(written)
        duration = perf_counter() - started
        return SyncReport(sum(row_counts) + seen.left_out, len(written), duration, inserted, updated)

    async def update(
        self,
        changes: GivenRow,
        where: Filter | None = None,
        *,
        every_row: bool = False,
        timeout: float | None = None,
        **equal: Any,
    ) -> int:
        """Change the rows that match and return how many; refused without a filter unless ``every_row``."""
        question = Update(self.table, self._changes(changes), joined(where, equal), every_row)
        return (await self._session.update(question, timeout=timeout)).count

    async def update_returning(
        self,
        changes: GivenRow,
        where: Filter | None = None,
        *,
        every_row: bool = False,
        timeout: float | None = None,
        **equal: Any,
    ) -> builtins.list[RowT]:
        """Change the rows that match and return them as stored."""
        question = Update(self.table, self._changes(changes), joined(where, equal), every_row, returning=True)
        return self._many((await self._session.update(question, timeout=timeout)).rows, "update")

    async def delete(
        self,
        where: Filter | None = None,
        *,
        every_row: bool = False,
        timeout: float | None = None,
        **equal: Any,
    ) -> int:
        """Delete the rows that match and return how many; refused without a filter unless ``every_row``."""
        question = Delete(self.table, joined(where, equal), every_row)
        return (await self._session.delete(question, timeout=timeout)).count

    def _changes(self, changes: GivenRow) -> Row:
        return writer_of(self.model).check(changes, self._context)

    def _batch(
        self, rows: Iterable[GivenRow], *, required: tuple[str, ...] = (), stamps: Row | None = None
    ) -> builtins.list[Row]:
        batches = writer_of(self.model).check_batches(
            batch_of(rows), self._context, batch_rows=MAX_BATCH_ROWS, required=required, stamps=stamps
        )
        return [row for batch in batches for row in batch]

    def _present(self) -> Row:
        return dict.fromkeys(self.stamps, self._clock()) if self.stamps else {}


def _counts(written: Iterable[Written]) -> tuple[int | None, int | None]:
    """Add up the rows inserted and updated; None where a write could not tell."""
    inserted = updated = 0
    for batch in written:
        if batch.inserted is None:
            return None, None
        inserted += batch.inserted
        updated += batch.count - batch.inserted
    return inserted, updated
