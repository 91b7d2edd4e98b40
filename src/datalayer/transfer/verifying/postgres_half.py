"""A table of PostgreSQL, its canonical texts hashed and added inside the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from datalayer.transfer.verifying.cut_sql import CutSql
from datalayer.transfer.verifying.cuts import Cut
from datalayer.transfer.verifying.digests import Digest, sum_of_halves
from datalayer.transfer.verifying.plans import Hashes, Sums
from datalayer.transfer.verifying.snapshots import Side
from datalayer.transfer.verifying.texts_postgres import PostgresColumns


@dataclass(frozen=True, slots=True)
class PostgresHalf:
    """One side of a table in PostgreSQL."""

    side: Side
    columns: PostgresColumns
    digest: Digest

    async def rows(self) -> int:
        """Return about how many rows the table has."""
        literal = self.columns.table.replace("'", "''")
        ((rows,),) = await self.side.ask(
            f"SELECT greatest(reltuples, 0)::int8 FROM pg_class WHERE oid = '{literal}'::regclass"
        )
        return int(rows)

    async def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and the largest key."""
        ((low, high),) = await self.side.ask(
            f"SELECT min({self.columns.key[0]}), max({self.columns.key[0]}) FROM {self.columns.table}"
        )
        return None if low is None else (low, high)

    async def sums(self, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""
        # A number of 64 bits has a sign: each that is below zero lacks 2**64.
        query = (
            "SELECT segment, count(*), sum(hashed::bit(64)::int8), sum((hashed << 64)::bit(64)::int8),"
            " count(*) FILTER (WHERE get_bit(hashed, 64) = 1)"
            f" FROM (SELECT {self._cuts.number(cut)} AS segment,"
            f" {self.digest.row_sql(self.columns.row_text)} AS hashed"
            f" FROM {self.columns.rows(self._cuts.within(cut))}) AS row GROUP BY 1"
        )
        return {
            segment: (rows, sum_of_halves(int(upper), int(lower), negative))
            for segment, rows, upper, lower, negative in await self.side.ask(query)
        }

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments."""
        hashed = self.digest.row_sql(self.columns.row_text)
        query = (
            f"SELECT {self.columns.key_text}, {hashed}::text, {', '.join(self.columns.key)}"
            f" FROM {self.columns.table} WHERE {self._cuts.inside(cut, segments)}"
        )
        found: Hashes = {}
        for identity, hashed, *key in await self.side.ask(query):
            found.setdefault(identity, []).append((tuple(key), hashed))
        return found

    @property
    def _cuts(self) -> CutSql:
        return CutSql(self.columns.key[0], self.digest.cut_sql(self.columns.key_text))
