"""One part into one PostgreSQL table by COPY: straight into the table, or over a temporary one and an upsert."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import psycopg
from psycopg import AsyncConnection

from datalayer.errors import TransferError
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

#: Hears of about how many rows go in next; they do when it answers.
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
    """Write rows inside the connection's transaction; an error does not name the row where the server does not.

    A table that has rows needs a key: what is there already under the same key is replaced where it differs.
    """
    if not await has_rows(connection, pair.name):
        await copy_rows(connection, pair, rows)
        return

    async def send(into: str) -> int:
        return await copy_blocks(connection, into, pair, _blocks(pair, rows), _unheard)

    await merge(connection, pair, send, name_row=False)


async def copy_rows(connection: AsyncConnection[Row], pair: TablePair, rows: AsyncGenerator[Row, None]) -> None:
    """Write rows that are not there yet; one that is there under the same key is refused by the server."""
    await copy_blocks(connection, quote(pair.name), pair, _blocks(pair, rows), _unheard)


async def merge(connection: AsyncConnection[Row], pair: TablePair, send: Send, *, name_row: bool = True) -> int:
    """Write a part over what is there: rows with the same key are replaced where they differ.

    Args:
        name_row: note on an error the key of the row that breaks a rule.
    """
    columns, into = quote_all(pair.column_names), incoming(pair)
    create = f"create temporary table {into} on commit drop as select {columns} from {quote(pair.name)} limit 0"
    await connection.execute(create.encode())
    rows = await send(into)
    await connection.execute(f"analyze {into}".encode())
    try:
        async with connection.transaction():
            await connection.execute(_merge(pair).encode())
    except psycopg.errors.CardinalityViolation:
        # One statement would write a row twice.
        if name_row:
            raise await _same_key(connection, pair) from None
        raise
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        if name_row:
            clashing = isinstance(error, psycopg.errors.UniqueViolation)
            row = await _clashing(connection, pair, error) if clashing else None
            error.add_note(row or await _refused(connection, pair, rows))
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
            await passed(len(block))
            for row in block:
                await copy.write_row(row if plain else _encoded(encoders, row))
            rows += len(block)
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
                # Those that come too early wait here.
                await passed(rows)
                await copy.write(block)
        return cursor.rowcount


async def _clashing(connection: AsyncConnection[Row], pair: TablePair, error: psycopg.Error) -> str | None:
    """Name the row that another one of the table leaves no room for, by its key; None where it cannot be told."""
    detail = error.diag.message_detail
    columns, values = key_columns(detail), _KEY_VALUES.search(detail or "")
    if values is None or not set(columns) <= set(pair.column_names):
        return None
    order = ", ".join(f"found.{quote(name)} desc" for name in pair.key)
    query = (
        f"select {_key_as_text(pair)} from {incoming(pair)} found"
        f" where concat_ws(', ', {quote_all(columns)}) = %s order by {order} limit 1"
    )
    row = await (await connection.execute(query.encode(), [values["values"]])).fetchone()
    return None if row is None else key_text(row)


async def _same_key(connection: AsyncConnection[Row], pair: TablePair) -> TransferError:
    """Name the first key that several rows have for the target, which the source tells apart."""
    key = quote_all(pair.key)
    query = f"select {key} from {incoming(pair)} group by {key} having count(*) > 1 order by {key} limit 1"
    row = await (await connection.execute(f"select {_key_as_text(pair)} from ({query}) found".encode())).fetchone()
    return TransferError(
        f"{pair.name}: rows of the source have the same key for the target, at {key_text(row or {})}, as two spellings"
        " of one uuid or time have; give each row of the source a key of its own",
        table=pair.name,
    )


def _key_as_text(pair: TablePair) -> str:
    """Return the columns of a query for a key; an order that names them means these texts, unless it says whose."""
    return ", ".join(f"{quote(name)}::text" for name in pair.key)


async def _refused(connection: AsyncConnection[Row], pair: TablePair, rows: int) -> str:
    """Name by its key the first row that may not be written, found by halves: the server names its values only."""
    low, high = 0, rows
    while high - low > 1:
        middle = (low + high) // 2
        try:
            async with connection.transaction(force_rollback=True):
                await connection.execute(_merge(pair, middle).encode())
        except (psycopg.IntegrityError, psycopg.DataError):
            high = middle
        else:
            low = middle
    order = ", ".join(f"found.{quote(name)}" for name in pair.key)
    query = f"select {_key_as_text(pair)} from {incoming(pair)} found order by {order} limit 1 offset {high - 1}"
    row = await (await connection.execute(query.encode())).fetchone()
    return key_text(row or {})


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


def _merge(pair: TablePair, most: int | str = "all") -> str:
    columns = quote_all(pair.column_names)
    others = [column.target for column in pair.columns if column.source.name not in pair.key]
    statement = (
        f"insert into {quote(pair.name)} as present ({columns}) overriding system value"
        f" select {columns} from {incoming(pair)} order by {quote_all(pair.key)} limit {most}"
        f" on conflict ({quote_all(pair.key)})"
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
