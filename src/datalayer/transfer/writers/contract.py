"""What a copy asks of its target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from datalayer.errors import TransferError
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import StoreName
from datalayer.transfer.pace import Pace
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Reader

#: Foreign keys that a table is to have, by the table's name.
ForeignKeys: TypeAlias = Mapping[str, Sequence[ForeignKey]]


@dataclass(frozen=True, slots=True)
class BrokenReference:
    """Rows of a table that refer to rows that are not there.

    Args:
        columns: that refer to the other table.
        first: the keys of the first such rows; empty where they have none.
    """

    table: str
    columns: tuple[str, ...]
    parent: str
    first: str

    def __str__(self) -> str:
        told = f"{self.table} ({', '.join(self.columns)}) refers to rows that {self.parent} does not have"
        return told + (f", first at {self.first}" if self.first else "")


class BrokenReferencesError(TransferError):
    """All rows are written, and some refer to nothing; what to do about it depends on what wrote them."""

    def __init__(self, broken: Sequence[BrokenReference]) -> None:
        super().__init__("; ".join(map(str, broken)), table=broken[0].table)
        self.broken = tuple(broken)


class Writer(Protocol):
    """The target of one copy. The calls come in this order; each raises TransferError or StoreError."""

    #: Rows that are written for good, those of earlier runs of the same copy included, by table.
    written: dict[str, int]

    async def preview(self, tables: Sequence[Table], source: StoreName) -> list[str]:
        """Refuse what cannot be created; return notes on what has no counterpart. Changes nothing."""

    async def method(self, pair: TablePair, reader: Reader) -> str:
        """Return in words how rows will be written into a table that is there. Changes nothing."""

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Keep other copies out of this target."""

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Create those of the tables that are missing; return what ``preview`` does."""

    async def begin(self, pairs: Sequence[TablePair], reader: Reader, part_rows: int | None = None) -> None:
        """Find out where an earlier run stopped; refuse tables whose rows could not be told apart.

        Args:
            part_rows: how many rows a part that is kept by itself may have, about.
        """

    async def load(self, pairs: Sequence[TablePair], reader: Reader, pace: Pace, jobs: int) -> None:
        """Write all rows that are not written yet."""

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Put right what waits for the rows: foreign keys, sequences; return notes.

        Raises:
            BrokenReferencesError: rows refer to nothing; everything else is done.
        """

    async def present(self, table: str) -> int | None:
        """Return how many rows a table has; None where that is not asked."""

    async def forget(self) -> None:
        """Remove what was kept for the way back from a failure."""
