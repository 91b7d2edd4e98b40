"""What a copy asks of its source.

    table ──> strands, independent of each other ──> parts, one after the other ──> blocks of rows

A part is what the target writes in one transaction. Its position means the same in the next run of the same copy.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from datalayer.stores.catalog import Table
from datalayer.stores.contract import StoreName
from datalayer.transfer.pairing import TablePair

#: Rows fit for the target, their values in the order of the pair's columns.
Rows: TypeAlias = list[list[Any]]
#: Bytes for COPY, and about how many rows they have.
Block: TypeAlias = tuple[bytes, int]
#: Parts that are already written: where each ended, by its number.
Done: TypeAlias = Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a table.

    Args:
        number: counted from 1, the same in every run.
        end: where it ends; a reader that finds its parts on the way goes on from there.
        rows: reads it; may be called again.
        where: the SQL condition of the part, where the source is PostgreSQL.
        lines: reads it as the text that PostgreSQL's COPY takes, where the source can spell that.
    """

    number: int
    end: str
    rows: Callable[[], AsyncGenerator[Rows, None]]
    where: str = ""
    lines: Callable[[], AsyncGenerator[Block, None]] | None = None


Strand: TypeAlias = Callable[[], AsyncIterator[Part]]


class Reader(Protocol):
    """The source of one copy. All calls raise TransferError or StoreError."""

    name: StoreName

    def reading(self) -> AbstractAsyncContextManager[None]:
        """Take a snapshot, where the source has any, for everything that is read inside."""

    async def estimate(self, table: Table) -> int:
        """Return about how many rows a table has."""

    async def mark(self, table: Table) -> str:
        """Return a text that changes when it is another table, or its rows have changed, as far as one can tell."""

    async def layout(self, table: Table, most_rows: int | None = None) -> str:
        """Return how to cut the table into parts, of about so many rows at most; kept for later runs of the copy."""

    def strands(self, pair: TablePair, layout: str, done: Done) -> Sequence[Strand]:
        """Return the parts that are not done."""
