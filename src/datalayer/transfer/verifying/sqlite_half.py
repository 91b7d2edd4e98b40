"""A table of SQLite, hashed row by row: SQLite spells the rows, Python hashes the texts and adds."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from datalayer.stores.sql_names import quote
from datalayer.stores.sqlite.codecs import Codec
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.verifying.cuts import NULLS, Cut, HashCut, RangeCut
from datalayer.transfer.verifying.digests import HASH_BYTES, MODULUS, Digest
from datalayer.transfer.verifying.plans import Hashes, NotAlikeError, Sums
from datalayer.transfer.verifying.snapshots import PATIENCE, Side
from datalayer.transfer.verifying.texts_sqlite import SqliteTexts

T = TypeVar("T")

#: Rows are counted in the same number as their hashes are added, above what 2**64 hashes can come to.
_COUNT_BITS: Final = 192
_COUNTED: Final = 1 << _COUNT_BITS
#: What sqlite3 says of a value that Python could not read.
_UNREADABLE: Final = ("user-defined function raised exception", "decode")


@dataclass(frozen=True, slots=True)
class SqliteHalf:
    """One side of a table in SQLite.

    Args:
        codecs: how the store reads each column.
    """

    side: Side
    pair: TablePair
    texts: SqliteTexts
    codecs: Mapping[str, Codec]
    digest: Digest

    async def rows(self) -> int:
        """Return how many rows the table has."""
        query = f"select count(*) from {self._table}"
        return await self._read(lambda connection: int(connection.execute(query).fetchone()[0]))

    async def bounds(self) -> tuple[int, int] | None:
        """Return the smallest and the largest key; a key that is no whole number is looked for apart."""
        key = quote(self.pair.key[0])
        # Each is one step of an index. Where neither is whole, a whole one may still be between them.
        ends = f"select (select min({key}) from {self._table}), (select max({key}) from {self._table})"
        among = f"select min({key}), max({key}) from {self._table} where typeof({key}) = 'integer'"

        def job(connection: sqlite3.Connection) -> tuple[Any, Any]:
            low, high = connection.execute(ends).fetchone()
            if type(low) is not int or type(high) is not int:
                low, high = connection.execute(among).fetchone()
            return low, high

        low, high = await self._read(job)
        return None if low is None else (low, high)

    async def sums(self, cut: Cut) -> Sums:
        """Return rows and sums of row hashes by segment."""

        def job(connection: sqlite3.Connection) -> Sums:
            found: dict[int, int] = defaultdict(int)
            number, new = int.from_bytes, self.digest.new
            if self.texts.odd(connection):
                raise ValueError("a text that SQLite would not spell as it is")
            with self.texts.spelled(connection) as spelled:
                for segment, text in self._rows(connection, cut, spelled):
                    found[segment] += number(new(text, usedforsecurity=False).digest()[:HASH_BYTES]) + _COUNTED
            return {segment: (total >> _COUNT_BITS, total % MODULUS) for segment, total in found.items()}

        return await self._read(job)

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments."""
        codecs = [self.codecs[name] for name in self.pair.key]

        def job(connection: sqlite3.Connection) -> Hashes:
            found: Hashes = {}
            wanted = frozenset(segments)
            with self.texts.spelled(connection) as spelled:
                more = f", {spelled(self.pair.key)}, {', '.join(quote(name) for name in self.pair.key)}"
                for segment, text, identity, *key in self._rows(connection, cut, spelled, wanted, more):
                    if segment in wanted:
                        values = tuple(_value(codec, stored) for codec, stored in zip(codecs, key, strict=True))
                        hashed = f"{self.digest.of(text):0128b}"
                        found.setdefault(identity, []).append((values, hashed))
            return found

        return await self._read(job)

    def _rows(
        self,
        connection: sqlite3.Connection,
        cut: Cut,
        spelled: Callable[[Sequence[str] | None], str],
        segments: frozenset[int] | None = None,
        more: str = "",
    ) -> Iterator[Any]:
        """Return of each row segment, text as bytes and what else is asked for; perhaps rows of more segments."""
        text = f"cast({spelled(None)} as blob)"
        if isinstance(cut, RangeCut):
            query = f"select {self._number(cut)}, {text}{more} from {self._table}{self._where(cut, segments)}"
            return connection.execute(query)
        query = f"select {spelled(self.pair.key)}, {text}{more} from {self._table}"
        return self._placed(connection.execute(query), cut)

    def _placed(self, rows: Iterator[Any], cut: HashCut) -> Iterator[Any]:
        for key, *rest in rows:
            segment = cut.segment(self.digest.cut(key))
            if segment is not None:
                yield segment, *rest

    def _number(self, cut: RangeCut) -> str:
        key = quote(self.pair.key[0])
        return f"case when typeof({key}) = 'integer' then ({key} - {cut.low}) / {cut.step} else {NULLS} end"

    def _where(self, cut: RangeCut, segments: frozenset[int] | None) -> str:
        key = quote(self.pair.key[0])
        between = f"{key} between {cut.low} and {cut.high}"
        if cut.nulls:
            between = f"({between} or typeof({key}) <> 'integer')"
        if segments is None:
            return "" if cut.whole else f" where {between}"
        return f" where {between} and {self._number(cut)} in ({', '.join(map(str, segments))})"

    @property
    def _table(self) -> str:
        return quote(self.pair.name)

    async def _read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job in the snapshot. One that meets an unreadable value must not fail there: that would end it."""

        def guarded(connection: sqlite3.Connection) -> T | NotAlikeError:
            try:
                return job(connection)
            except (TypeError, ValueError, ArithmeticError):
                return NotAlikeError(self.pair.name)
            except sqlite3.OperationalError as error:
                if any(said in str(error) for said in _UNREADABLE):
                    return NotAlikeError(self.pair.name)
                raise

        async with self.side.sqlite() as session:
            answer = await session.read(guarded, timeout=PATIENCE)
        if isinstance(answer, NotAlikeError):
            raise answer
        return answer


def _value(codec: Codec, stored: Any) -> Any:
    return stored if stored is None or type(stored) is codec.plain else codec.read(stored)
