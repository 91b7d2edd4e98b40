"""Copying a table: datalayer beside psql's pipe between two servers, and beside pgloader out of a SQLite file.

Each is the command that an operator runs, the start of its program included. Keys and indexes of the target are in
place; it is emptied before each turn.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from benchmarks import names
from benchmarks.commands import Ours, shell, with_memory
from benchmarks.figures import Figure
from benchmarks.stage import Stage
from benchmarks.table import ddl
from benchmarks.turns import take_turns
from datalayer.servers.postgres import EmbeddedPostgres

_SQLITE = """
    create table clients (
        id integer primary key, company_id integer not null, yclients_id integer not null, name text, phone text,
        email text, discount numeric(5,2), visits integer, spent numeric(12,2), tags text, meta text,
        created_at timestamp not null, updated_at timestamp not null
    )
"""
_SQLITE_FILL = """
    with recursive n (n) as (select 1 union all select n + 1 from n where n < ?)
    insert into clients select n, n % 50, n, 'Client ' || n, '7' || (9000000000 + n), 'client' || n || '@example.com',
        n % 30, n % 100, round(n % 100000 / 7.0, 2), '["tag' || n % 10 || '", "vip"]',
        '{"source": "site", "n": ' || n || '}', '2026-11-20 10:00:00', '2026-11-20 10:00:00.123456' from n
"""
_SQLITE_TARGET = """
    create table clients (
        id bigint primary key, company_id bigint not null, yclients_id bigint not null, name text, phone text,
        email text, discount numeric(5,2), visits bigint, spent numeric(12,2), tags text, meta text,
        created_at timestamp not null, updated_at timestamp not null
    )
"""


async def measure(stage: Stage) -> list[Figure]:
    """Measure both pairs and the commands' memory; what is not installed is left out."""
    rows = stage.scale.moved_rows
    settings = {"shared_buffers": "'512MB'", "max_wal_size": "'4GB'"}
    with EmbeddedPostgres(settings) as server, tempfile.TemporaryDirectory() as directory:
        target = server.create_database("copied")
        return [
            *await _from_postgres(stage, target, rows),
            *await _from_sqlite(stage, Path(directory) / "clients.sqlite", target, rows),
        ]


async def _from_postgres(stage: Stage, target: str, rows: int) -> list[Figure]:
    if shutil.which("psql") is None:
        stage.tell("copy between servers is skipped: there is no psql to compare with")
        return []
    table = await stage.table(rows)
    await _run(target, f"{ddl(table)}; create index on {table} (company_id, phone)")
    read = shlex.join(["psql", "-qX", stage.dsn, "-c", f"\\copy {table} to stdout"])
    write = shlex.join(["psql", "-qX", target, "-c", f"\\copy {table} from stdin"])
    ours = {
        names.COPY: _copy(stage.dsn, target, table, 2),
        names.COPY_ALONE: _copy(stage.dsn, target, table, 1),
    }
    figures = await take_turns(
        names.copying(rows),
        {names.PSQL: partial(shell, f"{read} | {write}"), **ours},
        rounds=stage.scale.rounds(4),
        calls=1,
        baseline=names.PSQL,
        before=partial(_run, target, f"truncate {table}"),
        warm_up=False,
    )
    return with_memory(figures, ours)


async def _from_sqlite(stage: Stage, file: Path, target: str, rows: int) -> list[Figure]:
    if shutil.which("pgloader") is None:
        stage.tell("copy out of SQLite is skipped: there is no pgloader to compare with")
        return []
    await asyncio.to_thread(fill_sqlite, file, rows)
    await _run(target, f"drop table if exists clients; {_SQLITE_TARGET}")
    script = file.with_suffix(".load")
    script.write_text(
        f"load database from sqlite://{file} into {_pgloader_place(target)}"
        " with data only, truncate, workers = 4, concurrency = 1, prefetch rows = 10000;\n"
    )
    ours = {names.COPY: _copy(f"sqlite:///{file}", target, "clients", 2)}
    pgloader = shlex.join(["pgloader", "--root-dir", str(file.parent), str(script)])
    figures = await take_turns(
        names.copying_sqlite(rows),
        {names.PGLOADER: partial(shell, pgloader), **ours},
        rounds=stage.scale.rounds(3),
        calls=1,
        baseline=names.PGLOADER,
        before=partial(_run, target, "truncate clients"),
        warm_up=False,
    )
    return with_memory(figures, ours)


def _copy(source: str, target: str, table: str, jobs: int) -> Ours:
    return Ours("copy", "--source", source, "--target", target, "--tables", table, "--jobs", str(jobs))


async def _run(dsn: str, script: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        await connection.execute(script.encode())


def fill_sqlite(file: Path, rows: int) -> None:
    """Make a SQLite file with the same columns and so many rows."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(_SQLITE)
        connection.execute(_SQLITE_FILL, (rows,))


def _pgloader_place(dsn: str) -> str:
    """Say where a Unix socket is in pgloader's language."""
    parts = conninfo_to_dict(dsn)
    return f"pgsql://{parts['user']}@unix:{parts['host']}:{parts.get('port', 5432)}/{parts['dbname']}"
