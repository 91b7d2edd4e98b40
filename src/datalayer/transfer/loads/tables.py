"""The tables that a load writes to: made where they are missing, and refused where they hold other rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Final

from datalayer.errors import RefusedError, TransferError
from datalayer.query import Count, Select
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store, StoreName
from datalayer.transfer.loads.contract import LoadTarget
from datalayer.transfer.loads.marks import Mark
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.planning import counting_by_itself, refuse_obstacles
from datalayer.transfer.references import possible_references
from datalayer.transfer.writers.choosing import writer_for
from datalayer.transfer.writers.contract import BrokenReference, BrokenReferencesError
from datalayer.wording import agreed, counted

#: For a question that may have to look at every row.
_SECONDS: Final = 600.0


class TargetTables:
    """The live tables of the target, and the making of those that an export knows.

    Args:
        schema: the exported tables that are loaded.
        source: which kind of store they come from.
    """

    def __init__(self, store: Store, schema: Mapping[str, Table], source: StoreName) -> None:
        self._store = store
        self._writer = writer_for(store)
        self._schema = {name: counting_by_itself(table) for name, table in schema.items()}
        self._source = source
        #: By name, as the target has them; replaced whenever tables were made.
        self.present: Mapping[str, Table] = {}
        self.notes: list[str] = []
        #: What breaks foreign keys of the target; filled by finish.
        self.broken: tuple[BrokenReference, ...] = ()

    async def make_all(self) -> None:
        """Refuse tables that the exported rows do not fit into, make those that are missing."""
        present = await self._store.catalog(refresh=True)
        refuse_obstacles(self._schema, present, "loaded")
        self.present = present.tables
        await self._make(list(self._schema.values()))

    async def take_up(self, names: Iterable[str]) -> None:
        """Take up tables that an earlier run may have made and not finished."""
        self.present = (await self._store.catalog(refresh=True)).tables
        await self._make([self._schema[name] for name in names if name in self._schema and name in self.present])

    async def ensure(self, name: str) -> Table:
        """Return a table, made first where the export knows it."""
        if name not in self.present:
            if name not in self._schema:
                raise TransferError(
                    f"the target has no table {name}, and the export does not either; create it, then load again",
                    table=name,
                )
            await self._make([self._schema[name]])
        return self.present[name]

    async def finish(self, names: Iterable[str]) -> None:
        """Add foreign keys to tables that a load made, move sequences behind the largest number."""
        tables = [self.present[name] for name in sorted(set(names)) if name in self.present]
        try:
            pairs = [TablePair(self._schema.get(t.name, t), t, (), t.primary_key) for t in tables]
            self.notes += await self._writer.finish(pairs)
        except BrokenReferencesError as error:
            self.broken = error.broken
        self.present = (await self._store.catalog(refresh=True)).tables

    def has_key(self, name: str) -> bool:
        """Whether the target can tell the rows of a table apart; a table that is not there has none to tell."""
        table = self.present.get(name)
        return table is None or bool(table.primary_key or table.uniques)

    async def count(self, name: str) -> int:
        """Return how many rows a table holds."""
        return await self._store.count(Count(name), timeout=_SECONDS)

    async def with_rows(self, names: Iterable[str]) -> list[str]:
        """Return which of the tables hold rows."""
        return [name for name in names if name in self.present and await self._has_rows(self.present[name])]

    async def _has_rows(self, table: Table) -> bool:
        first = (table.columns[0].name,)
        return bool(await self._store.select(Select(table.name, columns=first, limit=1)))

    async def _make(self, tables: Sequence[Table]) -> None:
        references, notes = possible_references(
            {table.name: table for table in tables}, await self._store.catalog(refresh=True)
        )
        self.notes += notes
        self.notes += await self._writer.create(tables, references, self._source)
        self.present = (await self._store.catalog(refresh=True)).tables


async def refuse_other_rows(
    tables: TargetTables, names: Sequence[str], *, upsert: bool, begun: bool = False
) -> list[str]:
    """Refuse tables that hold rows which this load did not write, unless they are to be brought up to date.

    Return those that are.

    Args:
        begun: whether rows of other tables are loaded already, for the message.
    """
    done = "" if begun else "nothing was loaded: "
    held = await tables.with_rows(names)
    if held and not upsert:
        raise RefusedError(
            f"{done}the target already holds rows in {', '.join(held)}; --upsert replaces those with the"
            " same key and keeps the others, or empty the tables",
            table=held[0],
        )
    keyless = [name for name in held if not tables.has_key(name)]
    if keyless:
        raise RefusedError(
            f"{done}{', '.join(keyless)} holds rows in the target and has no key, so a row could not be"
            " told from one that is there already; empty the table",
            table=keyless[0],
        )
    return held


async def with_rows_of_others(tables: TargetTables, marks: Iterable[Mark]) -> list[str]:
    """Return which tables hold more than the rows that this load wrote there.

    Of tables that share the rows of an exported one only all together are counted.
    """
    groups = [(names, written, await _there(tables, names)) for names, written in _groups(marks)]
    return [name for names, written, there in groups if there > written for name in names]


async def merged_rows(tables: TargetTables, marks: Iterable[Mark], shared: Set[str]) -> TransferError | None:
    """Return what says that rows took the place of others, where a store writes by key and does not refuse that.

    Args:
        shared: tables in which that is meant: they held rows before.
    """
    for names, written in _groups(marks):
        there = written if shared & set(names) else await _there(tables, names)
        if there < written:
            error = TransferError(
                f"{', '.join(names)}: {counted(written, 'row')} {agreed(written, 'was', 'were')} written and {there:,}"
                f" {agreed(there, 'is', 'are')} there: rows share a key for the target, or somebody removed"
                " rows; give each row a key of its own, empty the table and load again",
                table=names[0],
            )
            error.goes_on_with = None
            return error
    return None


def _groups(marks: Iterable[Mark]) -> list[tuple[list[str], int]]:
    """Return tables with how many rows were written there, those that share the rows of an exported one together."""
    written = [mark for mark in marks if mark.rows_written]
    spread = {name for mark in written if len(mark.targets) > 1 for name in mark.targets}
    alone = sorted({name for mark in written for name in mark.targets} - spread)
    groups = [[name] for name in alone] + ([sorted(spread)] if spread else [])
    return [(names, sum(m.rows_written for m in written if set(m.targets) & set(names))) for names in groups]


async def _there(tables: TargetTables, names: Iterable[str]) -> int:
    return sum([await tables.count(name) for name in names if name in tables.present])


async def forget_lost(target: LoadTarget, tables: TargetTables, named: Iterable[str]) -> list[str]:
    """Forget checkpoints of tables that somebody emptied since; return notes."""
    notes = []
    for name, mark in (await target.marks()).items():
        written_to = [table for table in mark.targets if table in tables.present]
        if name in named and mark.rows_written and not await tables.with_rows(written_to):
            await target.forget(name)
            notes.append(f"{name} was loaded before and is empty now: it was loaded again")
    return notes


async def lost_rows(tables: TargetTables, marks: Iterable[Mark]) -> list[str]:
    """Return notes on tables that hold fewer rows than were written into them, and how the others come back."""
    notes = []
    for mark in marks:
        found = await tables.count(mark.table) if mark.rows_written else 0
        if found < mark.rows_written:
            there = f"{found:,} of {counted(mark.rows_written, 'row')} {agreed(found, 'is', 'are')} there now"
            back = "a load with --upsert brings the others back"
            if not tables.has_key(mark.table):
                back = "empty the table and load again to have the others back"
            notes.append(f"{mark.table} was loaded before, and {there}: {back}")
    return notes
