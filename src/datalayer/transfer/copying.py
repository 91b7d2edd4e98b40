"""Copy: tables made where they are missing, rows streamed over in the order of their foreign keys.

    catalogs -> chosen tables -> compared with what is there -> created -> loaded, group by group -> keys, sequences

Nothing moves before every table has been compared. A table's rows arrive in one transaction (over REST: chunk by
chunk), and rows with a key replace what is there under the same key, so a copy that broke off is simply run again.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Final

from datalayer.errors import TransferError
from datalayer.query import Count, Row
from datalayer.stores.catalog import Catalog, ForeignKey, Table
from datalayer.stores.contract import Store
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.ordering import dependency_groups
from datalayer.transfer.pairing import TablePair, obstacles, pair_for_copy
from datalayer.transfer.reading import CHUNK_ROWS, fitting_rows
from datalayer.transfer.references import possible_references
from datalayer.transfer.reports import CopiedTable, CopyReport, OnProgress, Progress
from datalayer.transfer.selection import check_named, selected
from datalayer.transfer.writers.choosing import writer_for

_HIDDEN_BY_REST: Final = (
    "REST does not tell unique keys and sequences: created tables have no unique keys, and a lone whole-number primary"
    " key counts by itself; run your migrations on the target first to have the full schema"
)


async def copy(
    source: Store, target: Store, *, tables: Sequence[str] | None = None, on_progress: OnProgress | None = None
) -> CopyReport:
    """Copy tables with all their rows; missing ones are created with keys, foreign keys, identity and defaults.

    Not copied: views, triggers, checks, indexes that are not unique. Rows that only the target has stay there.

    Args:
        source: is only read. Each table is read at its own moment, so copy while nobody writes.
        target: its tables' own triggers do not fire (over REST they do).
        tables: names; None for all but the store's bookkeeping.
        on_progress: hears of every 1,000 rows; runs in the copying task.

    Raises:
        TransferError: the schemas do not fit, a value does not fit, or the target refused; names table, column and key.
    """
    started = perf_counter()
    if source is target:
        raise TransferError("source and target are the same store; name another one")
    from_catalog = await source.catalog(refresh=True)
    to_catalog = await target.catalog(refresh=True)
    check_named(tables, from_catalog)
    chosen = {name: _as_it_is(from_catalog.tables[name]) for name in selected(from_catalog, tables)}
    _refuse_obstacles(chosen, to_catalog)
    groups = dependency_groups(chosen)
    ordered = [table for group in groups for table in group]

    writer = writer_for(target)
    references, notes = possible_references(chosen, to_catalog)
    notes += await writer.create(ordered, references, source.name)
    if source.name == "supabase" and not chosen.keys() <= to_catalog.tables.keys():
        notes.append(_HIDDEN_BY_REST)
    present = (await target.catalog(refresh=True)).tables
    pairs = {table.name: pair_for_copy(table, present[table.name]) for table in ordered}
    for pair in pairs.values():
        await _refuse_rows_without_key(target, pair)

    counted = _Counted(source, on_progress)
    for group in groups:
        await writer.load([pairs[table.name] for table in group], counted.rows)
    notes += await writer.finish(list(pairs.values()))
    notes += _reference_notes(references, await target.catalog(refresh=True))
    copied = [CopiedTable(t.name, counted.by_table[t.name], t.name not in to_catalog.tables) for t in ordered]
    return CopyReport(tuple(copied), tuple(notes), perf_counter() - started)


def _as_it_is(table: Table) -> Table:
    """Have a lone whole-number key count by itself where the source cannot tell (REST): else inserts would fail."""
    if table.keys_known or len(table.primary_key) != 1:
        return table
    number = table.by_name[table.primary_key[0]]
    if number.type.kind not in INTEGERS or number.default is not None:
        return table
    numbered = replace(number, identity=True)
    return replace(table, columns=tuple(numbered if column is number else column for column in table.columns))


class _Counted:
    """Reads fitting rows and counts them on the way."""

    def __init__(self, source: Store, on_progress: OnProgress | None) -> None:
        self._source = source
        self._on_progress = on_progress
        self.by_table: dict[str, int] = {}

    async def rows(self, pair: TablePair) -> AsyncGenerator[Row, None]:
        number = 0
        total = 0 if self._on_progress is None else await self._source.count(Count(pair.name))
        async for row in fitting_rows(self._source, pair):
            number += 1
            if number % CHUNK_ROWS == 0:
                self._tell(pair.name, number, total)
            yield row
        self.by_table[pair.name] = number
        self._tell(pair.name, number, max(number, total))

    def _tell(self, table: str, rows: int, total: int) -> None:
        if self._on_progress is not None:
            self._on_progress(Progress(table, rows, total))


def _refuse_obstacles(chosen: Mapping[str, Table], present: Catalog) -> None:
    found = [
        obstacle
        for name, table in sorted(chosen.items())
        if name in present.tables
        for obstacle in obstacles(table, present.tables[name])
    ]
    if found:
        shown = "; ".join(found[:20]) + (f"; and {len(found) - 20} more" if len(found) > 20 else "")
        raise TransferError(f"nothing was copied, the schemas do not fit: {shown}")


async def _refuse_rows_without_key(target: Store, pair: TablePair) -> None:
    if not pair.key and await target.count(Count(pair.name)):
        raise TransferError(
            f"nothing was copied: {pair.name} has rows in the target and no key that both sides share, so a row could"
            " not be told from one that is there already; empty the table or give both sides a primary key",
            table=pair.name,
        )


def _reference_notes(references: Mapping[str, Sequence[ForeignKey]], after: Catalog) -> list[str]:
    """Say which foreign keys a table that was there before the copy lacks: its schema is its owner's."""
    return [
        f"{name} ({', '.join(key.columns)}) refers to {key.target_table} in the source;"
        " the table was there already and was left without this foreign key"
        for name, keys in sorted(references.items())
        for key in keys
        if after.tables[name].keys_known and not _has_reference(after.tables[name], key)
    ]


def _has_reference(table: Table, wanted: ForeignKey) -> bool:
    return any((key.columns, key.target_table) == (wanted.columns, wanted.target_table) for key in table.foreign_keys)
