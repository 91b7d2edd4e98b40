"""Verify by canonical checksums: PostgreSQL beside SQLite, and beside PostgreSQL with a column of another type."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.table import ddl
from benchmarks.turns import Operation, take_turns
from datalayer.stores.contract import Store
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, verify


async def measure_unlike(
    source: PostgresStore, dsn: str, unlike_dsn: str, table: str, *, reladiff: Operation, rows: int, rounds: int
) -> list[Figure]:
    """Measure the same rows on unlike stores beside reladiff, which compares two alike servers.

    Args:
        dsn: of the source's database.
        unlike_dsn: of an empty database, where the table gets a column of another type.
    """
    await asyncio.to_thread(pipe, dsn, unlike_dsn, table)
    with psycopg.connect(unlike_dsn, autocommit=True) as connection:
        connection.execute(f"alter table {table} alter visits type numeric".encode())
        connection.execute(f"vacuum analyze {table}".encode())
    unlike = await PostgresStore.open(unlike_dsn, timeout=600)
    with TemporaryDirectory() as directory:
        file = await SqliteStore.open(Path(directory) / "copy.db", timeout=600)
        try:
            await copy(source, file, tables=[table])
            variants = {
                names.RELADIFF: reladiff,
                names.VERIFY_UNLIKE: _verified(source, unlike, table),
                names.VERIFY_SQLITE: _verified(source, file, table),
            }
            scenario = names.verifying_unlike(rows)
            return await take_turns(scenario, variants, rounds=rounds, calls=1, baseline=names.RELADIFF)
        finally:
            await file.close()
            await unlike.close()


def _verified(source: Store, target: Store, table: str) -> Callable[[], Awaitable[Any]]:
    async def operation() -> None:
        (found,) = (await verify(source, target, tables=[table])).tables
        assert found.equal
        assert found.method == "canonical"

    return operation


def pipe(source: str, target: str, table: str) -> None:
    """Copy the table's bytes, so that both sides hold the very same rows."""
    with psycopg.connect(source) as reading, psycopg.connect(target, autocommit=True) as writing:
        writing.execute(ddl(table).encode())
        with (
            reading.cursor().copy(f"copy {table} to stdout (format binary)".encode()) as out,
            writing.cursor().copy(f"copy {table} from stdin (format binary)".encode()) as into,
        ):
            for block in out:
                into.write(block)
        writing.execute(f"vacuum analyze {table}".encode())
