"""Copying a table: datalayer beside psql's pipe between two servers, and beside pgloader out of a SQLite file."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter
from urllib.parse import urlsplit

import psycopg

from benchmarks.harness import Measured
from benchmarks.table import DDL, FILL
from datalayer.servers.postgres import EmbeddedPostgres
from datalayer.stores.opening import open_store
from datalayer.transfer import copy

ROWS = 1_000_000
QUICK_ROWS = 200_000

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
    drop table if exists clients;
    create table clients (
        id bigint primary key, company_id bigint not null, yclients_id bigint not null, name text, phone text,
        email text, discount numeric(5,2), visits bigint, spent numeric(12,2), tags text, meta text,
        created_at timestamp not null, updated_at timestamp not null
    )
"""


async def transfer_copy(*, quick: bool) -> list[Measured]:
    """Measure both pairs on servers of their own; psql is needed, pgloader is left out where it is not installed."""
    rows, rounds = (QUICK_ROWS, 2) if quick else (ROWS, 3)
    with EmbeddedPostgres() as source, EmbeddedPostgres() as target, tempfile.TemporaryDirectory() as directory:
        return [
            *await _from_postgres(source.dsn, target.dsn, rows, rounds),
            *await _from_sqlite(Path(directory) / "clients.sqlite", target.dsn, rows, rounds),
        ]


async def _from_postgres(source: str, target: str, rows: int, rounds: int) -> list[Measured]:
    for dsn in (source, target):
        _run(dsn, DDL)
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute(FILL, {"rows": rows})
    _run(source, "vacuum analyze clients")

    async def psql() -> None:
        out, into = "\\copy clients to stdout", "\\copy clients from stdin"
        await _shell(f"psql -qX '{source}' -c '{out}' | psql -qX '{target}' -c '{into}'")

    variants = {"psql pipe": psql, "datalayer copy": lambda: _copy(source, target, 2)}
    variants["datalayer copy, 1 job"] = lambda: _copy(source, target, 1)
    return await _measure(
        "copy into an empty table", variants, rows, rounds, lambda: _run(target, "truncate clients"), "psql pipe"
    )


async def _from_sqlite(file: Path, target: str, rows: int, rounds: int) -> list[Measured]:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(_SQLITE)
        connection.execute(_SQLITE_FILL, (rows,))

    async def pgloader() -> None:
        script = file.with_suffix(".load")
        script.write_text(
            f"load database from sqlite://{file} into {_pgloader_url(target)}"
            " with data only, truncate, workers = 4, concurrency = 1, prefetch rows = 10000;\n"
        )
        await _shell(f"pgloader --root-dir '{file.parent}' '{script}'")
        with psycopg.connect(target) as connection:
            assert connection.execute("select count(*) from clients").fetchone() == (rows,)

    variants: dict[str, Callable[[], Awaitable[None]]] = {
        "datalayer copy": lambda: _copy(f"sqlite:///{file}", target, 2)
    }
    if shutil.which("pgloader"):
        variants = {"pgloader": pgloader, **variants}
    return await _measure(
        "copy out of SQLite", variants, rows, rounds, lambda: _run(target, _SQLITE_TARGET), next(iter(variants))
    )


async def _copy(source_url: str, target_url: str, jobs: int) -> None:
    source, target = await open_store(source_url), await open_store(target_url)
    try:
        await copy(source, target, jobs=jobs)
    finally:
        await source.close()
        await target.close()


async def _measure(
    scenario: str,
    variants: Mapping[str, Callable[[], Awaitable[None]]],
    rows: int,
    rounds: int,
    empty: Callable[[], None],
    baseline: str,
) -> list[Measured]:
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            empty()
            started = perf_counter()
            await variant()
            taken[name].append(perf_counter() - started)
    bare = median(taken[baseline])
    return [
        Measured(
            scenario=f"{scenario}, {rows:,} rows",
            variant=name,
            p50_ms=round(median(seconds) * 1000, 1),
            p95_ms=round(max(seconds) * 1000, 1),
            per_second=round(rows / median(seconds)),
            ratio=round(median(seconds) / bare, 3),
        )
        for name, seconds in taken.items()
    ]


def _run(dsn: str, script: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(script.encode())


async def _shell(command: str) -> None:
    process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


def _pgloader_url(dsn: str) -> str:
    """Spell a DSN of a Unix socket as pgloader reads it."""
    parts = urlsplit(dsn)
    directory = parts.query.removeprefix("host=")
    return f"postgresql://postgres@unix:{directory}:5432/{parts.path.removeprefix('/')}" if directory else dsn
