"""Copy: tables made where they are missing, rows streamed over in parts, the way back from any failure kept.

    catalogs -> chosen tables -> compared with what is there -> created -> parts, several at a time -> keys, sequences

Nothing moves before every table has been compared. A part arrives in one transaction, together with the word that it
is there; a copy that broke off, in whatever way, is run again and goes on with the parts that are missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter

from datalayer.errors import OrphanedRowsError, TransferError
from datalayer.stores.catalog import Catalog, ForeignKey, Table
from datalayer.stores.contract import Store
from datalayer.transfer.kept import noting_what_is_kept
from datalayer.transfer.pace import Pace, part_rows
from datalayer.transfer.pairing import TablePair, pair_for_copy
from datalayer.transfer.planning import CopyPlan, Outline, outline, plan_of
from datalayer.transfer.readers.choosing import reader_for
from datalayer.transfer.reports import CopiedTable, CopyReport, OnProgress
from datalayer.transfer.writers.choosing import writer_for
from datalayer.transfer.writers.contract import BrokenReferencesError, Writer
from datalayer.wording import agreed, counted

DEFAULT_JOBS = 2


async def copy(
    source: Store,
    target: Store,
    *,
    tables: Sequence[str] | None = None,
    jobs: int = DEFAULT_JOBS,
    max_rate: float | None = None,
    on_progress: OnProgress | None = None,
) -> CopyReport:
    """Copy tables with all their rows; missing ones are created with keys, foreign keys, identity and defaults.

    Not copied: views, triggers, checks, indexes other than keys. Rows that only the target has stay there.

    Args:
        source: is only read. PostgreSQL is read in one snapshot; the others while nobody writes.
        target: its tables' own triggers do not fire (over REST they do).
        tables: names; None for all but the store's bookkeeping.
        jobs: parts written at a time, where the target is PostgreSQL; each takes a connection of both stores, and one
            more is needed.
        max_rate: rows a second at most.
        on_progress: hears of rows on their way; runs in the copying task.

    Raises:
        TransferError: the schemas do not fit, a value does not fit, or the target refused; names table, column and
            key, and says what is kept.
        OrphanedRowsError: all rows are copied, and some refer to rows that are not there.
        AccessDeniedError: a right is lacking on a side.
        UnavailableError: a side could not be reached, or not any longer.
    """
    started = perf_counter()
    _refuse_one_store(source, target)
    reader, writer = reader_for(source), writer_for(target)
    async with writer.exclusive():
        found = await outline(source, target, writer, tables)
        await writer.create(found.ordered, found.references, source.name)
        present = (await target.catalog(refresh=True)).tables
        pairs = [pair_for_copy(table, present[table.name]) for table in found.ordered]
        async with reader.reading():
            await writer.begin(pairs, reader, part_rows(max_rate, jobs))
            before = _written_before(writer.written)
            totals = {} if on_progress is None else {t.name: await reader.estimate(t) for t in found.ordered}
            pace = Pace(totals, on_progress, max_rate)
            with noting_what_is_kept(lambda: writer.written, over_rest=target.name == "supabase"):
                await writer.load(pairs, reader, pace, jobs)
        notes = await _finish(pairs, writer, resumed=bool(before))
    notes = [*found.notes, *before, *notes, *_keyless(pairs)]
    notes += _reference_notes(found, await target.catalog(refresh=True))
    created = {table.name for table in found.missing}
    copied = [CopiedTable(t.name, writer.written.get(t.name, 0), t.name in created) for t in found.ordered]
    return CopyReport(tuple(copied), tuple(notes), perf_counter() - started)


async def plan_copy(source: Store, target: Store, *, tables: Sequence[str] | None = None) -> CopyPlan:
    """Return what :func:`copy` would do, and change nothing; raises as it would before the first row."""
    _refuse_one_store(source, target)
    reader, writer = reader_for(source), writer_for(target)
    async with reader.reading():
        return await plan_of(await outline(source, target, writer, tables), reader, writer, target.name)


async def _finish(pairs: Sequence[TablePair], writer: Writer, *, resumed: bool) -> list[str]:
    try:
        notes = await writer.finish(pairs)
        await _refuse_merged(pairs, writer)
    except BrokenReferencesError as error:
        await writer.forget()
        raise _orphaned(error, pairs, resumed=resumed) from None
    except TransferError:
        # Rows have to be repaired in the source: the next run has to look at every one again.
        await writer.forget()
        raise
    await writer.forget()
    return notes


async def _refuse_merged(pairs: Sequence[TablePair], writer: Writer) -> None:
    """Refuse fewer rows than were written: of rows with one key the last is there. Rows of others only make more."""
    told: dict[str, str] = {}
    for pair in pairs:
        rows = writer.written.get(pair.name, 0)
        there = await writer.present(pair.name) if pair.key and rows else None
        if there is not None and there < rows:
            told[pair.name] = (
                f"{pair.name}: {counted(rows, 'row')} {agreed(rows, 'was', 'were')} written and {there:,}"
                f" {agreed(there, 'is', 'are')} there: rows of the source have the same key ({', '.join(pair.key)}) for"
                " the target, as two spellings of one uuid or time have, or somebody removed rows from the target"
            )
    if told:
        mend = "give each row of the source a key of its own, then run the copy again, which writes every row again"
        error = TransferError(f"{'; '.join(told.values())}; {mend}", table=next(iter(told)))
        error.goes_on_with = None
        raise error


def _orphaned(error: BrokenReferencesError, pairs: Sequence[TablePair], *, resumed: bool) -> OrphanedRowsError:
    """Say what to do: a parent that was copied is as the source has it, or had it when an earlier run read it."""
    # SQLite tells the other table as the reference spells it, whose case it takes lightly.
    copied = {pair.name.lower() for pair in pairs}
    elsewhere = dict.fromkeys(found.parent for found in error.broken if found.parent.lower() not in copied)
    if elsewhere:
        mend = f"copy {', '.join(elsewhere)} too, or repair the rows in the source, then run the copy again"
    elif resumed:
        mend = "the source may have them since an earlier run read it: run the copy again, which reads every row"
    else:
        mend = "the source does not have them either: repair the rows there, then run the copy again"
    return OrphanedRowsError(f"the rows are copied, but {error}; {mend}", table=error.table)


def _refuse_one_store(source: Store, target: Store) -> None:
    if source is target:
        raise TransferError("source and target are the same store; name another one")


def _written_before(written: Mapping[str, int]) -> list[str]:
    """Say which rows are not read again: whether they have changed since nobody looked."""
    kept = [f"{counted(rows, 'row')} of {name}" for name, rows in written.items() if rows]
    if not kept:
        return []
    rows = " and ".join(filter(None, (", ".join(kept[:-1]), kept[-1])))
    are = agreed(sum(written.values()), "is", "are")
    return [
        f"{rows} {are} from an earlier run, as the source had them then; `datalayer verify` tells whether it still has"
        " them"
    ]


def _keyless(pairs: Sequence[TablePair]) -> list[str]:
    return [
        f"{pair.name} has no key: another copy adds the missing rows, each as often as the source has it; rows that"
        " changed or were deleted in the source stay"
        for pair in pairs
        if not pair.key
    ]


def _reference_notes(found: Outline, after: Catalog) -> list[str]:
    """Say which foreign keys a table that was there before the copy lacks: its schema is its owner's."""
    return [
        f"{name} ({', '.join(key.columns)}) refers to {key.target_table} in the source;"
        " the table was there already and was left without this foreign key"
        for name, keys in sorted(found.references.items())
        for key in keys
        if after.tables[name].keys_known and not _has_reference(after.tables[name], key)
    ]


def _has_reference(table: Table, wanted: ForeignKey) -> bool:
    return any((key.columns, key.target_table) == (wanted.columns, wanted.target_table) for key in table.foreign_keys)
