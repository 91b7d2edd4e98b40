"""Sequences of PostgreSQL moved behind the largest number that a copy brought."""

from __future__ import annotations

from psycopg import AsyncConnection

from datalayer.query import Row
from datalayer.stores.catalog import Table
from datalayer.stores.sql_names import literal, quote


async def advance_sequences(connection: AsyncConnection[Row], table: Table) -> None:
    """Make the next generated numbers larger than every stored one; a sequence is never moved back."""
    for column in table.columns:
        if column.identity:
            sequence = f"pg_get_serial_sequence({literal(quote(table.name))}, {literal(column.name)})"
            query = (
                "select setval(name, greatest(largest, coalesce(pg_sequence_last_value(name), 1)))"
                f" from (select max({quote(column.name)}) as largest from {quote(table.name)}) as stored,"
                f" (select {sequence}::regclass as name) as sequence where name is not null and largest >= 1"
            )
            await connection.execute(query.encode())
