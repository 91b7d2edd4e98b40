"""Dates and times that PostgreSQL has and Python has not: carried exactly, or refused by table, column and key."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.cli.app import run as run_command
from datalayer.errors import TransferError
from datalayer.query import Row
from datalayer.servers.postgrest import PostgrestServer
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.stores.supabase import SupabaseStore
from datalayer.transfer import copy, repair, sync, verify
from datalayer.transfer.exports.checking import check_export
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load

_COLUMNS = (
    "id int primary key, day date, clock time, at timestamp, atz timestamptz, days date[], lasts interval, word text"
)
_ROWS = """
    insert into odd values
        (1, 'infinity', '24:00', 'infinity', '-infinity', '{2024-01-01,infinity,NULL}', '-1 mon +2 days -03:04', 'a'),
        (2, '0044-03-15 BC', '23:59', '0044-03-15 10:00:00.5 BC', '0044-03-15 10:00 BC', '{infinity}', '1 year', 'b'),
        (3, '10000-01-01', '24:00', '294276-12-31 23:59:59.999999', '10000-01-01', '{}', '178000000 years', 'c'),
        (4, '2024-01-01', '10:00', '2024-01-01 10:00', '2024-01-01 10:00', '{2024-01-01}', '0', 'd')
"""
#: Bytes are not piped where a column is declared otherwise: every value is read.
_OTHERWISE = _COLUMNS.replace("int primary", "bigint primary")


@pytest.fixture
async def odd(origin: PostgresStore) -> PostgresStore:
    """Lend a source of such values, whose settings print them in ways of their own."""
    await run(origin, f"create table odd ({_COLUMNS}); {_ROWS}")
    for setting in ("datestyle = 'German'", "intervalstyle = 'sql_standard'"):
        await run(
            origin, f"do $$ begin execute 'alter database ' || current_database() || $q$ set {setting}$q$; end $$"
        )
    return await _opened_again(origin)


async def _opened_again(store: PostgresStore) -> PostgresStore:
    """Have new connections, which have the database's new settings."""
    await store.pool.drain()
    return store


async def _texts(store: PostgresStore) -> list[Row]:
    async with store.connection() as connection, connection.transaction():
        await connection.execute("set local datestyle = 'ISO'; set local intervalstyle = 'postgres'")
        return await (await connection.execute("select odd::text from odd order by id")).fetchall()


@pytest.mark.parametrize("columns", [_COLUMNS, _OTHERWISE, _COLUMNS.replace("at timestamp,", "at timestamptz,")])
async def test_copy_to_postgres_keeps_them(odd: PostgresStore, target: PostgresStore, columns: str) -> None:
    """By their bytes, value by value, and with a zone where there was none; verify finds all of it equal."""
    await run(target, f"create table odd ({columns})")
    await copy(odd, target)
    report = await verify(odd, target)
    assert report.equal, report.as_json()
    if columns == _COLUMNS:
        assert await _texts(odd) == await _texts(target)
    await run(target, "update odd set day = '9999-12-31' where id = 1; update odd set lasts = '2 years' where id = 2")
    found = [d for table in (await verify(odd, target)).tables for d in table.differences]
    assert [(d.finding, dict(d.key), d.columns) for d in found] == [
        ("unequal value", {"id": 1}, ("day",)),
        ("unequal value", {"id": 2}, ("lasts",)),
    ]


async def test_row_by_row_verify_reads_them(odd: PostgresStore, target: PostgresStore) -> None:
    """A table without a key is read on both sides."""
    for store in (odd, target):
        await run(store, "drop table if exists odd; create table odd (day date, at timestamptz, clock time)")
    rows = "insert into odd values ('infinity', '0044-03-15 10:00+00 BC', '24:00'), (null, '-infinity', '10:00')"
    await run(odd, rows)
    await run(target, rows)
    report = await verify(odd, target)
    assert (report.equal, report.tables[0].method) == (True, "row by row")
    await run(target, "update odd set at = 'infinity' where day is null")
    assert not (await verify(odd, target)).equal


async def test_export_and_load_keep_them(odd: PostgresStore, target: PostgresStore, tmp_path: Path) -> None:
    """As text in the file, checked like everything else, and the same values in the end; a transform sees them."""
    await export(odd, tmp_path / "out")
    assert check_export(tmp_path / "out").problems == ()
    await load(tmp_path / "out", target)
    assert await _texts(odd) == await _texts(target)
    await run(target, "truncate odd; drop table datalayer_loads")
    await load(tmp_path / "out", target, transform=lambda table, row: (table, row | {"word": row["word"] * 2}))
    assert await ask(target, "select word, day::text from odd where id = 1") == [{"word": "aa", "day": "infinity"}]


async def test_copy_and_load_into_sqlite_name_them(odd: PostgresStore, tmp_path: Path) -> None:
    """SQLite's columns have no such values: table, column and key are told, and no row of the chunk is there."""
    file = await SqliteStore.open(tmp_path / "target.sqlite")
    try:
        with pytest.raises(TransferError, match=r"odd\.day: a date or time beyond .* at id=1"):
            await copy(odd, file)
        assert await file.run(lambda c: c.execute("select count(*) from odd").fetchone()) == (0,)
        await export(odd, tmp_path / "out")
        with pytest.raises(TransferError, match=r"odd\.day: a date or time beyond .* at id=1"):
            await load(tmp_path / "out", file)
    finally:
        await file.close()


async def test_verify_with_sqlite_compares_them(odd: PostgresStore, tmp_path: Path) -> None:
    """A row that is right on both sides is equal, one with such a value is a difference of that column."""
    file = await SqliteStore.open(tmp_path / "target.sqlite")
    try:
        await run(odd, "alter table odd drop column days, drop column lasts; delete from odd where id in (2, 3)")
        await file.run(
            lambda c: c.executescript(
                "create table odd"
                " (id integer primary key, day date, clock time, at timestamp, atz timestamptz, word text);"
                "insert into odd values"
                " (1, '2024-01-01', '10:00:00', '2024-01-01 10:00:00', '2024-01-01 10:00:00', 'a'),"
                " (4, '2024-01-01', '10:00:00', '2024-01-01 10:00:00', '2024-01-01 10:00:00', 'd')"
            ).close()
        )
        (table,) = (await verify(odd, file)).tables
        assert [(d.finding, dict(d.key), d.columns) for d in table.differences] == [
            ("unequal value", {"id": 1}, ("at", "atz", "clock", "day"))
        ]
    finally:
        await file.close()


async def test_repair_and_sync_carry_them(odd: PostgresStore, target: PostgresStore) -> None:
    """Also as part of the key, and in the column by which changes are found."""
    for store in (odd, target):
        await run(
            store, "drop table if exists odd; create table odd (id int, till date, w text, primary key (id, till))"
        )
    await run(odd, "insert into odd values (1, 'infinity', 'a'), (1, '0044-03-15 BC', 'b'), (2, '2024-01-01', 'c')")
    await run(target, "insert into odd values (1, 'infinity', 'x'), (3, 'infinity', 'y')")
    assert (await repair(odd, target)).after.equal
    await run(odd, "update odd set w = 'd' where till = 'infinity'")
    report = await sync(odd, target, column="till")
    assert [(t.rows, t.watermark) for t in report.tables] == [(3, "2024-01-01")]
    assert (await verify(odd, target)).equal
    again = await sync(odd, target, column="till")
    assert [t.rows for t in again.tables] == [2]


async def test_commands_end_well(
    odd: PostgresStore, second_database: str, datalayer_database: str, tmp_path: Path
) -> None:
    """The same by the commands."""
    out = str(tmp_path / "out")
    both = ["--source", second_database, "--target", datalayer_database]
    for arguments in (["export", "--source", second_database, "--out", out], ["copy", *both], ["verify", *both]):
        assert await asyncio.to_thread(run_command, arguments) == 0


async def test_export_over_rest_names_the_first(datalayer_postgrest: PostgrestServer, tmp_path: Path) -> None:
    """They cannot be read there: table, column and key are told."""
    with psycopg.connect(datalayer_postgrest.dsn, autocommit=True) as connection:
        connection.execute("create table odd (id int primary key, day date)")
        connection.execute("insert into odd values (1, '2024-01-01'), (2, 'infinity'), (3, '0044-03-15 BC')")
        datalayer_postgrest.reload_schema()
        store = await SupabaseStore.open(datalayer_postgrest.url, datalayer_postgrest.service_key)
        try:
            with pytest.raises(TransferError, match=r"odd\.day cannot be read: .*infinity.* at id=2;"):
                await export(store, tmp_path / "out", tables=["odd"])
        finally:
            await store.close()
            connection.execute("drop table odd")
            datalayer_postgrest.reload_schema()
