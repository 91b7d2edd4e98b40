"""One part into one PostgreSQL table by COPY: straight into the table, or over a temporary one and an upsert."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.catalog import Column, ColumnType, Kind
from datalayer.stores.postgres.values import Encoder, encoder
from datalayer.stores.sql_names import quote, quote_all
from datalayer.stores.sqlstates import key_columns
from datalayer.transfer.naming import key_text
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.readers.contract import Block, Rows

#: What PostgreSQL says of a unique violation, in whatever language.
_KEY_VALUES = re.compile(r"\)=\((?P<values>.*)\)", re.DOTALL)

#: Hears of about how many rows have just gone in.
Passed: TypeAlias = Callable[[int], Awaitable[None]]
#: Sends a part into the table of a name and returns how many rows it had.
Send: TypeAlias = Callable[[str], Awaitable[int]]


async def has_rows(connection: AsyncConnection[Row], table: str) -> bool:
    """Whether a table has any row."""
    cursor = await connection.execute(f"select exists (select from {quote(table)}) as found".encode())
    row = await cursor.fetchone()
    return bool(row and row["found"])


def incoming(pair: TablePair) -> str:
    """Return the name of the temporary table for a table's rows, which hides any other of its name."""
    return '"datalayer_incoming_too"' if pair.name == "datalayer_incoming" else '"datalayer_incoming"'


async def write_rows(connection: AsyncConnection[Row], pair: TablePair, rows: AsyncGenerator[Row, None]) -> None:
    """Write rows inside the connection's transaction.

    A table that has rows needs a key: what is there already under the same key is replaced where it differs.
    """
    if not await has_rows(connection, pair.name):
        await copy_rows(connection, pair, rows)
        return
    await merge(connection, pair, lambda into: copy_blocks(connection, into, pair, _blocks(pair, rows), _unheard))


async def copy_rows(connection: AsyncConnection[Row], pair: TablePair, rows: AsyncGenerator[Row, None]) -> None:
    """Write rows that are not there yet; one that is there under the same key is refused by the server."""
    await copy_blocks(connection, quote(pair.name), pair, _blocks(pair, rows), _unheard)


async def merge(connection: AsyncConnection[Row], pair: TablePair, send: Send) -> int:
    """Write a part over what is there: rows with the same key are replaced where they differ."""
    columns, into = quote_all(pair.column_names), incoming(pair)
    create = f"create temporary table {into} on commit drop as select {columns} from {quote(pair.name)} limit 0"
    await connection.execute(create.encode())
    rows = await send(into)
    await connection.execute(f"analyze {into}".encode())
    try:
        async with connection.transaction():
            await connection.execute(_merge(pair).encode())
    except psycopg.errors.UniqueViolation as error:
        row = await _clashing(connection, pair, error)
        if row is not None:
            error.add_note(row)
        raise
    await connection.execute(f"drop table {into}".encode())
    return rows


async def copy_blocks(
    connection: AsyncConnection[Row], into: str, pair: TablePair, blocks: AsyncGenerator[Rows, None], passed: Passed
) -> int:
    """Copy values."""
    encoders = [encoder(column.target.type) for column in pair.columns]
    plain = not any(encoders)
    statement = f"copy {into} ({quote_all(pair.column_names)}) from stdin"
    rows = 0
    async with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy, aclosing(blocks):
        copy.set_types([_sent_as(column.target.type) for column in pair.columns])
        async for block in blocks:
            for row in block:
                await copy.write_row(row if plain else _encoded(encoders, row))
            rows += len(block)
            await passed(len(block))
    return rows


async def copy_bytes(
    connection: AsyncConnection[Row],
    into: str,
    pair: TablePair,
    blocks: AsyncGenerator[Block, None],
    passed: Passed,
    *,
    binary: bool,
) -> int:
    """Copy bytes as another server's COPY wrote them."""
    options = " (format binary)" if binary else ""
    statement = f"copy {into} ({quote_all(pair.column_names)}) from stdin{options}"
    async with connection.cursor() as cursor:
        async with cursor.copy(statement.encode()) as copy, aclosing(blocks):
            async for block, rows in blocks:
                await copy.write(block)
                await passed(rows)
        return cursor.rowcount


async def _clashing(
    connection: AsyncConnection[Row], pair: TablePair, error: psycopg.errors.UniqueViolation
) -> str | None:
    """Name the row that another one of the table leaves no room for, by its key; None where it cannot be told."""
    detail = error.diag.message_detail
    columns, values = key_columns(detail), _KEY_VALUES.search(detail or "")
    if values is None or not set(columns) <= set(pair.column_names):
        return None
    key = ", ".join(f"{quote(name)}::text" for name in pair.key)
    query = (
        f"select {key} from {incoming(pair)} where concat_ws(', ', {quote_all(columns)}) = %s"
        f" order by {quote_all(pair.key)} desc limit 1"
    )
    row = await (await connection.execute(query.encode(), [values["values"]])).fetchone()
    return None if row is None else key_text(row)


async def _blocks(pair: TablePair, rows: AsyncGenerator[Row, None]) -> AsyncGenerator[Rows, None]:
    names = pair.column_names
    async with aclosing(rows):
        async for row in rows:
            yield [[row[name] for name in names]]


async def _unheard(_: int) -> None:
    """Nobody watches."""


def _sent_as(column_type: ColumnType) -> str:
    """Return the type whose text form a value is sent in; types that we have no name for take text."""
    return column_type.kind.value + ("[]" if column_type.array else "")


def _encoded(encoders: list[Encoder | None], row: list[Any]) -> list[Any]:
    return [
        value if encode is None or value is None else encode(value) for encode, value in zip(encoders, row, strict=True)
    ]


def _merge(pair: TablePair) -> str:
    columns = quote_all(pair.column_names)
    others = [column.target for column in pair.columns if column.source.name not in pair.key]
    statement = (
        f"insert into {quote(pair.name)} as present ({columns}) overriding system value"
        f" select {columns} from {incoming(pair)} order by {quote_all(pair.key)} on conflict ({quote_all(pair.key)})"
    )
    if not others:
        return f"{statement} do nothing"
    sets = ", ".join(f"{quote(column.name)} = excluded.{quote(column.name)}" for column in others)
    differs = " or ".join(
        f"{_comparable('present', column)} is distinct from {_comparable('excluded', column)}" for column in others
    )
    return f"{statement} do update set {sets} where {differs}"


def _comparable(row: str, column: Column) -> str:
    return f"{row}.{quote(column.name)}" + ("" if has_equality(column) else "::text")


def has_equality(column: Column) -> bool:
    """Whether values can be compared as they are; json cannot, and types that we have no name for may not."""
    return column.type.kind not in {Kind.JSON, Kind.TEXT}
