"""An exported table's file as chunks for the target: read, transformed, each value checked against its column."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from datalayer.errors import TransferError
from datalayer.query import Row
from datalayer.stores.catalog import Table
from datalayer.transfer.conversions import Conversion
from datalayer.transfer.exports.files import read_chunks
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.loads.contract import Batch, Line
from datalayer.transfer.loads.tables import TargetTables, refuse_other_rows
from datalayer.transfer.loads.transforms import Transform, ValueFits, transformed
from datalayer.transfer.naming import key_text
from datalayer.transfer.pairing import ColumnPair, TablePair, pair_for_copy


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows read from a file, and what is to be written of them.

    Args:
        rows_written: fewer than those read where a transform left some out; those of one key count one by one.
    """

    rows_read: int
    rows_written: int
    batches: tuple[Batch, ...]


class PlainChunks:
    """Rows as they were exported, into the table of the same name."""

    def __init__(self, tables: TargetTables, *, shared: set[str]) -> None:
        self._tables = tables
        #: Tables with rows of others, which are replaced.
        self._shared = shared

    async def read(self, path: Path, source: Table, *, skip: int, size: int) -> AsyncGenerator[Chunk, None]:
        """Yield a table's chunks after so many rows."""
        pair = pair_for_copy(source, self._tables.present[source.name])
        fits = [(column.source.name, fit(column.source, column.target)) for column in pair.columns]
        replaces = source.name in self._shared and bool(pair.key)
        number = skip
        for rows in read_chunks(path, source, skip=skip, most_rows=size):
            fitted = [_fitted(fits, row, source, Line(path.name, number + place)) for place, row in enumerate(rows, 1)]
            lines = range(number + 1, number + len(rows) + 1)
            yield Chunk(len(rows), len(rows), (Batch(pair, fitted, replaces, path.name, lines),))
            number += len(rows)


class TransformedChunks:
    """Rows as a transform wants them, into the tables it names."""

    def __init__(
        self, tables: TargetTables, transform: Transform, *, upsert: bool, own: set[str], shared: set[str]
    ) -> None:
        self._tables = tables
        self._transform = transform
        self._upsert = upsert
        #: Tables that this load has begun to write to.
        self._own = own
        #: Tables with rows of others, which are replaced.
        self._shared = shared
        self._fits: dict[str, ValueFits] = {}

    async def read(self, path: Path, source: Table, *, skip: int, size: int) -> AsyncGenerator[Chunk, None]:
        """Yield a table's chunks after so many rows."""
        number = skip
        for rows in read_chunks(path, source, skip=skip, most_rows=size):
            groups: dict[tuple[str, tuple[str, ...]], list[tuple[int, Row]]] = {}
            for row in rows:
                number += 1
                made = transformed(self._transform, source.name, row, number)
                if made is None:
                    continue
                name, values = made
                table = await self._target(name)
                fitted = self._fit(table, values, source, Line(path.name, number))
                groups.setdefault((name, tuple(fitted)), []).append((number, fitted))
            written = sum(map(len, groups.values()))
            yield Chunk(len(rows), written, tuple(self._batch(*at, path.name, made) for at, made in groups.items()))

    async def _target(self, name: str) -> Table:
        table = self._tables.present.get(name) or await self._tables.ensure(name)
        if name not in self._own:
            held = await refuse_other_rows(self._tables, [name], upsert=self._upsert, begun=bool(self._own))
            self._shared.update(held)
            self._own.add(name)
        return table

    def _fit(self, table: Table, values: Row, source: Table, line: Line) -> Row:
        fits = self._fits.setdefault(table.name, ValueFits(table))
        unknown = [name for name in values if name not in table.by_name]
        if unknown:
            raise _misfit(source, line, f"{table.name} has no column {', '.join(map(str, unknown))}")
        fitted: Row = {}
        for name, value in values.items():
            try:
                fitted[name] = fits.apply(name, value)
            except MisfitError as misfit:
                raise _misfit(source, line, f"{table.name}.{name} {misfit}") from None
        return fitted

    def _batch(self, name: str, columns: tuple[str, ...], file: str, numbered: list[tuple[int, Row]]) -> Batch:
        table = self._tables.present[name]
        written = set(columns)
        keys = (table.primary_key, *(unique.columns for unique in table.uniques))
        key = next((key for key in keys if key and written.issuperset(key)), ())
        replaces = bool(key) and name in self._shared
        if replaces:
            numbered = _last_of_each_key(key, numbered)
        pairs = tuple(ColumnPair(table.by_name[column], table.by_name[column]) for column in columns)
        lines, rows = zip(*numbered, strict=True)
        return Batch(TablePair(table, table, pairs, key), rows, replaces, file, lines)


def _last_of_each_key(key: tuple[str, ...], numbered: list[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """Leave out rows that others of a chunk would replace; NULL is no key."""
    last: dict[object, tuple[int, Row]] = {}
    for line, row in numbered:
        values = tuple(row[part] for part in key)
        last[line if None in values else values] = line, row
    return list(last.values())


def _fitted(fits: list[tuple[str, Conversion]], row: Row, source: Table, line: Line) -> Row:
    fitted: Row = {}
    for name, apply in fits:
        try:
            fitted[name] = apply(row[name])
        except MisfitError as misfit:
            key = key_text({part: row[part] for part in source.primary_key})
            where = f"{source.name}.{name} {misfit}" + (f", at {key}" if key else "")
            raise _misfit(source, line, where) from None
    return fitted


def _misfit(source: Table, line: Line, rule: str) -> TransferError:
    return TransferError(
        f"{line}: {rule} (row {line.number} of the exported {source.name}); change the column or transform the row,"
        " then load again",
        table=source.name,
    )
