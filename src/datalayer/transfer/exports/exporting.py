"""Export: every table of a store into a file of its own, the manifest last.

    catalog -> chosen tables in the order of their foreign keys -> one file each -> manifest.json

PostgreSQL and SQLite are read in one snapshot, so all tables are of one moment; over REST each has its own. What broke
off continues when the same export runs again: finished tables are kept, and the manifest says when each was read.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Final

from datalayer.errors import AccessDeniedError, SelectionError, TransferError
from datalayer.query import Count, Row
from datalayer.stores.catalog import JSON_KINDS, Catalog, Table
from datalayer.stores.contract import Session, Store
from datalayer.stores.denied import telling_what_is_denied
from datalayer.transfer.exports.checking import file_problems
from datalayer.transfer.exports.files import PARTIAL, SUFFIX, TableFile, file_name, itself, sync_directory, write_whole
from datalayer.transfer.exports.manifest import MANIFEST, UNFINISHED, ExportedTable, Manifest, read_manifest
from datalayer.transfer.exports.reports import ExportReport
from datalayer.transfer.hidden_rows import hidden_rows
from datalayer.transfer.limits import MisfitError, refuse_unkept
from datalayer.transfer.locks import alone_in_directory
from datalayer.transfer.naming import row_name
from datalayer.transfer.ordering import dependency_groups
from datalayer.transfer.readers.exactly import exact_session
from datalayer.transfer.readers.patience import count
from datalayer.transfer.reading import CHUNK_ROWS, source_rows
from datalayer.transfer.reports import OnProgress, Progress
from datalayer.transfer.schemas.left_out import left_out
from datalayer.transfer.selection import check_named, refuse_no_tables, selected

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
#: Seconds for one statement of the snapshot: a chunk of a large table may wait for a slow disk.
_STATEMENT_SECONDS: Final = 3600.0


async def export(
    source: Store,
    directory: Path,
    *,
    tables: Sequence[str] | None = None,
    source_name: str = "",
    on_progress: OnProgress | None = None,
) -> ExportReport:
    """Write tables with all their rows into a directory; docs/exporting.md has its layout.

    Args:
        source: is only read.
        directory: made where it is missing; empty, or with the beginning of the same export, which is then continued.
        tables: names; None for all but the store's bookkeeping.
        source_name: where the source is, for the manifest; without user and password.
        on_progress: hears of every 1,000 rows; runs in the exporting task.

    Raises:
        TransferError: the directory has something else, another export is at work in it, the disk is full, or a row
            cannot be read; finished tables stay.
        AccessDeniedError: a right is lacking on the source, or on the directory.
    """
    started = perf_counter()
    catalog = await source.catalog(refresh=True)
    check_named(tables, catalog)
    names = selected(catalog, tables)
    refuse_no_tables(names, "exported", source)
    plan = _plan(source, source_name, catalog, names)
    try:
        with telling_what_is_denied("write"), _alone(directory):
            begun = _begin(directory, plan)
            kept = tuple(table.name for table in begun.tables)
            async with _snapshot(source) as session:
                for table in plan.schema.values():
                    if table.name not in kept:
                        exported = await _export_table(session, directory, table, on_progress)
                        begun = replace(begun, tables=(*begun.tables, exported))
                        write_whole(directory / UNFINISHED, begun.spelt())
            lost = [*hidden_rows(source), *await left_out(source, list(plan.schema), "exported")]
            manifest = _finish(directory, begun, kept, lost)
    except OSError as error:
        mend = "make room and " if error.errno in _NO_ROOM else ""
        raise TransferError(
            f"{error.filename or directory} cannot be written: {error.strerror}; finished tables are kept, {mend}run"
            " the same export again to continue"
        ) from None
    return ExportReport(directory, manifest, kept, perf_counter() - started)


def finished_tables(directory: Path) -> list[str]:
    """Return which tables of an unfinished export are kept; none where there is no such export."""
    try:
        return [table.name for table in read_manifest(directory / UNFINISHED).tables]
    except (TransferError, AccessDeniedError):
        return []


def _plan(source: Store, source_name: str, catalog: Catalog, names: set[str]) -> Manifest:
    groups = dependency_groups({name: catalog.tables[name] for name in names})
    return Manifest(
        source=source.name,
        source_name=source_name,
        tool_version=version("datalayer"),
        started_at=_now(),
        finished_at=None,
        schema={table.name: table for group in groups for table in group},
        tables=(),
    )


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Make the directory where it is missing, and keep other exports out of it."""
    _make(directory)
    with alone_in_directory(directory):
        yield


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SelectionError(f"{directory} is not a directory, or is below a file; choose another one") from None
    except PermissionError:
        raise
    except OSError as error:
        raise SelectionError(f"{directory} cannot be made: {error.strerror}; choose another directory") from None


def _begin(directory: Path, plan: Manifest) -> Manifest:
    """Begin in an empty directory, or take up what an earlier run of the same export left in it."""
    if (directory / MANIFEST).exists():
        raise SelectionError(f"{directory} has a finished export; choose another directory")
    if (directory / UNFINISHED).exists():
        return _continued(directory, plan)
    # A run may have ended between making the directory and its first record.
    others = [path.name for path in directory.iterdir() if path.name != UNFINISHED + PARTIAL]
    if others:
        raise SelectionError(f"{directory} is not empty: it has {others[0]}; choose another directory")
    write_whole(directory / UNFINISHED, plan.spelt())
    return plan


def _continued(directory: Path, plan: Manifest) -> Manifest:
    found = read_manifest(directory / UNFINISHED)
    if (found.source, found.source_name) != (plan.source, plan.source_name):
        raise SelectionError(f"{directory} has the beginning of an export of another store; choose another directory")
    changed = sorted(name for name in {*found.schema, *plan.schema} if found.schema.get(name) != plan.schema.get(name))
    if changed:
        raise SelectionError(
            f"{directory} has the beginning of an export, and since then {', '.join(changed)} changed, vanished or was"
            " chosen differently; choose another directory",
            table=changed[0],
        )
    kept = tuple(table for table in found.tables if not file_problems(directory, [table]))
    keep = {UNFINISHED, *(table.file for table in kept)}
    for path in directory.iterdir():
        if path.name not in keep and path.name.endswith((SUFFIX, PARTIAL)):
            path.unlink()
    return replace(found, tables=kept)


@asynccontextmanager
async def _snapshot(source: Store) -> AsyncIterator[Session]:
    """Lend a session that sees one moment, where the store has such."""
    if source.name == "supabase":
        yield source
    elif source.name == "postgres":
        async with exact_session(source, timeout=_STATEMENT_SECONDS) as session:
            yield session
    else:
        async with source.transaction(read_only=True, timeout=_STATEMENT_SECONDS) as session:
            yield session


async def _export_table(
    session: Session, directory: Path, table: Table, on_progress: OnProgress | None
) -> ExportedTable:
    read_at = _now()
    total = 0 if on_progress is None else await count(session, Count(table.name))
    file = TableFile(directory / file_name(table.name), table)
    try:
        rows = 0
        async with aclosing(_chunks(session, table)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
                rows += len(chunk)
                if on_progress is not None:
                    on_progress(Progress(table.name, rows, max(rows, total)))
        written = await asyncio.to_thread(file.finish)
    finally:
        file.discard()
    return ExportedTable(
        name=table.name,
        file=file_name(table.name),
        rows=written.rows,
        bytes=written.bytes,
        sha256=written.sha256,
        content_checksum=written.content_checksum,
        read_at=read_at,
    )


async def _chunks(session: Session, table: Table) -> AsyncGenerator[list[Row], None]:
    chunk: list[Row] = []
    documents = [column.name for column in table.columns if column.type.kind in JSON_KINDS]
    number = 0
    async with aclosing(source_rows(session, itself(table))) as rows:
        async for row in rows:
            number += 1
            for name in documents:
                _refuse_unkept(table, name, row, number)
            chunk.append(row)
            if len(chunk) == CHUNK_ROWS:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _refuse_unkept(table: Table, column: str, row: Row, number: int) -> None:
    try:
        refuse_unkept(row[column])
    except MisfitError as misfit:
        at = row_name(table.primary_key, row, number)
        raise TransferError(
            f"{table.name}.{column} {misfit}, at {at}; have it as text in the document, then export again",
            table=table.name,
        ) from None


def _finish(directory: Path, begun: Manifest, kept: Sequence[str], lost: Sequence[str]) -> Manifest:
    order = list(begun.schema)
    tables = sorted(begun.tables, key=lambda table: order.index(table.name))
    read_before = (f"{name} was read by an earlier run: it is of another moment than the rest" for name in kept)
    notes = [*lost, *read_before]
    if begun.source == "supabase":
        notes.append("each table was read at its own moment, as REST has no snapshot")
    manifest = replace(begun, tables=tuple(tables), notes=tuple(notes), finished_at=_now())
    write_whole(directory / UNFINISHED, manifest.spelt())
    (directory / UNFINISHED).rename(directory / MANIFEST)
    sync_directory(directory)
    return manifest


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
