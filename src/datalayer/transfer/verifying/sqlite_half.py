"""A table of SQLite, hashed row by row: SQLite spells the rows, Python hashes the texts and adds."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from datalayer.stores.sql_names import quote, quote_all
from datalayer.stores.sqlite.catalog import Facts
from datalayer.stores.sqlite.codecs import Codec
from datalayer.stores.sqlite.row_ids import row_id_beside
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.exactly import reading
from datalayer.transfer.verifying.cuts import NULLS, Cut, HashCut, RangeCut
from datalayer.transfer.verifying.digests import HASH_BYTES, MODULUS, Digest
from datalayer.transfer.verifying.plans import Hashes, NotAlikeError, Sums
from datalayer.transfer.verifying.snapshots import PATIENCE, Side
from datalayer.transfer.verifying.sqlite_pages import Page, Rows
from datalayer.transfer.verifying.texts_sqlite import SqliteTexts

T = TypeVar("T")

#: By segment, or by the label of one; under None what is outside of a cut.
_Found: TypeAlias = dict[int | bytes | None, int]
_Spelling: TypeAlias = Callable[[Sequence[str] | None], str]

#: The locator of a table that has row ids.
_ROW_ID: Final = "_rowid_"
#: Rows are counted in the same number as their hashes are added, above what 2**64 hashes can come to.
_COUNT_BITS: Final = 192
_COUNTED: Final = 1 << _COUNT_BITS
#: What sqlite3 says of a value that Python could not read.
_UNREADABLE: Final = ("user-defined function raised exception", "decode")


@dataclass(frozen=True, slots=True)
class SqliteHalf:
    """One side of a table in SQLite.

    Args:
        facts: what the store knows of the table.
    """

    side: Side
    pair: TablePair
    texts: SqliteTexts
    facts: Facts
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
            found: _Found = defaultdict(int)
            with self.texts.spelled(connection) as spelled:
                _meanwhile(self._pages(connection, cut, spelled), partial(self._add, cut, found))
            return {
                int(segment): (total >> _COUNT_BITS, total % MODULUS)
                for segment, total in found.items()
                if segment is not None
            }

        return await self._read(job)

    async def hashes(self, cut: Cut, segments: Sequence[int]) -> Hashes:
        """Return the row hashes of these segments."""
        codecs = [self.facts.codecs[name] for name in self.pair.key]

        def job(connection: sqlite3.Connection) -> Hashes:
            found: Hashes = {}
            place, wanted = self._place(cut), frozenset(segments)
            with self.texts.spelled(connection) as spelled:
                label, text, identity = self._label(cut, spelled), spelled(None), spelled(self.pair.key)
                query = (
                    f"select cast({label} as blob), cast({text} as blob), {identity},"
                    f" {quote_all(self.pair.key)} from {self._table}{self._where(cut, wanted)}"
                )
                for labelled, text, identity, *key in connection.execute(query):
                    if place(labelled) in wanted:
                        values = tuple(_value(codec, stored) for codec, stored in zip(codecs, key, strict=True))
                        found.setdefault(identity, []).append((values, f"{self.digest.of(text):0128b}"))
            return found

        return await self._read(job)

    def _pages(self, connection: sqlite3.Connection, cut: Cut, spelled: _Spelling) -> Iterator[Page]:
        """Yield all rows of a cut."""
        rows = Rows(self._table, self._label(cut, spelled), spelled(None))
        where, identity = self._where(cut), self.facts.identity
        if isinstance(cut, RangeCut) and self.pair.key[0] == identity:
            return rows.by_row_id(connection, quote(identity), cut.low, cut.high)
        row_id = row_id_beside(self.facts.table.by_name) if self.facts.locator == (_ROW_ID,) else None
        if row_id is None or where:
            return rows.by_condition(connection, where)
        return rows.by_row_id(connection, row_id)

    def _add(self, cut: Cut, found: _Found, page: Page) -> None:
        number, new = int.from_bytes, self.digest.new
        labels, texts = page.split()
        hashes = [number(new(text, usedforsecurity=False).digest()[:HASH_BYTES]) for text in texts]
        # A label of a range is its segment's number, which is read when all rows are added.
        segments = labels if isinstance(cut, RangeCut) else map(self._place(cut), labels)
        for segment, hashed in zip(segments, hashes, strict=True):
            found[segment] += hashed + _COUNTED

    def _label(self, cut: Cut, spelled: _Spelling) -> str:
        """SQL: what tells the segment of a row."""
        return self._number(cut) if isinstance(cut, RangeCut) else spelled(self.pair.key)

    def _place(self, cut: Cut) -> Callable[[bytes], int | None]:
        """Return what reads the segment from it."""
        return int if isinstance(cut, RangeCut) else lambda label: cut.segment(self.digest.cut_of(label))

    def _number(self, cut: RangeCut) -> str:
        key = quote(self.pair.key[0])
        number = f"({key} - {cut.low}) / {cut.step}"
        # A row id is always a whole number.
        is_row_id = self.pair.key[0] == self.facts.identity
        return number if is_row_id else f"case when typeof({key}) = 'integer' then {number} else {NULLS} end"

    def _where(self, cut: Cut, segments: frozenset[int] | None = None) -> str:
        """SQL: the rows of a cut, or of some segments of a cut; by a hash, of all segments."""
        if isinstance(cut, HashCut) or (cut.whole and segments is None):
            return ""
        key = quote(self.pair.key[0])
        between = f"{key} between {cut.low} and {cut.high}"
        if cut.nulls:
            between = f"({between} or typeof({key}) <> 'integer')"
        if segments is None:
            return f" where {between}"
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
    return stored if stored is None or type(stored) is codec.plain else reading(codec)(stored)


def _meanwhile(pages: Iterator[Page], use: Callable[[Page], None]) -> None:
    """Use each page on another thread while SQLite is at the next one."""
    with ThreadPoolExecutor(1, thread_name_prefix="datalayer-hashing") as other:
        used: Future[None] | None = None
        for page in pages:
            if used is not None:
                used.result()
            used = other.submit(use, page)
        if used is not None:
            used.result()
