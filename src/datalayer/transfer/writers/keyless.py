"""Rows of a table without a key into PostgreSQL where rows are there already: brought as often as the source has them.

All rows of the source go into a temporary table first; then the missing ones are added, in the same transaction. Rows
are equal where all of their values are, and a row that the target has twice stands for two of the source.
"""

from __future__ import annotations

from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.catalog import Column
from datalayer.stores.sql_names import quote, quote_all
from datalayer.transfer.pairing import TablePair
from datalayer.transfer.writers.copy_in import has_equality, incoming


async def begin(connection: AsyncConnection[Row], pair: TablePair) -> str:
    """Make the temporary table, which goes with the transaction; return its name as SQL has it."""
    columns, into = quote_all(pair.column_names), incoming(pair)
    statement = f"create temporary table {into} on commit drop as select {columns} from {quote(pair.name)} limit 0"
    await connection.execute(statement.encode())
    return into


async def add_lacking(connection: AsyncConnection[Row], pair: TablePair) -> None:
    """Add the rows that the target lacks, and remove the temporary table."""
    targets = [column.target for column in pair.columns]
    columns, compared = quote_all(pair.column_names), ", ".join(map(_compared, targets))
    statement = (
        f"insert into {quote(pair.name)} ({columns}) overriding system value"
        f" select {', '.join(map(_turned_back, targets))} from ("
        f"select {compared} from {incoming(pair)} except all select {compared} from {quote(pair.name)}"
        f") as lacking ({columns})"
    )
    await connection.execute(statement.encode())
    await connection.execute(f"drop table {incoming(pair)}".encode())


def _compared(column: Column) -> str:
    return quote(column.name) + ("" if has_equality(column) else "::text")


def _turned_back(column: Column) -> str:
    return quote(column.name) + ("" if has_equality(column) else f"::{column.type.declared}")
