"""A source table's rows, each value checked and turned into the target column's kind, in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from datalayer.errors import StoreError, TransferError, UnfitValueError
from datalayer.query import Filter, Row, Select, asc
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Session
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.patience import after, over_rest, select

#: Rows in memory at a time, on the way out of the source and on the way into the target.
CHUNK_ROWS = 1000


async def fitting_rows(source: Session, pair: TablePair) -> AsyncGenerator[Row, None]:
    """Yield the rows of the source table as rows for the target.

    Raises:
        TransferError: a value does not fit; says table, column and key, never the value.
    """
    fits = [(c.source.name, fit(c.source, c.target)) for c in pair.columns]
    number = 0
    async for row in source_rows(source, pair):
        number += 1
        fitted: Row = {}
        for name, apply in fits:
            try:
                fitted[name] = apply(row[name])
            except MisfitError as misfit:
                key = pair.key or pair.source.primary_key
                raise _misfit(pair, name, str(misfit), _row_name(key, row, number)) from None
        yield fitted


async def source_rows(
    source: Session, pair: TablePair, *, where: Filter | None = None, probe: Session | None = None
) -> AsyncGenerator[Row, None]:
    """Stream the shared columns of a table.

    Args:
        where: which rows; None for all.
        probe: is asked for the row that cannot be read, where the source is a transaction that this spoils.

    Raises:
        TransferError: a stored value is not of its column's type, which SQLite allows; names table, column and key.
    """
    question = Select(pair.name, where, columns=pair.column_names)
    if over_rest(source):
        stream: AsyncIterator[Row] = _pages(source, pair.source, question)
    else:
        stream = source.stream(question, chunk_rows=CHUNK_ROWS)
    try:
        async for row in stream:
            yield row
    except UnfitValueError as error:
        if not error.columns:
            raise TransferError(f"{pair.name} cannot be read: {error}", table=pair.name) from error
        unreadable = await _unreadable_row(probe or source, pair, error.columns[0])
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


def _row_name(key: tuple[str, ...], row: Row, number: int) -> str:
    """Name a row by its key, or by its place in the source where it has none."""
    named = ", ".join(f"{name}={row[name]}" for name in key if name in row)
    return named or f"row {number} (as read)"


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
        return f"row {first + 1} (as read)"
    found = await source.select(Select(pair.name, columns=key, order=order, offset=first, limit=1))
    return _row_name(key, found[0], first + 1)
