"""A table's rows out of any store, in bounded memory; a value that cannot be read is named, or kept as what it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from datalayer.errors import StoreError, TransferError, UnfitValueError
from datalayer.query import Filter, Row, Select, asc
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Session
from datalayer.stores.sqlite.session import SqliteSession
from datalayer.transfer.naming import row_name
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.fitting_blocks import BlockFitter
from datalayer.transfer.readers.patience import after, over_rest, select
from datalayer.transfer.readers.sqlite import SqliteReader, decoded
from datalayer.transfer.unreadable import UNREADABLE

#: Rows in memory at a time, on the way out of the source and on the way into the target.
CHUNK_ROWS = 1000


async def source_rows(
    source: Session, pair: TablePair, *, where: Filter | None = None, keep_unreadable: bool = False
) -> AsyncGenerator[Row, None]:
    """Stream the shared columns of a table.

    Args:
        where: which rows, None for all; SQLite gives all.
        keep_unreadable: a value stored against its column's type, which SQLite allows, comes as ``Unreadable``.

    Raises:
        TransferError: a value cannot be read; names table, column and key.
    """
    if isinstance(source, SqliteSession):
        rows: AsyncGenerator[Row, None] = _stored(source, pair, keep_unreadable=keep_unreadable)
    else:
        rows = _selected(source, pair, where)
    async with aclosing(rows):
        async for row in rows:
            yield row


async def _stored(source: SqliteSession, pair: TablePair, *, keep_unreadable: bool) -> AsyncGenerator[Row, None]:
    reader, names = SqliteReader(source), pair.column_names
    async with reader.reading():
        fitter = BlockFitter(pair, conversions=reader.readings(pair, keep_unreadable=keep_unreadable))
        reads = reader.decoders(pair)
        async with aclosing(reader.pages(pair.name, fitter.columns)) as pages:
            async for page in pages:
                try:
                    rows = [decoded(row, reads) for row in page]
                except UNREADABLE:
                    rows = fitter.fitted(page)
                else:
                    fitter.skipped(len(page))
                for values in rows:
                    yield dict(zip(names, values, strict=False))


async def _selected(source: Session, pair: TablePair, where: Filter | None) -> AsyncGenerator[Row, None]:
    question = Select(pair.name, where, columns=pair.column_names)
    if over_rest(source):
        stream: AsyncIterator[Row] = _pages(source, pair.source, question)
    else:
        stream = source.stream(question, chunk_rows=CHUNK_ROWS)
    try:
        async for row in stream:
            yield row
    except UnfitValueError as error:
        if not (error.columns and over_rest(source)):
            raise TransferError(f"{pair.name} cannot be read: {error}", table=pair.name) from error
        unreadable = await _unreadable_row(source, pair, error.columns[0])
        raise _misfit(pair, error.columns[0], f"cannot be read: {error.message}", unreadable) from error
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


async def _pages(source: Session, table: Table, question: Select) -> AsyncGenerator[Row, None]:
    """Read over REST as a copy does: by key, and with patience for a gateway that has a bad moment."""
    key = table.primary_key
    wanted = tuple(dict.fromkeys((*(question.columns or ()), *key)))
    paged = replace(question, columns=wanted, order=tuple(map(asc, key)), limit=CHUNK_ROWS)
    page: list[Row] | None = None
    while page is None or page:
        page = await select(source, paged)
        for row in page:
            yield row
        if page and key:
            beyond = after(key, [page[-1][name] for name in key])
            paged = replace(
                paged, where=beyond if question.where is None or beyond is None else question.where & beyond
            )
        else:
            paged = replace(paged, offset=paged.offset + len(page))


def _misfit(pair: TablePair, column: str, rule: str, where: str) -> TransferError:
    return TransferError(
        f"{pair.name}.{column} {rule}, at {where}; repair the row or change the column, then start again",
        table=pair.name,
    )


async def _unreadable_row(source: Session, pair: TablePair, column: str) -> str:
    """Find the first row whose value the store cannot read: page by page, then by halves."""
    key = tuple(name for name in pair.source.primary_key if name != column)
    order = tuple(asc(name) for name in key)

    async def unreadable(offset: int, limit: int) -> bool | None:
        try:
            question = Select(pair.name, columns=(column,), order=order, offset=offset, limit=limit)
            return None if not await source.select(question) else False
        except StoreError:
            return True

    first, size = 0, CHUNK_ROWS
    while (answer := await unreadable(first, size)) is False:
        first += size
    if answer is None:
        return "a row that could not be found again"
    while size > 1:
        half = size // 2
        if await unreadable(first, half):
            size = half
        else:
            first, size = first + half, size - half
    if not key:
        return row_name((), {}, first + 1)
    found = await source.select(Select(pair.name, columns=key, order=order, offset=first, limit=1))
    return row_name(key, found[0], first + 1)
