"""psycopg alone: dicts, a cursor on the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import psycopg_pool
from psycopg import sql
from psycopg.rows import dict_row

_CHUNK_ROWS = 1000


async def first_row(dsn: str) -> Any:
    """Open a pool and read a row."""
    async with (
        psycopg_pool.AsyncConnectionPool(
            dsn, kwargs={"autocommit": True, "row_factory": dict_row}, min_size=1, open=False
        ) as pool,
        pool.connection() as connection,
    ):
        return await (await connection.execute("select * from clients where id = 7")).fetchone()


async def read_all(dsn: str, table: str, use: Callable[[Any], None]) -> None:
    """Read dicts from a cursor on the server."""
    async with (
        await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection,
        connection.cursor(name="everything") as cursor,
    ):
        cursor.itersize = _CHUNK_ROWS
        await cursor.execute(sql.SQL("select * from {}").format(sql.Identifier(table)))
        async for row in cursor:
            use(row)
