"""Verify of a table and its copy on two servers of one major version, beside bare checksums and reladiff."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg

from benchmarks.figures import Figure
from benchmarks.stage import Stage
from benchmarks.table import ddl
from benchmarks.turns import Operation, take_turns
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import verify

BARE: Final = "bare hash_record_extended, both sides at once"
BARE_IN_TURN: Final = "bare hash_record_extended, one side after the other"
OURS: Final = "datalayer verify"
STRONG: Final = "datalayer verify --strong"
CHANGED: Final = "datalayer verify, 10 rows changed"
_CHANGED_ROWS: Final = 10


async def measure(stage: Stage) -> list[Figure]:
    """Measure equal tables, then the same with ten rows changed."""
    rows = stage.scale.moved_rows
    table = await stage.table(rows)
    with EmbeddedPostgres({"shared_buffers": "'512MB'", "max_wal_size": "'4GB'"}) as server:
        dsn = server.create_database("verified")
        await asyncio.to_thread(_pipe, stage.dsn, dsn, table)
        store = await PostgresStore.open(dsn, timeout=600)
        try:
            return await _measured(stage, store, dsn, table)
        finally:
            await store.close()


async def _measured(stage: Stage, store: PostgresStore, dsn: str, table: str) -> list[Figure]:
    query = f"select count(*), sum(hash_record_extended(t, 0)) from {table} t".encode()

    async def bare(side: PostgresStore) -> None:
        async with side.connection() as connection:
            await connection.execute(query)

    async def at_once() -> None:
        await asyncio.gather(bare(stage.store), bare(store))

    async def in_turn() -> None:
        await bare(stage.store)
        await bare(store)

    operations: dict[str, Operation] = {
        BARE: at_once,
        BARE_IN_TURN: in_turn,
        OURS: _verified(stage.store, store, table, 0),
        STRONG: _verified(stage.store, store, table, 0, strong=True),
    }
    if importlib.util.find_spec("reladiff") is not None and importlib.util.find_spec("psycopg2") is not None:
        command = [sys.executable, "-m", "benchmarks.reladiff_program", stage.dsn, dsn, table]

        async def reladiff() -> None:
            process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
            assert await process.wait() == 0

        operations["reladiff"] = reladiff
    else:
        stage.tell("reladiff is skipped: pip install -e '.[bench]' brings it")
    name, rounds = f"verify {stage.scale.moved_rows:,} rows on two servers", stage.scale.rounds(4)
    figures = await take_turns(name, operations, rounds=rounds, calls=1, baseline=BARE)
    async with store.connection() as connection:
        await connection.execute(f"update {table} set name = name || ' ' where id % 1000 = 7 and id < 10000".encode())
        await connection.execute(f"vacuum {table}".encode())
    changed = {BARE: at_once, CHANGED: _verified(stage.store, store, table, _CHANGED_ROWS)}
    return figures + await take_turns(f"{name}, 10 changed", changed, rounds=rounds, calls=1, baseline=BARE)


def _verified(
    source: PostgresStore, target: PostgresStore, table: str, differing: int, *, strong: bool = False
) -> Callable[[], Awaitable[Any]]:
    async def operation() -> None:
        (found,) = (await verify(source, target, tables=[table], limit=100, strong=strong)).tables
        assert found.differing.rows == len(found.differences) == differing

    return operation


def _pipe(source: str, target: str, table: str) -> None:
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
