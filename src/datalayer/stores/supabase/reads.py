"""How a question is read to its end, also when its filter is longer than a URL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from datalayer.query import Filter, Row, Select
from datalayer.stores.catalog import Table
from datalayer.stores.supabase.errors import Call
from datalayer.stores.supabase.exchange import Exchange, total
from datalayer.stores.supabase.splitting import sort_rows
from datalayer.stores.supabase.transport import Deadline


async def select(exchange: Exchange, question: Select, call: Call, table: Table, deadline: Deadline) -> list[Row]:
    """Return the rows that match."""
    if question.limit == 0:
        return []
    parts = exchange.parts(question.where, table)
    if len(parts) == 1:
        return await _collected(exchange, question, call, table, deadline)
    return await _select_in_parts(exchange, question, parts, call, table, deadline)


async def count(exchange: Exchange, where: Filter | None, call: Call, table: Table, deadline: Deadline) -> int:
    """Return how many rows match."""
    requests = exchange.requests(table)
    counted = 0
    for part in exchange.parts(where, table):
        counted += total(await exchange.transport.send(requests.count(part), call, deadline))
    return counted


async def stream(
    exchange: Exchange, question: Select, call: Call, table: Table, chunk_rows: int
) -> AsyncIterator[list[Row]]:
    """Yield the rows that match, page by page; a long in-list with an order is sorted here and so held in memory."""
    if question.limit == 0:
        return
    parts = exchange.parts(question.where, table)
    if len(parts) == 1:
        async for page in exchange.pages(question, call, table, deadline=None, page_rows=chunk_rows):
            yield page
    elif question.order or question.limit is not None or question.offset:
        yield await _select_in_parts(exchange, question, parts, call, table, None)
    else:
        for part in parts:
            whole = replace(question, where=part)
            async for page in exchange.pages(whole, call, table, deadline=None, page_rows=chunk_rows):
                yield page


async def _collected(
    exchange: Exchange, question: Select, call: Call, table: Table, deadline: Deadline | None
) -> list[Row]:
    return [row async for page in exchange.pages(question, call, table, deadline=deadline) for row in page]


async def _select_in_parts(
    exchange: Exchange,
    question: Select,
    parts: list[Filter | None],
    call: Call,
    table: Table,
    deadline: Deadline | None,
) -> list[Row]:
    """Ask part by part and make one answer: sorted here, text by code point, then cut."""
    wanted = question.columns or tuple(column.name for column in table.columns)
    sorted_by = tuple(part.column for part in question.order)
    needed = None if question.limit is None else question.offset + question.limit
    rows: list[Row] = []
    for part in parts:
        asked = replace(
            question, where=part, columns=tuple(dict.fromkeys((*wanted, *sorted_by))), limit=needed, offset=0
        )
        rows += await _collected(exchange, asked, call, table, deadline)
        if needed is not None and not question.order and len(rows) >= needed:
            break
    sort_rows(rows, question.order)
    rows = rows[question.offset : needed]
    return rows if set(sorted_by) <= set(wanted) else [{name: row[name] for name in wanted} for row in rows]
