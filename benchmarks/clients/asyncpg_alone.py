"""asyncpg alone: records."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import asyncpg

_CHUNK_ROWS = 1000


async def first_row(dsn: str) -> Any:
    """Open a pool and read a row."""
    async with asyncpg.create_pool(dsn, min_size=1) as pool:
        return await pool.fetchrow("select * from clients where id = 7")


async def read_all(dsn: str, table: str, use: Callable[[Any], None]) -> None:
    """Read records, JSON documents decoded, from a cursor on the server."""
    connection = await asyncpg.connect(dsn)
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    async with connection.transaction():
        async for record in connection.cursor(f"select * from {table}", prefetch=_CHUNK_ROWS):
            use(record)
    await connection.close()
