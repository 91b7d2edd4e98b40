"""SQLite as the source: parts by row id, each page of rows a seek of its own, so that no lock and no cursor stays."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, Final, TypeAlias

from datalayer.collecting import uncollected
from datalayer.stores.catalog import ColumnType, ForeignKey, Kind, Table
from datalayer.stores.contract import StoreName
from datalayer.stores.sql_names import quote, quote_all
from datalayer.stores.sqlite.catalog import Facts, read_schema
from datalayer.stores.sqlite.codecs import Codec
from datalayer.stores.sqlite.decode import Decoder
from datalayer.stores.sqlite.row_ids import row_id_beside
from datalayer.stores.sqlite.session import SqliteSession
from datalayer.transfer.conversions import Conversion
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.misfits import MOST_NAMED, Misfit, MisfitCounter
from datalayer.transfer.naming import key_text
from datalayer.transfer.orphans import select_orphans
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers import exactly
from datalayer.transfer.readers.contract import Block, Done, Part, Rows, Strand
from datalayer.transfer.readers.copy_sql import PageSpeller, PageText
from datalayer.transfer.readers.copy_text import ToText, to_text
from datalayer.transfer.readers.fitting_blocks import BlockFitter
from datalayer.transfer.readers.page_size import PageSize
from datalayer.transfer.unreadable import UNREADABLE, Unreadable

_PART_ROWS = 20_000
_MOST_PARTS = 1_000
#: Seconds for what looks at a whole table.
_PATIENCE = 3600.0


#: A column's place in a row, the type of values that need no reading, and what reads the others.
Decoding: TypeAlias = tuple[int, type | None, Decoder]
#: Yields pages of stored values, those of the columns asked for first.
_Pages: TypeAlias = Callable[[Sequence[str]], AsyncGenerator[list[tuple[Any, ...]], None]]
_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


class SqliteReader:
    """Reads one copy out of SQLite: from the store itself, or in the snapshot of a transaction."""

    name: StoreName = "sqlite"

    def __init__(self, session: SqliteSession) -> None:
        self._session = session
        #: Filled by ``reading``.
        self._facts: dict[str, Facts] = {}
        self._encoding = ""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read the schema. SQLite lends no snapshot to several connections: copy while nobody writes."""
        self._facts = dict(await self._session.read(lambda connection: read_schema(connection).facts))
        self._encoding = (await self._session.read(partial(_fetch, "pragma encoding", ())))[0][0]
        yield

    async def estimate(self, table: Table) -> int:
        """Count the rows."""
        query = f"select count(*) from {quote(table.name)}"
        return int(
            await self._session.read(lambda connection: connection.execute(query).fetchone()[0], timeout=_PATIENCE)
        )

    async def mark(self, table: Table) -> str:
        """Return the file, by name and by number, and the state of its schema."""
        query = (
            "select file, (select schema_version from pragma_schema_version) from pragma_database_list where seq = 0"
        )
        file, version = await self._session.read(lambda connection: connection.execute(query).fetchone())
        number = (await asyncio.to_thread(os.stat, file)).st_ino if file else None
        return json.dumps([table.name, file, number, version])

    async def layout(self, table: Table, most_rows: int | None = None) -> str:
        """Return the smallest row id, the largest, and how many make a part; nothing where rows have no id."""
        row_id = self._row_id(table)
        if row_id is None:
            return ""
        query = f"select min({row_id}), max({row_id}), count(*) from {quote(table.name)}"
        first, last, rows = (await self._session.read(partial(_fetch, query, ()), timeout=_PATIENCE))[0]
        if not rows:
            return json.dumps({"first": 0, "last": 0, "step": 1})
        parts = max(min(_MOST_PARTS, -(-rows // _PART_ROWS)), -(-rows // most_rows) if most_rows else 1)
        return json.dumps({"first": first, "last": last, "step": max(1, -(-(last - first + 1) // parts))})

    def strands(self, pair: TablePair, layout: str, done: Done) -> Sequence[Strand]:
        """Return one strand for each range of row ids; the last one has no end."""
        row_id = self._row_id(pair.source)
        if not layout or row_id is None:
            return [] if 1 in done else [partial(self._whole, pair)]
        first, last, step = (json.loads(layout)[name] for name in ("first", "last", "step"))
        starts = range(first, last + 1, step)
        return [
            partial(self._part, pair, number, row_id, start, None if number == len(starts) else start + step - 1)
            for number, start in enumerate(starts, 1)
            if number not in done
        ]

    async def _part(
        self, pair: TablePair, number: int, row_id: str, start: int, end: int | None
    ) -> AsyncIterator[Part]:
        pages = partial(self._pages, pair.source, row_id, start, end)
        lines = partial(self._lines, pair, number, pages)
        if self._encoding == "UTF-8":
            lines = partial(self._joined_lines, pair, number, row_id, start, end)
        yield Part(number, str(end), partial(self._rows, pair, number, pages), lines=lines)

    async def _whole(self, pair: TablePair) -> AsyncIterator[Part]:
        pages = partial(self._pages_by_key, pair.source)
        yield Part(1, "", partial(self._rows, pair, 1, pages), lines=partial(self._lines, pair, 1, pages))

    async def _rows(self, pair: TablePair, number: int, pages: _Pages) -> AsyncGenerator[Rows, None]:
        fitter = BlockFitter(pair, number, self._conversions(pair))
        async with aclosing(pages(fitter.columns)) as found:
            async for page in found:
                yield fitter.fitted(page)

    async def _lines(self, pair: TablePair, number: int, pages: _Pages) -> AsyncGenerator[Block, None]:
        """Yield COPY's text, value by value."""
        fitter, ways = self._spelling(pair, number)
        async with aclosing(pages(fitter.columns)) as found:
            async for page in found:
                yield _spelled(page, fitter, ways), len(page)

    async def _joined_lines(
        self, pair: TablePair, number: int, row_id: str, start: int, end: int | None
    ) -> AsyncGenerator[Block, None]:
        """Yield COPY's text, pages of it joined by SQLite; where it stops, the next rows go value by value."""
        fitter, ways = self._spelling(pair, number)
        speller, size = PageSpeller(pair, row_id, ways), PageSize()
        by_value = _paged(pair.source, row_id, end, fitter.columns)
        while start <= _LARGEST:
            spell = partial(speller.page, low=start, high=_LARGEST if end is None else end, rows=size.rows)
            page = await self._session.read(spell, timeout=_PATIENCE)
            if isinstance(page, PageText):
                fitter.skipped(page.rows)
            else:
                stored = await self._session.read(partial(_page, by_value, (start, page)), timeout=_PATIENCE)
                page = PageText(_spelled(stored, fitter, ways), len(stored), stored[-1][-1])
            if not page.rows:
                return
            yield page.text, page.rows
            size.saw_bytes(len(page.text) // page.rows)
            start = page.last + 1

    def _spelling(self, pair: TablePair, number: int) -> tuple[BlockFitter, list[ToText]]:
        conversions = self._conversions(pair)
        ways = [to_text(column.target, way) for column, way in zip(pair.columns, conversions, strict=True)]
        return BlockFitter(pair, number, conversions), ways

    def pages(self, table: str, columns: Sequence[str]) -> AsyncGenerator[list[tuple[Any, ...]], None]:
        """Yield the stored values of all rows, those of the columns first."""
        found = self._facts[table].table
        row_id = self._row_id(found)
        if row_id is None:
            return self._pages_by_key(found, columns)
        return self._pages(found, row_id, _SMALLEST, None, columns)

    async def _pages(
        self, table: Table, row_id: str, start: int, end: int | None, columns: Sequence[str]
    ) -> AsyncGenerator[list[tuple[Any, ...]], None]:
        query, size = _paged(table, row_id, end, columns), PageSize()
        while True:
            asked = size.rows
            page = await self._session.read(partial(_page, query, (start, asked)), timeout=_PATIENCE)
            if page:
                yield page
                size.saw(page)
            if len(page) < asked or page[-1][-1] == _LARGEST:
                return
            start = page[-1][-1] + 1

    async def _pages_by_key(self, table: Table, columns: Sequence[str]) -> AsyncGenerator[list[tuple[Any, ...]], None]:
        """Read a table by its primary key, which a table without row ids has."""
        names = table.primary_key
        key = quote_all(names)
        query = f"select {quote_all(columns)}, {key} from {quote(table.name)}"
        after = f" where ({key}) > ({', '.join('?' * len(names))})"
        last: tuple[Any, ...] = ()
        size = PageSize()
        while True:
            asked = size.rows
            statement = f"{query}{after if last else ''} order by {key} limit {asked}"
            page = await self._session.read(partial(_page, statement, last), timeout=_PATIENCE)
            if page:
                yield page
                size.saw(page)
            if len(page) < asked:
                return
            last = page[-1][-len(names) :]

    async def misfits(self, pair: TablePair) -> list[Misfit]:
        """Look at every value for those that would stop a copy."""
        columns = BlockFitter(pair).columns
        key = {name: columns.index(name) for name in pair.key or pair.source.primary_key}
        counter = MisfitCounter(pair.name, dict(zip(pair.column_names, self._conversions(pair), strict=True)), key)
        async with aclosing(self.pages(pair.name, columns)) as found:
            async for page in found:
                await asyncio.to_thread(counter.look, page)
        return counter.found

    async def broken_references(self, table: Table, keys: Iterable[ForeignKey]) -> list[Misfit]:
        """Look for rows that refer to nothing: SQLite enforces foreign keys only where it is told to."""
        found = []
        for key in keys:
            rule = f"refers to rows of {key.target_table} that are not there"
            columns = ", ".join(f"child.{quote(name)}" for name in table.primary_key) or "1"
            count = await self._session.read(
                partial(_fetch, select_orphans(table.name, key, "count(*)"), ()), timeout=_PATIENCE
            )
            query = f"{select_orphans(table.name, key, columns)} limit {MOST_NAMED}"
            first = await self._session.read(partial(_fetch, query, ()), timeout=_PATIENCE)
            if first:
                named = [key_text(dict(zip(table.primary_key, row, strict=False))) for row in first]
                places = tuple(filter(None, named)) or ("rows without a key",)
                found.append(Misfit(table.name, ", ".join(key.columns), rule, count[0][0], places))
        return found

    def decoders(self, pair: TablePair) -> list[Decoding]:
        """Return what reads the pair's columns where every value is of its column's type; see :func:`decoded`."""
        codecs = [self._facts[pair.name].codecs[name] for name in pair.column_names]
        return [(place, codec.plain, exactly.reading(codec)) for place, codec in enumerate(codecs)]

    def readings(self, pair: TablePair, *, keep_unreadable: bool) -> list[Conversion]:
        """Return what reads stored values of the pair's columns and leaves them what they are.

        Args:
            keep_unreadable: a value that is none of its column's type becomes :class:`Unreadable`, and is no misfit.
        """
        codecs = [self._facts[pair.name].codecs[name] for name in pair.column_names]
        return [_kept(codec) if keep_unreadable else _reading(codec, _as_it_is) for codec in codecs]

    def _conversions(self, pair: TablePair) -> list[Conversion]:
        codecs = self._facts[pair.name].codecs
        return [_reading(codecs[c.source.name], fit(c.source, c.target)) for c in pair.columns]

    def _row_id(self, table: Table) -> str | None:
        """Return a name of the row id that no column hides."""
        facts = self._facts[table.name]
        if facts.locator != ("_rowid_",):
            return None
        return row_id_beside(table.by_name) or (facts.identity and quote(facts.identity))


def _paged(table: Table, row_id: str, end: int | None, columns: Sequence[str]) -> str:
    """Return what reads columns and row ids, from a row id on, so many rows."""
    return (
        f"select {quote_all(columns)}, {row_id} from {quote(table.name)} where {row_id} >= ?"
        f"{'' if end is None else f' and {row_id} <= {end}'} order by {row_id} limit ?"
    )


def _page(query: str, values: tuple[Any, ...], connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    with uncollected():
        return _fetch(query, values, connection)


def _spelled(page: Sequence[Sequence[Any]], fitter: BlockFitter, ways: Sequence[ToText]) -> bytes:
    """Return COPY's lines; raises TransferError, which names the values that do not fit."""
    try:
        with uncollected():
            lines = ["\t".join([way(value) for way, value in zip(ways, row, strict=False)]) for row in page]
    except MisfitError:
        raise fitter.misfits(page) from None
    fitter.skipped(len(page))
    return "".join(f"{line}\n" for line in lines).encode()


def _fetch(query: str, values: tuple[Any, ...], connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(query, values).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    connection.text_factory = _text_or_bytes
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.text_factory = str


def _text_or_bytes(stored: bytes) -> str | bytearray:
    """Leave text that is not UTF-8 to the column's codec, which refuses it and names the row."""
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return bytearray(stored)


#: SQLite's own words, and what :func:`_text_or_bytes` makes. Source: sqlite.org/datatype3.html, section 2.
_CLASSES: Final[Mapping[type, str]] = {
    int: "integer",
    float: "real",
    str: "text",
    bytes: "blob",
    bytearray: "text that is not UTF-8",
}


def _reading(codec: Codec, fitted: Conversion) -> Conversion:
    """Join reading a stored value with fitting it: what is stored may not be of the type that its column declares."""
    read, plain = exactly.reading(codec), codec.plain

    def convert(stored: Any) -> Any:
        if stored is None or type(stored) is plain:
            return fitted(stored)
        try:
            value = read(stored)
        except UNREADABLE:
            raise MisfitError(_unread(stored, codec.column.type)) from None
        return fitted(value)

    return convert


def _unread(stored: Any, column_type: ColumnType) -> str:
    """Return the rule that a stored value breaks, with the cause where the value tells one."""
    rule = f"cannot be read: a stored {_CLASSES[type(stored)]} is no {column_type.declared}"
    if column_type.kind in exactly.TIMES and exactly.is_finer(stored):
        return f"{rule}, for it has a fraction beyond microseconds, which would be cut"
    if column_type.kind is Kind.TIMESTAMP and _ends_in_a_zone(stored):
        return f"{rule}, for it ends in a time zone, which a column declared timestamptz has"
    return rule


def _ends_in_a_zone(stored: Any) -> bool:
    try:
        return type(stored) is str and dt.datetime.fromisoformat(stored).tzinfo is not None
    except ValueError:
        return False


def decoded(stored: Sequence[Any], reads: Sequence[Decoding]) -> list[Any]:
    """Read a row of stored values; raises one of UNREADABLE where one is none of its column's type."""
    values = list(stored)
    for place, plain, read in reads:
        value = values[place]
        if value is not None and type(value) is not plain:
            values[place] = read(value)
    return values


def _kept(codec: Codec) -> Conversion:
    """Return what reads a stored value, or marks it as unreadable."""
    read, plain = exactly.reading(codec), codec.plain

    def convert(stored: Any) -> Any:
        if stored is None or type(stored) is plain:
            return stored
        try:
            return read(stored)
        except UNREADABLE:
            return Unreadable(stored)

    return convert


def _as_it_is(value: Any) -> Any:
    return value
