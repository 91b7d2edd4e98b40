"""What a copy asks of its target."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from datalayer.query import Row
from datalayer.stores.catalog import ForeignKey, Table
from datalayer.stores.contract import StoreName
from datalayer.transfer.pairing import TablePair

#: The source's rows of a table, fit for the target.
ReadRows: TypeAlias = Callable[[TablePair], AsyncGenerator[Row, None]]
#: Foreign keys that a table is to have, by the table's name.
ForeignKeys: TypeAlias = Mapping[str, Sequence[ForeignKey]]


class Writer(Protocol):
    """The target of one copy. The calls come in this order; each raises TransferError."""

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Create those of the tables that are missing; return notes on what has no counterpart."""

    async def load(self, group: Sequence[TablePair], read: ReadRows) -> None:
        """Write all rows of tables that refer to each other; again with the same rows it changes nothing."""

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Put right what waits for the rows: foreign keys, sequences; return notes."""
