"""How rows are written, changed and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from datalayer.errors import NotNullViolationError, StoreError, UnsupportedOperationError
from datalayer.query import Delete, Filter, Group, Insert, Row, Select, Update, Upsert, Written, where_equal
from datalayer.stores.catalog import Table
from datalayer.stores.duplicates import distinct
from datalayer.stores.supabase import filters, reads
from datalayer.stores.supabase.chunks import Chunk, insert_chunks, upsert_chunks
from datalayer.stores.supabase.errors import STORE, Call
from datalayer.stores.supabase.exchange import Exchange, decoded, total
from datalayer.stores.supabase.splitting import lead_with
from datalayer.stores.supabase.transport import Deadline, Request

_KEYS_AT_ONCE = 20


class Writer:
    """One write of one table: what stays the same over its requests."""

    def __init__(self, exchange: Exchange, call: Call, table: Table, deadline: Deadline, *, returning: bool) -> None:
        self._exchange = exchange
        self._call = call
        self._asking = replace(call, writes=False)
        self._table = table
        self._deadline = deadline
        self._returning = returning
        self._requests = exchange.requests(table)

    async def insert(self, question: Insert) -> Written:
        """Insert all rows; one request, and so all or nothing, unless the batch is too large for one."""
        stored: list[Row] = []
        for chunk in insert_chunks(question.rows, self._table):
            request = self._requests.insert(chunk.rows, chunk.columns, returning=self._returning)
            stored += await self._write_rows(request, len(chunk.rows))
        return Written(len(question.rows), stored, None if self._returning else len(question.rows))

    async def upsert(self, question: Upsert) -> Written:
        """Insert or update rows; one request per set of columns."""
        batch = distinct(question)
        stored: dict[int, Row] = {}
        for chunk in upsert_chunks(batch.rows):
            written = await self._upsert_chunk(chunk, question.target)
            stored.update(zip(chunk.places, written, strict=self._returning))
        if not self._returning:
            return Written(len(batch.rows), [])
        return Written(len(batch.rows), batch.as_given([stored[place] for place in range(len(batch.rows))]))

    async def update(self, question: Update) -> Written:
        """Change matching rows; a filter too long for one URL is worked off in several requests."""
        where = lead_with(question.where, dict(question.changes))
        if where is not None and self._hides_its_result(where, question.changes):
            return await self._update_hidden(question, where)
        return await self._change(
            [
                self._requests.update(question.changes, part, returning=self._returning)
                for part in self._exchange.parts(where, self._table)
            ]
        )

    async def delete(self, question: Delete) -> Written:
        """Remove matching rows; a filter too long for one URL is worked off in several requests."""
        parts = self._exchange.parts(question.where, self._table)
        return await self._change([self._requests.delete(part, returning=self._returning) for part in parts])

    def _hides_its_result(self, where: Filter, changes: Mapping[str, Any]) -> bool:
        """Whether rows may stop matching by being changed, under a filter that PostgREST also lays on its answer."""
        changed = set(changes) & set(where.columns())
        return bool(changed) and filters.column_parameters(where, self._table) is None

    async def _update_hidden(self, question: Update, where: Filter) -> Written:
        """Find the keys first, change, read back: the change's own answer would leave out its rows."""
        key = self._table.primary_key
        if not key:
            raise UnsupportedOperationError(
                STORE,
                "an update by or/not over a column that it changes, on a table without a primary key",
                "ask with a plain conjunction, or use the PostgreSQL store",
            )
        asked = Select(self._table.name, where, columns=key)
        found = await reads.select(self._exchange, asked, self._asking, self._table, self._deadline)
        for part in self._exchange.parts(where, self._table):
            request = self._requests.update(question.changes, part, returning=False)
            await self._exchange.transport.send(request, self._call, self._deadline)
        if not self._returning:
            return Written(len(found), [])
        stored: list[Row] = []
        for start in range(0, len(found), _KEYS_AT_ONCE):
            some = Group("or", tuple(where_equal(**row) for row in found[start : start + _KEYS_AT_ONCE]))
            back = Select(self._table.name, some)
            stored += await reads.select(self._exchange, back, self._asking, self._table, self._deadline)
        return Written(len(found), stored)

    async def _change(self, requests: Sequence[Request]) -> Written:
        count, rows = 0, list[Row]()
        for request in requests:
            response = await self._exchange.transport.send(request, self._call, self._deadline)
            count += total(response)
            if self._returning:
                rows += decoded(response, self._table, self._call)
        return Written(count, rows)

    async def _upsert_chunk(self, chunk: Chunk, target: tuple[str, ...]) -> list[Row]:
        request = self._requests.upsert(chunk.rows, chunk.columns, target, returning=self._returning)
        try:
            return await self._write_rows(request, len(chunk.rows))
        except NotNullViolationError as error:
            if not error.columns or set(error.columns) <= set(chunk.columns):
                raise
            return await self._update_stored(chunk.rows, target, error)

    async def _update_stored(
        self, rows: Sequence[Mapping[str, Any]], target: tuple[str, ...], error: NotNullViolationError
    ) -> list[Row]:
        """Update rows that lack a required column: INSERT checks it before it looks for a conflict.

        Nothing is written when a row is new, since it cannot be made without the column.
        """
        keys = [where_equal(**{name: row[name] for name in target}) for row in rows]
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            found = await reads.count(
                self._exchange, Group("or", tuple(some)), self._asking, self._table, self._deadline
            )
            if found < len(some):
                raise error
        stored: list[Row] = []
        for row, key in zip(rows, keys, strict=True):
            stored += await self._update_one({n: v for n, v in row.items() if n not in target}, key)
        return stored

    async def _update_one(self, changes: Mapping[str, Any], key: Filter) -> list[Row]:
        if changes:
            return (await self._change([self._requests.update(changes, key, returning=self._returning)])).rows
        if not self._returning:
            return []
        question = Select(self._table.name, key)
        return await reads.select(self._exchange, question, self._asking, self._table, self._deadline)

    async def _write_rows(self, request: Request, sent: int) -> list[Row]:
        """Send rows; they come back in the order they went in, since the server writes and returns them one by one."""
        response = await self._exchange.transport.send(request, self._call, self._deadline)
        count = total(response)
        rows = decoded(response, self._table, self._call) if self._returning else []
        if count != sent or (self._returning and len(rows) != sent):
            raise StoreError(
                f"{count} of {sent} rows were written; a trigger or rule on the table withholds rows",
                store=STORE,
                operation=self._call.operation,
                table=self._table.name,
            )
        return rows
