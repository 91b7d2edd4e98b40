"""PostgreSQL as the source: one snapshot for all tables, parts by physical place, values or the bytes of COPY.

A part is a range of pages: it needs no key, costs no sorting and is read in the order it lies on the disk. Rows stay
in their pages as long as nobody writes; where somebody did between two runs, the mark of the table tells.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from uuid import uuid4

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

from datalayer.errors import UnavailableError
from datalayer.query import Row
from datalayer.stores.catalog import Column, Table
from datalayer.stores.contract import StoreName
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.postgres.errors import STORE, translate
from datalayer.stores.postgres.lending import roll_back
from datalayer.stores.postgres.names import is_foreign_array
from datalayer.stores.sql_names import literal, quote, quote_all
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Block, Done, Part, Rows, Strand
from datalayer.transfer.readers.copy_out import copy_out
from datalayer.transfer.readers.exactly import exactly
from datalayer.transfer.readers.fitting_blocks import BlockFitter
from datalayer.transfer.readers.page_size import PageSize

#: A part has about so many bytes on the disk, out-of-line values included; a large table has at most so many parts.
_PART_BYTES = 4 << 20
_MOST_PARTS = 512

_SNAPSHOT = "begin isolation level repeatable read, read only; set local statement_timeout = 0;" + (
    " set local lock_timeout = '60s'; set local idle_in_transaction_session_timeout = 0"
)
_SIZES = """
    select greatest(c.reltuples, 0)::float8 as rows, pg_table_size(c.oid) as bytes,
           greatest(pg_relation_size(c.oid), 1) as own_bytes, current_setting('block_size')::int as page,
           c.relkind = 'p' as partitioned
    from pg_class c where c.oid = %(table)s::regclass
"""
#: Of the table, or of its partitions, which have its rows.
_MARK = """
    select concat_ws('/', d.oid, d.datname, c.oid, string_agg(concat_ws('/', pg_relation_filenode(f.relid),
           pg_stat_get_tuples_inserted(f.relid), pg_stat_get_tuples_updated(f.relid),
           pg_stat_get_tuples_deleted(f.relid)), '/' order by f.relid::oid),
           inet_server_addr(), inet_server_port()) as mark
    from pg_class c cross join pg_database d
    cross join (select %(table)s::regclass as relid union select relid from pg_partition_tree(%(table)s)) f
    where c.oid = %(table)s::regclass and d.datname = current_database() group by d.oid, d.datname, c.oid
"""


class PostgresReader:
    """Reads one copy out of PostgreSQL."""

    name: StoreName = "postgres"

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        #: Set while ``reading`` is open.
        self._snapshot = ""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Hold one snapshot, which every part is read in."""
        async with self._store.connection() as connection:
            try:
                await connection.execute(_SNAPSHOT)
                cursor = await connection.execute("select pg_export_snapshot() as name")
                row = await cursor.fetchone()
                self._snapshot = f"set transaction snapshot {literal(row['name'])}" if row else ""
            except psycopg.Error as error:
                raise translate(error, operation="snapshot") from None
            try:
                yield
            finally:
                self._snapshot = ""
                await roll_back(connection)

    async def estimate(self, table: Table) -> int:
        """Return the planner's number of rows, or count them where it has none."""
        row = await self._ask(_SIZES, table)
        if row["rows"] > 0 or not (row["bytes"] or row["partitioned"]):
            return int(row["rows"])
        return int((await self._ask(f"select count(*) as n from {_escaped(table.name)}", table))["n"])

    async def mark(self, table: Table) -> str:
        """Return database, table, file and how many rows were ever written."""
        return str((await self._ask(_MARK, table))["mark"])

    async def layout(self, table: Table, most_rows: int | None = None) -> str:
        """Return pages per part and the page behind the last one."""
        row = await self._ask(_SIZES, table)
        if row["partitioned"]:
            return json.dumps({"step": 0, "pages": 0})
        pages = -(-row["own_bytes"] // row["page"])
        wanted = max(_PART_BYTES, row["bytes"] // _MOST_PARTS)
        step = pages * wanted // max(row["bytes"], 1)
        if most_rows is not None:
            step = min(step, pages * most_rows // max(await self.estimate(table), 1))
        return json.dumps({"step": max(1, step), "pages": pages})

    def strands(self, pair: TablePair, layout: str, done: Done) -> Sequence[Strand]:
        """Return one strand for each range of pages; the last one has no end."""
        step, pages = (json.loads(layout)[name] for name in ("step", "pages"))
        starts = range(0, pages, step) if step else range(1)
        numbered = [(number, start) for number, start in enumerate(starts, 1) if number not in done]
        last = len(starts)
        return [partial(self._part, pair, number, start, 0 if number == last else step) for number, start in numbered]

    async def _part(self, pair: TablePair, number: int, start: int, step: int) -> AsyncIterator[Part]:
        parts = [f"ctid >= '({start},0)'"] if start else []
        if step:
            parts.append(f"ctid < '({start + step},0)'")
        where = f" where {' and '.join(parts)}" if parts else ""
        yield Part(number, str(start + step), partial(self._rows, pair, number, where), where)

    async def _rows(self, pair: TablePair, number: int, where: str) -> AsyncGenerator[Rows, None]:
        fitter = BlockFitter(pair, number)
        columns = ", ".join(_read(pair.source.by_name[name]) for name in fitter.columns)
        query = f"select {columns} from {quote(pair.name)}{where}"
        async with (
            self._inside(pair) as connection,
            connection.cursor(f"copy_{uuid4().hex}", row_factory=tuple_row) as cursor,
        ):
            size = PageSize()
            await cursor.execute(query.encode())
            while chunk := await cursor.fetchmany(size.rows):
                size.saw(chunk)
                yield fitter.fitted(chunk)

    async def blocks(
        self, pair: TablePair, part: Part, *, binary: bool, most_rows: int | None = None
    ) -> AsyncGenerator[Block, None]:
        """Yield the bytes of a part as COPY writes them, about as many rows with each, and so many at most."""
        query = f"copy (select {quote_all(pair.column_names)} from {quote(pair.name)}{part.where}) to stdout"
        async with self._inside(pair) as connection:
            statement = f"{query}{' (format binary)' if binary else ''}"
            async with aclosing(copy_out(connection, statement.encode(), most_rows)) as found:
                async for block in found:
                    yield block

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection[Row]]:
        """Lend a connection outside of the snapshot."""
        return self._store.connection()

    @asynccontextmanager
    async def _inside(self, pair: TablePair) -> AsyncIterator[AsyncConnection[Row]]:
        """Lend a connection inside the snapshot that reads every value."""
        async with self._store.connection() as connection:
            try:
                await self._take_snapshot(connection)
                async with exactly(connection):
                    yield connection
            except psycopg.Error as error:
                raise translate(error, operation="copy", table=pair.name) from None
            finally:
                await roll_back(connection)

    async def _take_snapshot(self, connection: AsyncConnection[Row]) -> None:
        await connection.execute(_SNAPSHOT)
        if not self._snapshot:
            return
        try:
            await connection.execute(self._snapshot.encode())
        except (psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue):
            raise UnavailableError(
                "the connection that held the snapshot was lost", store=STORE, operation="copy"
            ) from None

    async def _ask(self, query: str, table: Table) -> Row:
        async with self._store.connection() as connection:
            try:
                found = await (await connection.execute(query.encode(), {"table": quote(table.name)})).fetchall()
            except psycopg.Error as error:
                raise translate(error, operation="copy", table=table.name) from None
        return found[0]


def _escaped(name: str) -> str:
    """Quote a name for a statement with values, where a percent sign has a meaning."""
    return quote(name).replace("%", "%%")


def _read(column: Column) -> str:
    return quote(column.name) + ("::text[]" if is_foreign_array(column.type) else "")
