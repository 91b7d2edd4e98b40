"""Rows into one PostgreSQL table by COPY: straight into an empty table, else over a temporary table and an upsert."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.catalog import Column, ColumnType, Kind
from datalayer.stores.postgres.values import encoder
from datalayer.transfer.ddl.names import quote, quote_all
from datalayer.transfer.pairing import TablePair

_INCOMING = '"datalayer_incoming"'


async def has_rows(connection: AsyncConnection[Row], table: str) -> bool:
    """Whether a table has any row."""
    cursor = await connection.execute(f"select exists (select from {quote(table)}) as found".encode())
    row = await cursor.fetchone()
    return bool(row and row["found"])


async def write_rows(connection: AsyncConnection[Row], pair: TablePair, rows: AsyncGenerator[Row, None]) -> None:
    """Write rows inside the connection's transaction.

    A table that has rows needs a key: what is there already under the same key is replaced where it differs.
    """
    if not await has_rows(connection, pair.name):
        await copy_rows(connection, pair, rows)
        return
    columns = quote_all(pair.column_names)
    incoming = f"create temporary table {_INCOMING} on commit drop as select {columns} from {quote(pair.name)} limit 0"
    await connection.execute(incoming.encode())
    await _copy(connection, _INCOMING, pair, rows)
    await connection.execute(_merge(pair).encode())
    await connection.execute(f"drop table {_INCOMING}".encode())


async def copy_rows(connection: AsyncConnection[Row], pair: TablePair, rows: AsyncGenerator[Row, None]) -> None:
    """Write rows that are not there yet; one that is there under the same key is refused by the server."""
    await _copy(connection, quote(pair.name), pair, rows)


async def _copy(connection: AsyncConnection[Row], into: str, pair: TablePair, rows: AsyncGenerator[Row, None]) -> None:
    encoders = [(column.source.name, encoder(column.target.type)) for column in pair.columns]
    statement = f"copy {into} ({quote_all(pair.column_names)}) from stdin"
    async with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy, aclosing(rows):
        copy.set_types([_sent_as(column.target.type) for column in pair.columns])
        async for row in rows:
            await copy.write_row([_encoded(row[name], encode) for name, encode in encoders])


def _sent_as(column_type: ColumnType) -> str:
    """Return the type whose text form a value is sent in; types that we have no name for take text."""
    return column_type.kind.value + ("[]" if column_type.array else "")


def _encoded(value: Any, encode: Any) -> Any:
    return value if encode is None or value is None else encode(value)


def _merge(pair: TablePair) -> str:
    columns = quote_all(pair.column_names)
    others = [column.target for column in pair.columns if column.source.name not in pair.key]
    statement = (
        f"insert into {quote(pair.name)} as present ({columns}) overriding system value"
        f" select {columns} from {_INCOMING} on conflict ({quote_all(pair.key)})"
    )
    if not others:
        return f"{statement} do nothing"
    sets = ", ".join(f"{quote(column.name)} = excluded.{quote(column.name)}" for column in others)
    differs = " or ".join(
        f"{_comparable('present', column)} is distinct from {_comparable('excluded', column)}" for column in others
    )
    return f"{statement} do update set {sets} where {differs}"


def _comparable(row: str, column: Column) -> str:
    """Return the column as text where its type may have no equality: json and types that we have no name for."""
    plain = column.type.kind not in {Kind.JSON, Kind.TEXT}
    return f"{row}.{quote(column.name)}" + ("" if plain else "::text")
