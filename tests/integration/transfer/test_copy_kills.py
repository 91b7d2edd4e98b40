"""A copy that is killed at any moment, and run again by the same command, ends equal.

``DATALAYER_KILLS`` says how often to kill, for each pair of stores.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from datalayer.cli.app import run

KILLS = int(os.environ.get("DATALAYER_KILLS", "3"))

_TABLES = """
    create table goods (id bigint primary key, title text, price numeric(10,2), made timestamptz, unique (title));
    create table sales (
        good_id bigint references goods, line int, note text, doc jsonb, primary key (good_id, line)
    );
    create table visits (at timestamp, page text);
    insert into goods select n, 'good ' || n, n / 100.0, '2024-01-01'::timestamptz + n * interval '1 minute'
        from generate_series(1, 30000) n;
    insert into sales select n, 1, repeat('note ', n % 7), jsonb_build_object('n', n) from generate_series(1, 30000) n;
    insert into visits select '2024-01-01'::timestamp + n * interval '1 second', repeat('page ', 20)
        from generate_series(1, 40000) n;
    insert into visits select * from visits where at < '2024-01-01 00:10:00'
"""
_NAMES = ("goods", "sales", "visits")


def _contents(dsn: str) -> dict[str, object]:
    with psycopg.connect(dsn) as connection:
        query = sql.SQL("select count(*), sum(hashtextextended(t::text, 0)) from {} t")
        return {name: connection.execute(query.format(sql.Identifier(name))).fetchone() for name in _NAMES}


def _is_copying(dsn: str) -> bool:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select to_regclass('datalayer_copy_progress') is not null").fetchone()
        return bool(row and row[0])


def _wait_for_progress(dsn: str) -> None:
    deadline = time.monotonic() + 60
    while not _is_copying(dsn) and time.monotonic() < deadline:
        time.sleep(0.01)


def _moments(longest: float) -> Iterator[float]:
    """Yield delays spread over a time, no two alike."""
    return (longest * (number * 0.618034 % 1) for number in count(1))


async def _start(arguments: tuple[str, ...]) -> asyncio.subprocess.Process:
    program = "from datalayer.cli.app import main; main()"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.DEVNULL
    )


async def _kill(arguments: tuple[str, ...], dsn: str, delay: float) -> None:
    """Run a command and kill it a moment after it began to copy."""
    process = await _start(arguments)
    try:
        await asyncio.to_thread(_wait_for_progress, dsn)
        await asyncio.sleep(delay)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _empty(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("drop table if exists sales, goods, visits, datalayer_copy_progress")


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_copy_between_servers_survives_kills(second_database: str, datalayer_database: str) -> None:
    """Whatever was written when the process died is kept, nothing is there twice, and the end is equal."""
    with psycopg.connect(second_database, autocommit=True) as connection:
        connection.execute(_TABLES)
        connection.execute("vacuum analyze")
    wanted = _contents(second_database)
    command = ("copy", "--source", second_database, "--target", datalayer_database, "--max-rate", "100000")
    moments = _moments(1.2)
    for _ in range(KILLS):
        _empty(datalayer_database)
        await _kill(command, datalayer_database, next(moments))
        # Without its progress a copy had come to its end just before it was killed.
        if _is_copying(datalayer_database):
            await _kill(command, datalayer_database, next(moments) / 2)
        if _is_copying(datalayer_database):
            assert await asyncio.to_thread(run, command) == 0
        assert _contents(datalayer_database) == wanted
        assert not _is_copying(datalayer_database)


@pytest.mark.timeout(60 + 30 * KILLS)
async def test_copy_from_sqlite_survives_kills(tmp_path: Path, datalayer_database: str) -> None:
    """The same out of a file, where parts are ranges of row ids and tables without a key have those, too."""
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            create table goods (id integer primary key, title text, price numeric(10,2));
            create table sales (good_id integer references goods (id), line integer, primary key (good_id, line));
            create table visits (at timestamp, page text);
            with recursive n (n) as (select 1 union all select n + 1 from n where n < 50000)
            insert into goods select n, 'good ' || n, n / 100.0 from n;
            insert into sales select id, 1 from goods;
            insert into visits select '2024-01-01 00:00:00', title from goods;
            """
        )
    command = ("copy", "--source", f"sqlite:///{path}", "--target", datalayer_database, "--max-rate", "100000")
    moments = _moments(1.5)
    wanted = None
    for _ in range(KILLS + 1):
        _empty(datalayer_database)
        if wanted is not None:
            await _kill(command, datalayer_database, next(moments))
        if wanted is None or _is_copying(datalayer_database):
            assert await asyncio.to_thread(run, command) == 0
        wanted = wanted or _contents(datalayer_database)
        assert _contents(datalayer_database) == wanted
    assert await asyncio.to_thread(run, ("verify", *command[1:5])) == 0
