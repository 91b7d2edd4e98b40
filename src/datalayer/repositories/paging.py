"""Every row of a question, page by page, each page after the last row of the one before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from datalayer.errors import DataLayerError
from datalayer.query import Group, Row, Select
from datalayer.query.keyset import after_row

Ask: TypeAlias = Callable[[Select], Awaitable[list[Row]]]


async def pages(ask: Ask, first: Select, page_rows: int, *, ahead: bool) -> AsyncGenerator[list[Row]]:
    """Yield pages of at most so many rows; close the generator when leaving early.

    Args:
        first: the question, in a complete order.
        ahead: from the second page on, ask for the next one while the present one is used.
    """
    question = replace(first, limit=page_rows)
    rows = await ask(question)
    while len(rows) == page_rows:
        after = after_row(first.order, rows[-1])
        continued = question.where is not first.where
        question = replace(question, where=after if first.where is None else Group("and", (first.where, after)))
        if ahead and continued:
            following = await _begun(ask, question)
            try:
                yield rows
                found = await following
            finally:
                await _end(following)
            rows = await ask(question) if found is None else found
        else:
            yield rows
            rows = await ask(question)
    if rows:
        yield rows


async def _begun(ask: Ask, question: Select) -> asyncio.Task[list[Row] | None]:
    """Ask in a task; when this returns, the question is on its way.

    A failure is no answer yet: a caller who holds the last connection must not hear of it. The page is asked for again
    when it is wanted.
    """

    async def asked() -> list[Row] | None:
        try:
            return await ask(question)
        except DataLayerError:
            return None

    task = asyncio.create_task(asked())
    await asyncio.sleep(0)
    return task


async def _end(task: asyncio.Task[list[Row] | None]) -> None:
    """Wait until a task that nobody waits for any more has let go of its connection."""
    task.cancel()
    await asyncio.wait({task})
