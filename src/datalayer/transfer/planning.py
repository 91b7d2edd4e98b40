"""What a copy is going to do: which tables, in which order, how each is written, what is created. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from datalayer.errors import RefusedError
from datalayer.stores.catalog import Catalog, ForeignKey, Table
from datalayer.stores.contract import Store, StoreName
from datalayer.transfer.conversions import INTEGERS
from datalayer.transfer.hidden_rows import hidden_rows
from datalayer.transfer.misfits import Misfit
from datalayer.transfer.ordering import dependency_groups
from datalayer.transfer.pairing import TablePair, obstacles, pair_for_copy
from datalayer.transfer.readers.contract import Reader
from datalayer.transfer.readers.sqlite import SqliteReader
from datalayer.transfer.references import possible_references
from datalayer.transfer.schemas.left_out import left_out
from datalayer.transfer.selection import check_named, refuse_no_tables, selected
from datalayer.transfer.writers.contract import Writer

_HIDDEN_BY_REST: Final = (
    "REST does not tell unique keys, sequences and what follows a delete: created tables have no unique keys, no row is"
    " deleted with the one that it refers to, and a lone whole-number primary key counts by itself; run your migrations"
    " on the target first to have the full schema"
)


@dataclass(frozen=True, slots=True)
class PlannedTable:
    """One table of the plan: about how many rows, whether it will be made, and in words how it will be written."""

    table: str
    rows: int
    created: bool
    method: str


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What a copy is going to do.

    Args:
        tables: in the order of their foreign keys.
        notes: what will be left out or changed on the way, one sentence each.
        misfits: values, and references, of a SQLite source that would stop the copy; other stores are not looked at.
    """

    tables: tuple[PlannedTable, ...]
    notes: tuple[str, ...]
    misfits: tuple[Misfit, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        return {
            "tables": [
                {"table": t.table, "rows": t.rows, "created": t.created, "method": t.method} for t in self.tables
            ],
            "notes": list(self.notes),
            "misfits": [misfit.as_json() for misfit in self.misfits],
        }


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known before anything is touched.

    Args:
        ordered: the source's tables in the order of their foreign keys.
        references: the foreign keys that the target can have, by table.
        present: the target's catalog before the copy.
    """

    ordered: tuple[Table, ...]
    references: Mapping[str, Sequence[ForeignKey]]
    present: Catalog
    notes: tuple[str, ...]

    @property
    def missing(self) -> list[Table]:
        """Tables that will be made."""
        return [table for table in self.ordered if table.name not in self.present.tables]


async def outline(source: Store, target: Store, writer: Writer, tables: Sequence[str] | None) -> Outline:
    """Read both catalogs and compare them.

    Raises:
        RefusedError: rows cannot move; names every obstacle.
    """
    from_catalog = await source.catalog(refresh=True)
    to_catalog = await target.catalog(refresh=True)
    check_named(tables, from_catalog)
    chosen = {name: counting_by_itself(from_catalog.tables[name]) for name in selected(from_catalog, tables)}
    refuse_no_tables(chosen, "copied", source)
    refuse_obstacles(chosen, to_catalog, "copied")
    ordered = tuple(table for group in dependency_groups(chosen) for table in group)
    references, notes = possible_references(chosen, to_catalog)
    missing = [table for table in ordered if table.name not in to_catalog.tables]
    notes = [*hidden_rows(source, target), *notes, *await writer.preview(missing, source.name)]
    notes += await left_out(source, [table.name for table in missing], "made")
    if source.name == "supabase" and missing:
        notes.append(_HIDDEN_BY_REST)
    return Outline(ordered, references, to_catalog, tuple(notes))


async def plan_of(found: Outline, reader: Reader, writer: Writer, target: StoreName) -> CopyPlan:
    """Return the plan for an outline."""
    planned: list[PlannedTable] = []
    misfits: list[Misfit] = []
    for table in found.ordered:
        there = found.present.tables.get(table.name)
        pair = pair_for_copy(table, there or as_made(table, target))
        method = "a new table" if there is None else await writer.method(pair, reader)
        planned.append(PlannedTable(table.name, await reader.estimate(table), there is None, method))
        if isinstance(reader, SqliteReader):
            misfits += await stopping(
                reader, pair, found.references[table.name] if there is None else there.foreign_keys
            )
    return CopyPlan(tuple(planned), found.notes, tuple(misfits))


def as_made(table: Table, target: StoreName) -> Table:
    """Return a table that is missing as the target will have it: only SQLite takes NULL into a primary key."""
    if target == "sqlite":
        return table
    columns = (replace(c, nullable=False) if c.name in table.primary_key else c for c in table.columns)
    return replace(table, columns=tuple(columns))


async def stopping(reader: SqliteReader, pair: TablePair, enforced: Iterable[ForeignKey]) -> list[Misfit]:
    """Return the values of a table, and its references, that would stop a move.

    Args:
        enforced: foreign keys that the target has or will have; those that the source has too are looked at.
    """
    wanted = {(key.columns, key.target_table) for key in enforced}
    keys = [key for key in pair.source.foreign_keys if (key.columns, key.target_table) in wanted]
    return [*await reader.misfits(pair), *await reader.broken_references(pair.source, keys)]


def counting_by_itself(table: Table) -> Table:
    """Have a lone whole-number key count by itself where the source cannot tell (REST): else inserts would fail."""
    if table.keys_known or len(table.primary_key) != 1:
        return table
    number = table.by_name[table.primary_key[0]]
    if number.type.kind not in INTEGERS or number.default is not None:
        return table
    numbered = replace(number, identity=True)
    return replace(table, columns=tuple(numbered if column is number else column for column in table.columns))


def refuse_obstacles(chosen: Mapping[str, Table], present: Catalog, done: str) -> None:
    """Raise RefusedError where rows do not fit into tables that are there; names every obstacle.

    Args:
        done: what was not, for the message.
    """
    found = [
        obstacle
        for name, table in sorted(chosen.items())
        if name in present.tables
        for obstacle in obstacles(table, present.tables[name])
    ]
    if found:
        shown = "; ".join(found[:20]) + (f"; and {len(found) - 20} more" if len(found) > 20 else "")
        raise RefusedError(f"nothing was {done}, the schemas do not fit: {shown}")
