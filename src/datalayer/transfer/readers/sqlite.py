"""SQLite as the source: parts by row id, each page of rows a seek of its own, so that no lock and no cursor stays."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from datalayer.stores.catalog import Table
from datalayer.stores.contract import StoreName
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.sqlite.catalog import Facts, read_schema
from datalayer.stores.sqlite.codecs import Codec
from datalayer.transfer.conversions import Conversion
from datalayer.transfer.ddl.names import quote, quote_all
from datalayer.transfer.fitting import fit
from datalayer.transfer.limits import MisfitError
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Done, Part, Rows, Strand
from datalayer.transfer.readers.fitting_blocks import BlockFitter
from datalayer.transfer.reading import CHUNK_ROWS

_PART_ROWS = 20_000
_MOST_PARTS = 1_000
#: Seconds for what looks at a whole table.
_PATIENCE = 3600.0
_ROW_IDS = ("_rowid_", "rowid", "oid")


class SqliteReader:
    """Reads one copy out of SQLite."""

    name: StoreName = "sqlite"

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        #: Filled by ``reading``.
        self._facts: dict[str, Facts] = {}

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read the schema. SQLite lends no snapshot to several connections: copy while nobody writes."""
        self._facts = dict(await self._store.read(lambda connection: read_schema(connection).facts))
        yield

    async def estimate(self, table: Table) -> int:
        """Count the rows."""
        query = f"select count(*) from {quote(table.name)}"
        return int(
            await self._store.read(lambda connection: connection.execute(query).fetchone()[0], timeout=_PATIENCE)
        )

    async def mark(self, table: Table) -> str:
        """Return the file and the state of its schema."""
        query = (
            "select file, (select schema_version from pragma_schema_version) from pragma_database_list where seq = 0"
        )
        return json.dumps(
            [table.name, *await self._store.read(lambda connection: connection.execute(query).fetchone())]
        )

    async def layout(self, table: Table) -> str:
        """Return the smallest row id, the largest, and how many make a part; nothing where rows have no id."""
        row_id = self._row_id(table)
        if row_id is None:
            return ""
        query = f"select min({row_id}), max({row_id}), count(*) from {quote(table.name)}"
        first, last, rows = await self._store.read(
            lambda connection: connection.execute(query).fetchone(), timeout=_PATIENCE
        )
        if not rows:
            return json.dumps({"first": 0, "last": 0, "step": 1})
        parts = min(_MOST_PARTS, -(-rows // _PART_ROWS))
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
        yield Part(number, str(end), partial(self._rows, pair, number, row_id, start, end))

    async def _whole(self, pair: TablePair) -> AsyncIterator[Part]:
        yield Part(1, "", partial(self._rows_without_id, pair))

    async def _rows(
        self, pair: TablePair, number: int, row_id: str, start: int, end: int | None
    ) -> AsyncGenerator[Rows, None]:
        fitter = self._fitter(pair, number)
        query = (
            f"select {quote_all(fitter.columns)}, {row_id} from {quote(pair.name)} where {row_id} >= ?"
            f"{'' if end is None else f' and {row_id} <= {end}'} order by {row_id} limit {CHUNK_ROWS}"
        )
        ahead: int | None = start
        while ahead is not None:
            page = await self._store.read(partial(_fetch, query, (ahead,)), timeout=_PATIENCE)
            ahead = page[-1][-1] + 1 if len(page) == CHUNK_ROWS else None
            if ahead is not None and ahead > _LARGEST:
                ahead = None
            if page:
                yield fitter.fitted([row[:-1] for row in page])

    async def _rows_without_id(self, pair: TablePair) -> AsyncGenerator[Rows, None]:
        """Read a table by its primary key, which a table without row ids has."""
        fitter = self._fitter(pair, 1)
        key = quote_all(pair.source.primary_key)
        query = f"select {quote_all(fitter.columns)}, {key} from {quote(pair.name)}"
        width, after = (
            len(pair.source.primary_key),
            f" where ({key}) > ({', '.join('?' * len(pair.source.primary_key))})",
        )
        last: tuple[Any, ...] = ()
        while True:
            statement = f"{query}{after if last else ''} order by {key} limit {CHUNK_ROWS}"
            page = await self._store.read(partial(_fetch, statement, last), timeout=_PATIENCE)
            if page:
                yield fitter.fitted([row[:-width] for row in page])
            if len(page) < CHUNK_ROWS:
                return
            last = page[-1][-width:]

    def _fitter(self, pair: TablePair, part: int) -> BlockFitter:
        codecs = self._facts[pair.name].codecs
        return BlockFitter(pair, part, [_reading(codecs[c.source.name], fit(c.source, c.target)) for c in pair.columns])

    def _row_id(self, table: Table) -> str | None:
        """Return a name of the row id that no column hides."""
        facts = self._facts[table.name]
        if facts.locator != ("_rowid_",):
            return None
        taken = {name.lower() for name in table.by_name}
        return next((name for name in _ROW_IDS if name not in taken), facts.identity and quote(facts.identity))


_LARGEST = (1 << 63) - 1


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


def _reading(codec: Codec, fitted: Conversion) -> Conversion:
    """Join reading a stored value with fitting it: what is stored may not be of the type that its column declares."""
    read, plain = codec.read, codec.plain

    def convert(stored: Any) -> Any:
        if stored is None or type(stored) is plain:
            return fitted(stored)
        try:
            value = read(stored)
        except (TypeError, ValueError, OverflowError):
            raise MisfitError(
                f"cannot be read: a stored {type(stored).__name__} is no {codec.column.type.declared}"
            ) from None
        return fitted(value)

    return convert
