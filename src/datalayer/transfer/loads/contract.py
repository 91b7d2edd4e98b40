"""What a load asks of its target."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from datalayer.query import Row
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.transfer.loads.marks import Mark
from datalayer.transfer.pairing import TablePair


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file, counted from 1."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.number}"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one table and one set of columns, fit for it.

    Args:
        replaces: rows that are there under the same key are replaced; else there are none, and none of the load's own
            rows may take the place of another.
        file: where the rows come from.
        lines: of the file, counted from 1, in the order of the rows.
    """

    pair: TablePair
    rows: Sequence[Row]
    replaces: bool
    file: str
    lines: Sequence[int]

    def line(self, place: int) -> Line:
        """Return where the row at a place, counted from 0, comes from."""
        return Line(self.file, self.lines[place])


class Writing(Protocol):
    """Writes chunks."""

    async def write(self, batches: Sequence[Batch], before: Mark, after: Mark) -> None:
        """Write rows and advance the checkpoint, both or neither.

        Raises:
            TransferError: the target refused, or another process advanced the checkpoint.
        """


class LoadTarget(Writing, Protocol):
    """The target of one load."""

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Keep other copies and loads out of this target."""

    @property
    def most_jobs(self) -> int:
        """How many chunks can be written at a time."""

    async def marks(self) -> dict[str, Mark]:
        """Return this load's checkpoints, by exported table."""

    async def forget(self, table: str) -> None:
        """Take a table's checkpoint away."""

    def together(self, tables: Sequence[str]) -> AbstractAsyncContextManager[Writing]:
        """Write chunks of tables that refer to each other, and check that when all of them are there."""

    async def orphans(self, table: Table, key: ForeignKey) -> int | None:
        """Count rows that refer to nothing; None where the store cannot be asked."""
