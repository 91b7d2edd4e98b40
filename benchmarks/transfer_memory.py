"""The memory of the commands that move and compare rows: the same for a table of any size."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks import names
from benchmarks.commands import Ours
from benchmarks.figures import Figure, Turn, summarise
from benchmarks.stage import Stage
from benchmarks.transfer_copy import fill_sqlite
from datalayer.servers.postgres import EmbeddedPostgres


async def measure(stage: Stage) -> list[Figure]:
    """Measure each command once, on a table of a tenth of the rows and on one of all."""
    rows = stage.scale.moved_rows
    return [*await _measured(stage, rows // 10), *await _measured(stage, rows)]


async def _measured(stage: Stage, rows: int) -> list[Figure]:
    table = await stage.table(rows)
    with EmbeddedPostgres() as server, tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        file = directory / "clients.sqlite"
        await asyncio.to_thread(fill_sqlite, file, rows)
        copied, loaded, brought = (server.create_database(name) for name in ("copied", "loaded", "brought"))
        commands = {
            "copy": _both("copy", stage.dsn, copied, table),
            "verify": _both("verify", stage.dsn, copied, table),
            "export": Ours("export", "--source", stage.dsn, "--out", str(directory / "out"), "--tables", table),
            "load": Ours("load", str(directory / "out"), "--target", loaded),
            "copy out of SQLite": _both("copy", f"sqlite:///{file}", brought, "clients"),
            "verify with SQLite": _both("verify", f"sqlite:///{file}", brought, "clients"),
        }
        turns: dict[str, list[Turn]] = {}
        for variant, command in commands.items():
            started = perf_counter()
            await command()
            turns[f"{names.OURS} {variant}"] = [Turn([perf_counter() - started], peak_mb=command.peaks[-1])]
    return summarise(names.moving(rows), turns, f"{names.OURS} copy")


def _both(command: str, source: str, target: str, table: str) -> Ours:
    return Ours(command, "--source", source, "--target", target, "--tables", table)
