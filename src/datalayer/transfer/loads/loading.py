"""Load: an export into a store, so that it can break off anywhere and be run again.

    digests of every file -> tables made -> chunk, chunk, chunk … each with its checkpoint -> keys, sequences -> checks

A checkpoint is written in the transaction of the rows it counts, so each row of the export is dealt with once whatever
happens. Over REST there are no such transactions: there a load begins anew and writes by key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from datalayer.errors import DamagedExportError, RefusedError
from datalayer.stores.catalog import Catalog, Table
from datalayer.stores.contract import Store
from datalayer.transfer.exports.checking import file_problems, finished_manifest
from datalayer.transfer.exports.manifest import ExportedTable, Manifest
from datalayer.transfer.hidden_rows import hidden_rows
from datalayer.transfer.kept import noting_what_is_kept
from datalayer.transfer.loads.checks import find_problems
from datalayer.transfer.loads.choosing import target_for
from datalayer.transfer.loads.chunks import PlainChunks, TransformedChunks
from datalayer.transfer.loads.contract import LoadTarget, Writing
from datalayer.transfer.loads.marks import Mark
from datalayer.transfer.loads.reports import LoadedTable, LoadReport
from datalayer.transfer.loads.tables import (
    TargetTables,
    forget_lost,
    lost_rows,
    merged_rows,
    refuse_other_rows,
    with_rows_of_others,
)
from datalayer.transfer.loads.transforms import Transform
from datalayer.transfer.ordering import parents_first
from datalayer.transfer.reports import OnProgress, Progress
from datalayer.transfer.selection import check_named, selected
from datalayer.wording import counted

#: Rows of one transaction: large enough for COPY, small enough to be lost.
CHUNK_ROWS = 5000
DEFAULT_JOBS = 2


@dataclass(frozen=True, slots=True)
class CheckedExport:
    """A finished export, or tables of it, whose files were compared with their digests just now.

    Args:
        seconds: how long that took.
    """

    directory: Path
    manifest: Manifest
    tables: Mapping[str, ExportedTable]
    seconds: float


async def checked_export(directory: Path, *, tables: Sequence[str] | None = None) -> CheckedExport:
    """Compare the files of an export with their digests.

    Args:
        tables: names; None for all of them.

    Raises:
        DamagedExportError: a file is missing or was edited.
        TransferError: there is no such export, or no such table in it.
    """
    started = perf_counter()
    manifest = finished_manifest(directory)
    exported = _chosen(manifest, tables)
    if not exported:
        raise RefusedError("nothing was loaded: the export has no table")
    problems = await asyncio.to_thread(file_problems, directory, exported.values())
    if problems:
        raise DamagedExportError("nothing was loaded: " + "; ".join(problems))
    return CheckedExport(directory, manifest, exported, perf_counter() - started)


async def load(
    directory: Path,
    target: Store,
    *,
    tables: Sequence[str] | None = None,
    transform: Transform | None = None,
    upsert: bool = False,
    jobs: int = DEFAULT_JOBS,
    chunk_rows: int = CHUNK_ROWS,
    on_progress: OnProgress | None = None,
) -> LoadReport:
    """Put the rows of an export into a store; missing tables are made as a copy makes them.

    Args:
        directory: of a finished export; every file is compared with its digest before anything is written.
        target: its tables' own triggers do not fire (over REST they do).
        tables: names in the export; None for all of them.
        transform: called for every row; see ``transforms``. The same one when a load is continued.
        upsert: the target may hold rows: those with the same key are replaced, others stay.
        jobs: tables loaded at a time, where none refers to another in the target; each takes a connection of it, and
            one more is needed. One by one into SQLite, and with a transform, which may send rows to any table.
        chunk_rows: rows of one transaction, at most; fewer where they are wide.
        on_progress: hears of every chunk; runs in the loading task.

    Raises:
        DamagedExportError: a file is missing or was edited; nothing was written.
        TransferError: the schemas do not fit, the target holds other rows, or a value does not fit. Chunks written
            before stay, and the same load run again continues behind them.
        AccessDeniedError: a right is lacking on the target, or on a file of the export.
    """
    export = await checked_export(directory, tables=tables)
    return await load_checked(
        export, target, transform=transform, upsert=upsert, jobs=jobs, chunk_rows=chunk_rows, on_progress=on_progress
    )


async def load_checked(
    export: CheckedExport,
    target: Store,
    *,
    transform: Transform | None = None,
    upsert: bool = False,
    jobs: int = DEFAULT_JOBS,
    chunk_rows: int = CHUNK_ROWS,
    on_progress: OnProgress | None = None,
) -> LoadReport:
    """Load as :func:`load` does what :func:`checked_export` has compared."""
    started = perf_counter()
    work = _Load(export, target, transform, upsert=upsert, chunk_rows=chunk_rows)
    loaded = await work.run(jobs, on_progress)
    return LoadReport(tuple(loaded), tuple(work.notes), tuple(work.problems), export.seconds + perf_counter() - started)


def _chosen(manifest: Manifest, named: Sequence[str] | None) -> dict[str, ExportedTable]:
    catalog = Catalog(manifest.schema)
    check_named(named, catalog)
    names = manifest.schema.keys() if named is None else selected(catalog, named)
    return {table.name: table for table in manifest.tables if table.name in names}


class _Load:
    """One run of a load."""

    def __init__(
        self,
        export: CheckedExport,
        target: Store,
        transform: Transform | None,
        *,
        upsert: bool,
        chunk_rows: int,
    ) -> None:
        manifest, exported = export.manifest, export.tables
        self._directory = export.directory
        self._exported = exported
        self._schema = {name: manifest.schema[name] for name in exported}
        self._store = target
        self._transform = transform
        self._upsert = upsert
        self._chunk_rows = chunk_rows
        self._tables = TargetTables(target, self._schema, manifest.source)
        self._target: LoadTarget = target_for(target, _load_id(manifest, transform))
        #: How far each exported table is; advanced with every chunk.
        self._marks: dict[str, Mark] = {}
        #: Tables with rows of others, which are replaced.
        self._shared: set[str] = set()
        self.notes: list[str] = hidden_rows(target)
        self.problems: list[str] = []

    async def run(self, jobs: int, on_progress: OnProgress | None) -> list[LoadedTable]:
        async with self._target.exclusive():
            return await self._run(jobs, on_progress)

    async def _run(self, jobs: int, on_progress: OnProgress | None) -> list[LoadedTable]:
        await self._prepare()
        before = dict(self._marks)
        over_rest = self._store.name == "supabase"
        # The tables were empty; without checkpoints the next run takes what is there for rows of others.
        besides = ("--upsert",) if over_rest and not self._upsert else ()
        with noting_what_is_kept(self._written, over_rest=over_rest, besides=besides):
            await self._load_all(jobs, on_progress)
            merged = await merged_rows(self._tables, self._marks.values(), self._shared) if over_rest else None
        if merged is not None:
            raise merged
        # A load that is finished and may replace rows is another one when it is run again.
        with noting_what_is_kept(self._written, over_rest=over_rest, anew=self._upsert, besides=besides):
            await self._finish()
        return [
            LoadedTable(
                name,
                mark.rows_read,
                mark.rows_written,
                mark.targets,
                resumed_at=before[name].rows_read,
                written_before=before[name].rows_written,
            )
            for name, mark in self._marks.items()
        ]

    async def _load_all(self, jobs: int, on_progress: OnProgress | None) -> None:
        chunks = self._chunks()

        async def load_group(group: Sequence[Table]) -> None:
            exported = [self._schema[table.name] for table in group]
            if self._refers_to_itself(group):
                await self._load_together(exported, chunks, on_progress)
            else:
                for table in exported:
                    await self._load(table, chunks, self._target, on_progress)

        if self._transform is None:
            live = {name: self._tables.present[name] for name in self._schema}
            await parents_first(live, load_group, min(jobs, self._target.most_jobs), self._rows_left)
        else:
            await parents_first(self._schema, load_group, 1, lambda _: 0)

    def _written(self) -> dict[str, int]:
        return {name: mark.rows_written for name, mark in self._marks.items()}

    async def _load_together(
        self, group: Sequence[Table], chunks: PlainChunks | TransformedChunks, on_progress: OnProgress | None
    ) -> None:
        before = {table.name: self._marks[table.name] for table in group}
        try:
            async with self._target.together([table.name for table in group]) as writing:
                for table in group:
                    await self._load(table, chunks, writing, on_progress)
        except BaseException:
            # All of it was one transaction, its checkpoints included.
            self._marks |= before
            raise

    def _rows_left(self, group: Sequence[Table]) -> int:
        return sum(self._exported[table.name].rows - self._marks[table.name].rows_read for table in group)

    async def _prepare(self) -> None:
        found = await self._target.marks()
        if self._transform is None:
            await self._tables.make_all()
        else:
            # Which tables a transform needs is known when it names them.
            await self._tables.take_up({name for mark in found.values() for name in mark.targets})
        if self._upsert and found and all(found[name].finished for name in self._schema if name in found):
            for name in found.keys() & self._schema.keys():
                # Rows without a key cannot be told from those that are there: they stay as they were loaded.
                if all(self._tables.has_key(table) for table in found[name].targets or (name,)):
                    await self._target.forget(name)
        self.notes += await forget_lost(self._target, self._tables, self._schema)
        found = await self._target.marks()
        self._marks = {name: found.get(name) or Mark(name) for name in self._schema}
        if self._transform is None:
            begun = {name for name, mark in self._marks.items() if mark.rows_written or mark.finished}
            fresh = [name for name in self._schema if name not in begun]
            self._shared.update(await refuse_other_rows(self._tables, fresh, upsert=self._upsert))
            self.notes += await lost_rows(self._tables, self._marks.values())
        elif found and all(mark.finished for mark in self._marks.values()):
            self.notes.append("every table of this export was loaded before; nothing was written")
        if self._upsert and not all(mark.finished for mark in self._marks.values()):
            self._shared.update(await with_rows_of_others(self._tables, self._marks.values()))

    def _chunks(self) -> PlainChunks | TransformedChunks:
        if self._transform is None:
            return PlainChunks(self._tables, shared=self._shared)
        own = {name for mark in self._marks.values() for name in mark.targets}
        return TransformedChunks(self._tables, self._transform, upsert=self._upsert, own=own, shared=self._shared)

    def _refers_to_itself(self, group: Sequence[Table]) -> bool:
        """Whether the target enforces references among these tables; on tables made here it does so only at the end."""
        names = {table.name for table in group}
        live = [self._tables.present[name] for name in names if name in self._tables.present]
        return any(key.target_table in names for table in live for key in table.foreign_keys)

    async def _load(
        self,
        table: Table,
        chunks: PlainChunks | TransformedChunks,
        writing: Writing,
        on_progress: OnProgress | None,
    ) -> None:
        name, total = table.name, self._exported[table.name].rows
        mark = self._marks[name]
        if mark.finished:
            return
        path, before = self._directory / self._exported[name].file, mark.rows_read
        async with aclosing(chunks.read(path, table, skip=mark.rows_read, size=self._chunk_rows)) as found:
            async for chunk in found:
                after = mark.advanced(chunk.rows_read, chunk.rows_written, {b.pair.name for b in chunk.batches})
                after = replace(after, finished=after.rows_read == total)
                await writing.write(chunk.batches, mark, after)
                self._marks[name] = mark = after
                if on_progress is not None:
                    on_progress(Progress(name, mark.rows_read, total, before))
        if mark.rows_read != total:
            raise DamagedExportError(
                f"{path} has {counted(mark.rows_read, 'row')} and the manifest names {total:,}; it was edited while it"
                " was read",
                table=name,
            )
        if not mark.finished:
            self._marks[name] = replace(mark, finished=True)
            await writing.write((), mark, self._marks[name])

    async def _finish(self) -> None:
        touched = {name for mark in self._marks.values() for name in mark.targets}
        if self._transform is None:
            touched |= self._schema.keys()
        await self._tables.finish(touched)
        self.notes += self._tables.notes
        self.notes += [
            f"{name}: the transform left out {mark.rows_read - mark.rows_written:,} of {counted(mark.rows_read, 'row')}"
            for name, mark in self._marks.items()
            if mark.rows_written < mark.rows_read
        ]
        self.problems += await find_problems(
            self._store, self._target, self._schema, self._tables.present, touched, self._tables.broken
        )


def _load_id(manifest: Manifest, transform: Transform | None) -> str:
    """Name a load by what it writes: the export, and the function that changes it."""
    if transform is None:
        return manifest.digest
    return f"{manifest.digest} {transform.__module__}:{getattr(transform, '__qualname__', type(transform).__name__)}"
