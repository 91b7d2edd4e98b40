"""Sync: what changed in the source since the last time, brought over by upserts; for the last minutes before a cutover.

    watermark in the target ──less the overlap──> rows at or above it, in order ──page by page──> upsert + new watermark

A page and the watermark that counts it are one transaction. Rows are found by a column that grows: when a row was
updated, or a key that counts up. Deletes leave no trace in such a column, so sync cannot see them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial
from time import perf_counter
from typing import Any, Final, TypeAlias

from datalayer.errors import RefusedError, SelectionError, TransferError
from datalayer.query import Filter, Row, Select, asc, col
from datalayer.stores.catalog import Catalog, Column, Kind, Table
from datalayer.stores.contract import Session, Store
from datalayer.stores.sqlite.by_value import ValueAsker
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.hidden_rows import hidden_rows
from datalayer.transfer.kept import noting_what_is_kept
from datalayer.transfer.odd_moments import OddMoment
from datalayer.transfer.ordering import dependency_groups
from datalayer.transfer.pairing import TablePair, obstacles, pair_for_copy
from datalayer.transfer.readers.exactly import exact_session, reading, value_session
from datalayer.transfer.readers.fitting_blocks import BlockFitter
from datalayer.transfer.readers.patience import after, patiently
from datalayer.transfer.reading import CHUNK_ROWS
from datalayer.transfer.reports import CatchUpReport, OnProgress, Progress, SyncedTable
from datalayer.transfer.selection import check_named, refuse_no_tables, selected
from datalayer.transfer.writers.catching_up import Sink, sink_for

#: A transaction may commit minutes after the time, or the number, that it wrote was taken.
DEFAULT_OVERLAP_SECONDS: Final = 300.0
DEFAULT_OVERLAP_NUMBERS: Final = 1000

#: Seconds for a statement that may have to look at a whole file.
_PATIENCE: Final = 3600.0

#: Lends a session for one page.
_Lend: TypeAlias = Callable[[], AbstractAsyncContextManager[Session]]

_MOMENTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_DELETES = "rows deleted in the source are not seen: a column of the row tells nothing about them; verify finds them"


async def sync(
    source: Store,
    target: Store,
    *,
    column: str,
    tables: Sequence[str] | None = None,
    since: str | None = None,
    overlap: float | None = None,
    on_progress: OnProgress | None = None,
) -> CatchUpReport:
    """Bring rows over whose ``column`` has reached the watermark of the last sync, less the overlap.

    Args:
        source: is only read.
        target: keeps the watermarks, unless it is Supabase: then the notes say what ``since`` is the next time. Tables
            have to be there, with a key.
        column: grows whenever a row is written: a time, a date or a whole number. Rows with NULL in it are not seen.
        tables: names; None for all that have the column.
        since: where to begin, instead of the stored watermark: an ISO date or time, or a number.
        overlap: seconds, or numbers, to look back behind the watermark; 300 and 1,000 by default.

    Raises:
        SelectionError: no table has the column, it does not grow, or ``since`` is no value of it.
        TransferError: a table cannot be synced, or a value does not fit.
    """
    started = perf_counter()
    if source is target:
        raise TransferError("source and target are the same store; name another one")
    from_catalog, to_catalog = await source.catalog(refresh=True), await target.catalog(refresh=True)
    check_named(tables, from_catalog)
    refuse_no_tables(selected(from_catalog, tables), "synced", source)
    pairs, notes = _pairs(from_catalog, to_catalog, column, tables)
    notes = [*hidden_rows(source, target), *notes]
    if since is not None:
        for pair in pairs:
            _check_since(pair.source.by_name[column], since)
    sink = await sink_for(target)
    written: dict[str, int] = {}
    with noting_what_is_kept(lambda: written, over_rest=target.name == "supabase", anew=since is not None):
        synced = [await _sync(source, sink, pair, column, since, overlap, written, on_progress) for pair in pairs]
    notes += filter(None, (_ahead(pair.source.by_name[column], done) for pair, done in zip(pairs, synced, strict=True)))
    if target.name == "supabase":
        notes += [_next_time(pair, column, done, overlap) for pair, done in zip(pairs, synced, strict=True)]
    return CatchUpReport(tuple(synced), (*notes, _DELETES), perf_counter() - started)


def _ahead(growing: Column, done: SyncedTable) -> str | None:
    """Warn of a watermark in the future, which hides what is written until then; a day is for clocks and zones."""
    if done.watermark is None or growing.type.kind in INTEGERS:
        return None
    try:
        newest = dt.datetime.fromisoformat(done.watermark)
    except ValueError:
        return None
    if newest.replace(tzinfo=newest.tzinfo or dt.UTC) < dt.datetime.now(dt.UTC) + dt.timedelta(days=1):
        return None
    return (
        f"{done.table}: the newest {growing.name} is in the future, {done.watermark}: the next syncs see no row written"
        " before then; repair it in the source, and sync with --since"
    )


def _next_time(pair: TablePair, column: str, done: SyncedTable, overlap: float | None) -> str:
    """Say where to begin the next sync of a table whose watermark cannot be kept."""
    place = _behind(pair.source.by_name[column], done.watermark, overlap)
    since = "" if place is None else f" --since '{place}'"
    return f"Supabase keeps no watermark: sync {done.table} the next time with --tables {done.table}{since}"


def _pairs(
    from_catalog: Catalog, to_catalog: Catalog, column: str, tables: Sequence[str] | None
) -> tuple[list[TablePair], list[str]]:
    """Return the tables to sync, parents first, and notes on those left out; refuse named ones that cannot be."""
    chosen: dict[str, Table] = {}
    notes: list[str] = []
    names, grows = sorted(selected(from_catalog, tables)), False
    if names and tables is None and not any(column in from_catalog.tables[name].by_name for name in names):
        raise SelectionError(f"no table has a column {column}; nothing was synced")
    for name in names:
        unfit = _unfit_column(from_catalog.tables[name], column)
        grows = grows or unfit is None
        reason = unfit or _hindrance(from_catalog.tables[name], to_catalog.tables.get(name))
        if reason is None:
            chosen[name] = from_catalog.tables[name]
        elif tables is not None:
            kind = RefusedError if unfit is None else SelectionError
            raise kind(f"{name} cannot be synced: {reason}", table=name)
        else:
            notes.append(f"{name} is left out: {reason}")
    if not chosen:
        kind = RefusedError if grows else SelectionError
        raise kind(f"no table can be synced by {column}: {'; '.join(notes)}")
    ordered = [table for group in dependency_groups(chosen) for table in group]
    return [pair_for_copy(table, to_catalog.tables[table.name]) for table in ordered], notes


def _unfit_column(table: Table, column: str) -> str | None:
    """Return why changed rows cannot be found by a column."""
    found = table.by_name.get(column)
    if found is None:
        return f"it has no column {column}"
    if found.type.array or not (found.type.kind in _MOMENTS | INTEGERS or found.type.kind is Kind.DATE):
        return f"{column} is {found.type.declared}, and has to be a time, a date or a whole number"
    return None


def _hindrance(table: Table, there: Table | None) -> str | None:
    """Return why rows cannot be brought into the target."""
    if there is None:
        return "the target does not have it; copy it first"
    if unfit := obstacles(table, there):
        return "; ".join(unfit)
    return None if pair_for_copy(table, there).key else "it has no key that both sides share"


async def _sync(
    source: Store,
    sink: Sink,
    pair: TablePair,
    column: str,
    since: str | None,
    overlap: float | None,
    written: dict[str, int],
    on_progress: OnProgress | None,
) -> SyncedTable:
    growing = pair.source.by_name[column]
    stored = await sink.watermark(pair.name, column)
    begin = _parsed(growing, since) if since is not None else _behind(growing, stored, overlap)
    rows, mark, shown = 0, stored, begin
    fitter = BlockFitter(pair)
    async with aclosing(_pages(source, pair, growing, begin, fitter.columns)) as pages:
        async for page in pages:
            if since is None and rows == 0 and growing.type.kind in INTEGERS:
                # The overlap may reach back to numbers that nothing ever had.
                shown = None if begin is None else max(begin, page[0][growing.name])
            mark = _later(growing, mark, page)
            block = fitter.fitted([[row[name] for name in fitter.columns] for row in page])
            await sink.write(pair, block, column, mark)
            rows += len(page)
            written[pair.name] = rows
            if on_progress is not None:
                on_progress(Progress(pair.name, rows, None))
    return SyncedTable(pair.name, rows, None if shown is None else str(shown), mark)


def _later(growing: Column, mark: str | None, page: Sequence[Row]) -> str | None:
    """Return how far a page comes; infinity, and what else is no value of Python, is found again the next time."""
    found = [row[growing.name] for row in page if type(row[growing.name]) is not OddMoment]
    if not found:
        return mark
    reached = str(found[-1])
    return reached if mark is None or _parsed(growing, reached) > _parsed(growing, mark) else mark


async def _pages(
    source: Store, pair: TablePair, growing: Column, begin: Any, columns: Sequence[str]
) -> AsyncGenerator[list[Row], None]:
    """Yield rows in the order of the column, ties by key; each page is asked again where that is safe."""
    key = tuple(dict.fromkeys((growing.name, *(pair.source.primary_key or pair.key))))
    wanted = tuple(dict.fromkeys((*columns, *key)))
    where: Filter | None
    lend: _Lend = partial(exact_session, source)
    if source.name == "sqlite":
        asker = ValueAsker(reading)
        lend = partial(value_session, source, asker)
        async with value_session(source, asker, timeout=_PATIENCE) as session:
            if not await session.compares_as_stored(pair.name, key):
                # No index has this order: all rows are put into it once, instead of once for each page.
                where = col(growing.name).is_not_null() if begin is None else col(growing.name).gte(begin)
                rows = session.stream(Select(pair.name, where, columns=wanted, order=tuple(map(asc, key))))
                async for page in _together(rows):
                    yield page
                return
    first = await _lowest(lend, pair, growing) if begin is None else begin
    where = None if first is None else col(growing.name).gte(first)
    last: tuple[Any, ...] | None = None
    while where is not None:
        question = Select(pair.name, where, columns=wanted, order=tuple(map(asc, key)), limit=CHUNK_ROWS)
        page = await _asked(lend, question)
        if not page:
            return
        _check_beyond(pair, key, last, page)
        yield page
        last = tuple(page[-1][name] for name in key)
        where = after(key, last)


async def _together(rows: AsyncIterator[Row]) -> AsyncGenerator[list[Row], None]:
    page: list[Row] = []
    async for row in rows:
        page.append(row)
        if len(page) == CHUNK_ROWS:
            yield page
            page = []
    if page:
        yield page


def _check_beyond(pair: TablePair, key: Sequence[str], last: tuple[Any, ...] | None, page: Sequence[Row]) -> None:
    """Refuse a page that ends where the one before did, or before it: the next would do so too, and so for ever."""
    if last is None:
        return
    name, reached = key[0], page[-1][key[0]]
    back = type(reached) is type(last[0]) and type(reached) is not OddMoment and reached < last[0]
    if back or tuple(page[-1][part] for part in key) == last:
        raise TransferError(
            f"{pair.name} cannot be synced: a page of {pair.name}.{name} does not go beyond the one before; its values"
            " are stored in several spellings, or were spelt anew meanwhile: sync again, or spell them all alike first",
            table=pair.name,
        )


async def _lowest(lend: _Lend, pair: TablePair, growing: Column) -> Any:
    """Return the column's smallest value, None where there is none."""
    name = growing.name
    question = Select(pair.name, col(name).is_not_null(), columns=(name,), order=(asc(name),), limit=1)
    found = await _asked(lend, question)
    return found[0][name] if found else None


async def _asked(lend: _Lend, question: Select) -> list[Row]:
    async def ask() -> list[Row]:
        async with lend() as session:
            return await session.select(question)

    return await patiently(ask)


def _behind(growing: Column, stored: str | None, overlap: float | None) -> Any:
    if stored is None:
        return None
    try:
        mark = _parsed(growing, stored)
    except ValueError:
        raise TransferError(
            f"the kept watermark is no value of {growing.name}, which is {growing.type.declared} now; say where to"
            " begin by --since"
        ) from None
    if growing.type.kind in INTEGERS:
        return mark - round(DEFAULT_OVERLAP_NUMBERS if overlap is None else overlap)
    try:
        back = dt.timedelta(seconds=DEFAULT_OVERLAP_SECONDS if overlap is None else overlap)
        return mark - (max(back, dt.timedelta(days=1)) if growing.type.kind is Kind.DATE else back)
    except OverflowError:
        return None  # before all times


def _check_since(growing: Column, since: str) -> None:
    try:
        _parsed(growing, since)
    except ValueError:
        form = "a whole number" if growing.type.kind in INTEGERS else "a date or time as 2024-01-31T10:00"
        raise SelectionError(
            f"--since is no value of {growing.name}, which is {growing.type.declared}; write {form}"
        ) from None


def _parsed(growing: Column, text: str) -> Any:
    """Read a watermark or ``since`` as a value of the column; raises ValueError."""
    kind = growing.type.kind
    if kind in INTEGERS:
        return int(text)
    if kind is Kind.DATE:
        return dt.date.fromisoformat(text[:10])
    moment = dt.datetime.fromisoformat(text)
    if kind is Kind.TIMESTAMPTZ:
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment
