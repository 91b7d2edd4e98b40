"""Verify of a table and its copy: on two servers of one version beside bare checksums and reladiff, then unlike."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.stage import Stage
from benchmarks.transfer_unlike import measure_unlike, pipe
from benchmarks.turns import Operation, take_turns
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.stores.postgres import PostgresStore
from datalayer.transfer import verify

_CHANGED_ROWS: Final = 10


async def measure(stage: Stage) -> list[Figure]:
    """Measure equal tables, then the same with ten rows changed."""
    rows = stage.scale.moved_rows
    table = await stage.table(rows)
    with EmbeddedPostgres({"shared_buffers": "'512MB'", "max_wal_size": "'4GB'"}) as server:
        dsn = server.create_database("verified")
        await asyncio.to_thread(pipe, stage.dsn, dsn, table)
        store = await PostgresStore.open(dsn, timeout=600)
        try:
            return await _measured(stage, store, dsn, server.create_database("unlike"), table)
        finally:
            await store.close()


async def _measured(stage: Stage, store: PostgresStore, dsn: str, unlike_dsn: str, table: str) -> list[Figure]:
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
        names.BARE_SUMS: at_once,
        names.BARE_SUMS_IN_TURN: in_turn,
        names.VERIFY: _verified(stage.store, store, table),
        names.VERIFY_STRONG: _verified(stage.store, store, table, strong=True),
    }
    if importlib.util.find_spec("reladiff") is not None and importlib.util.find_spec("psycopg2") is not None:
        command = [sys.executable, "-m", "benchmarks.reladiff_program", stage.dsn, dsn, table]

        async def reladiff() -> None:
            process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
            assert await process.wait() == 0

        operations[names.RELADIFF] = reladiff
    else:
        stage.tell("reladiff is skipped: pip install -e '.[bench]' brings it")
    rows, rounds = stage.scale.moved_rows, stage.scale.rounds(4)
    name = names.verifying(rows)
    figures = await take_turns(name, operations, rounds=rounds, calls=1, baseline=names.BARE_SUMS)
    if names.RELADIFF in operations:
        compared = operations[names.RELADIFF]
        figures += await measure_unlike(
            stage.store, stage.dsn, unlike_dsn, table, reladiff=compared, rows=rows, rounds=rounds
        )
    changed = list(range(7, rows, rows // _CHANGED_ROWS))
    async with store.connection() as connection:
        await connection.execute(f"update {table} set name = name || ' ' where id = any(%s)".encode(), [changed])
        await connection.execute(f"vacuum {table}".encode())
    naming = {names.BARE_SUMS: at_once, names.VERIFY_CHANGED: _verified(stage.store, store, table, changed)}
    return figures + await take_turns(f"{name}, 10 changed", naming, rounds=rounds, calls=1, baseline=names.BARE_SUMS)


def _verified(
    source: PostgresStore, target: PostgresStore, table: str, changed: Sequence[int] = (), *, strong: bool = False
) -> Callable[[], Awaitable[Any]]:
    async def operation() -> None:
        (found,) = (await verify(source, target, tables=[table], limit=100, strong=strong)).tables
        named = sorted((difference.key["id"], difference.columns) for difference in found.differences)
        assert named == [(number, ("name",)) for number in changed]
        assert found.differing.rows == len(changed)

    return operation
