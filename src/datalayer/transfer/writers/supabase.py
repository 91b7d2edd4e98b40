"""Supabase as the target: rows only, through its REST interface; tables have to be there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from datalayer.errors import RefusedError
from datalayer.query import Count
from datalayer.stores.catalog import Table
from datalayer.stores.contract import Store, StoreName
from datalayer.transfer.ordering import dependency_groups
from datalayer.transfer.pace import Pace
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.posting import post
from datalayer.transfer.readers.contract import Reader
from datalayer.transfer.writers.contract import ForeignKeys


class SupabaseWriter:
    """Writes one copy over REST. Each chunk is written by itself; triggers on the tables keep firing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.written: dict[str, int] = {}

    async def preview(self, tables: Sequence[Table], source: StoreName) -> list[str]:
        """Refuse missing tables: REST cannot make any."""
        if tables:
            raise RefusedError(
                f"Supabase lacks the tables {', '.join(table.name for table in tables)}; REST cannot create"
                " any: create them in the SQL editor first",
                table=tables[0].name,
            )
        return ["sequences cannot be set over REST: set them in Supabase's SQL editor, triggers there kept firing"]

    async def method(self, pair: TablePair, reader: Reader) -> str:
        """Return in words how rows will be written."""
        if pair.key:
            return f"upsert over REST by ({', '.join(pair.key)})"
        if await self._store.count(Count(pair.name)):
            raise RefusedError(
                f"nothing was copied: {pair.name} has rows in the target and no key that both sides share, so a row"
                " could not be told from one that is there already; empty the table or give both sides a primary key",
                table=pair.name,
            )
        return "insert over REST; without a key it cannot go on after a failure"

    @asynccontextmanager
    async def exclusive(self) -> AsyncIterator[None]:
        """REST has no locks."""
        yield

    async def create(self, tables: Sequence[Table], foreign_keys: ForeignKeys, source: StoreName) -> list[str]:
        """Refuse missing tables."""
        present = (await self._store.catalog()).tables
        return await self.preview([table for table in tables if table.name not in present], source)

    async def begin(self, pairs: Sequence[TablePair], reader: Reader, part_rows: int | None = None) -> None:
        """Refuse tables whose rows could not be told apart; REST leaves no place for the progress."""
        for pair in pairs:
            await self.method(pair, reader)

    async def load(self, pairs: Sequence[TablePair], reader: Reader, pace: Pace, jobs: int) -> None:
        """Write the tables one after the other, parents first."""
        by_name = {pair.name: pair for pair in pairs}
        for group in dependency_groups({pair.name: pair.target for pair in pairs}):
            for table in group:
                await self._load(by_name[table.name], reader, pace)

    async def finish(self, pairs: Sequence[TablePair]) -> list[str]:
        """Nothing waits for the rows."""
        return []

    async def present(self, table: str) -> int | None:
        """Policies may hide rows from the key, and nothing tells so."""
        return None

    async def forget(self) -> None:
        """Nothing is kept."""

    async def _load(self, pair: TablePair, reader: Reader, pace: Pace) -> None:
        self.written[pair.name] = 0
        for strand in reader.strands(pair, await reader.layout(pair.source), {}):
            async for part in strand():
                async with aclosing(part.rows()) as blocks:
                    async for block in blocks:
                        rows = [dict(zip(pair.column_names, row, strict=True)) for row in block]
                        await post(self._store, pair, rows)
                        self.written[pair.name] += len(block)
                        await pace.passed(pair.name, len(block))
