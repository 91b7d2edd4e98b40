"""What was exported and loaded is equal to where it came from, whatever the stores are."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, verify
from datalayer.transfer.exports.checking import check_export
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load

EVERYTHING = """
    create type mood as enum ('sad', 'glad');
    create domain short as varchar(5) check (value <> 'never');
    create table "Таблица / with: odd name" (
        id bigint generated always as identity primary key,
        "Имя" text not null default 'кто-то', "select" short, how mood,
        balance numeric(30, 10), free numeric, ratio double precision, single real, big bigint, small smallint,
        flag boolean not null default true, born date, wakes time, at timestamp default now(), seen timestamptz,
        tags text[], grid integer[], amounts numeric[], truths boolean[], days date[], keys uuid[],
        doc jsonb, plain json, docs jsonb[], raw bytea, raws bytea[], span interval, network inet,
        total numeric generated always as (balance * 2) stored
    );
    insert into "Таблица / with: odd name" ("Имя", "select", how, balance, free, ratio, single, big, small, flag,
        born, wakes, at, seen, tags, grid, amounts, truths, days, keys, doc, plain, docs, raw, raws, span, network)
    values ('Анна', 'e' || chr(769), 'glad', 12345678901234567890.1234567891, 1e-50, 0.1, 0.1,
        9223372036854775807, -32768, false, '2000-02-29', '23:59:59.999999', '0001-01-01 00:00:00.000001',
        '9999-12-31 23:59:59.999999+00', '{a,NULL,"","with \\"quotes\\", comma"}', '{{1,2},{3,4}}', '{1.10,NaN}',
        '{t,NULL}', '{2024-01-01}', '{00000000-0000-0000-0000-000000000001}', '{"a": [1, null, "x", 1.5]}',
        '[1,  {"b": null}]', array['null'::jsonb, '{"c": 1}', null], '\\x00ff', array['\\x'::bytea, '\\x01'],
        '1 mon 2 days', '10.0.0.0/8'),
        ('', null, null, 'NaN', 'Infinity', 'NaN', '-Infinity', null, null, true, null, null, null, null, '{}',
        null, '{}', null, null, null, 'null', '"text"', '{}', '', null, null, null);
    create table people (id serial primary key, boss integer references people, name text);
    insert into people select n, case when n > 1 then n / 2 end, 'name ' || n from generate_series(1, 12000) n;
    create table chickens (id serial primary key, egg_id integer not null);
    create table eggs (id serial primary key, chicken_id integer references chickens);
    insert into chickens values (1, 7);
    insert into eggs values (7, 1);
    alter table chickens add foreign key (egg_id) references eggs;
    create table loose (word text);
    insert into loose values ('a'), ('a'), (null);
    create table nothing (id integer primary key)
"""


@pytest.fixture
async def file(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Lend an empty SQLite file."""
    store = await SqliteStore.open(tmp_path / "target.sqlite")
    yield store
    await store.close()


async def test_postgres_export_loads_into_postgres_as_it_was(
    origin: PostgresStore, target: PostgresStore, tmp_path: Path
) -> None:
    """Every type, odd names, circles, rows without a key: all arrive, with keys, references and numbering."""
    await run(origin, EVERYTHING)
    await run(target, "create type mood as enum ('sad', 'glad'); create domain short as varchar(5)")
    report = await export(origin, tmp_path / "out")
    assert {t.name: t.rows for t in report.manifest.tables} == {
        "Таблица / with: odd name": 2,
        "people": 12_000,
        "chickens": 1,
        "eggs": 1,
        "loose": 3,
        "nothing": 0,
    }
    assert check_export(tmp_path / "out").problems == ()
    loaded = await load(tmp_path / "out", target)
    assert loaded.rows == 12_007
    assert loaded.problems == ()
    verified = await verify(origin, target)
    assert verified.equal, [t for t in verified.tables if not t.equal]
    assert len((await target.catalog(refresh=True)).tables["chickens"].foreign_keys) == 1
    assert await ask(target, "insert into people (name) values ('new') returning id") == [{"id": 12_001}]


async def test_postgres_export_loads_into_sqlite_as_it_was(
    origin: PostgresStore, file: SqliteStore, tmp_path: Path
) -> None:
    """The same export fits the other kind of store."""
    await run(origin, EVERYTHING)
    await export(origin, tmp_path / "out")
    loaded = await load(tmp_path / "out", file)
    assert loaded.problems == ()
    verified = await verify(origin, file)
    assert verified.equal, [t for t in verified.tables if not t.equal]


async def test_sqlite_to_postgres_to_export_to_sqlite_is_where_it_began(
    target: PostgresStore, file: SqliteStore, tmp_path: Path
) -> None:
    """Copied, exported and loaded: after the whole round nothing has changed."""
    path = tmp_path / "first.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("""
            create table [Order] ([Order Id] integer not null primary key, [Total] numeric(10,2), "Имя" text,
                paid boolean, picture blob, doc json_text, exact decimal_text, tags "text[]", at timestamp);
            create table Lines ([Order Id] integer not null references [order], line integer, text text,
                primary key ([Order Id], line));
            insert into [Order] values (1, 0.99, 'Анна', 1, x'00ff', '{"b": [1]}', '1234567890.123456789', '["a"]',
                '2024-01-01 00:00:00.123456'), (-5, null, '', 0, x'', 'null', 'NaN', '[]', null);
            insert into Lines values (1, 1, 'x '), (-5, 1, null);
        """)
    first = await SqliteStore.open(path)
    try:
        await copy(first, target)
        await export(target, tmp_path / "out")
        await load(tmp_path / "out", file)
        verified = await verify(first, file)
        assert verified.equal, [t for t in verified.tables if not t.equal]
    finally:
        await first.close()


async def test_two_exports_of_the_same_rows_have_the_same_digests(origin: PostgresStore, tmp_path: Path) -> None:
    """Files depend on the rows and on nothing else."""
    await run(origin, "create table t (id integer primary key, n text); insert into t values (1, 'a'), (2, 'б')")
    first = await export(origin, tmp_path / "first")
    second = await export(origin, tmp_path / "second")
    assert [t.sha256 for t in first.manifest.tables] == [t.sha256 for t in second.manifest.tables]


async def test_export_of_chosen_tables_has_only_those(origin: PostgresStore, tmp_path: Path) -> None:
    """A choice at the export, and again at the load."""
    await run(origin, "create table a (id integer primary key); create table b (id integer primary key)")
    await run(origin, "create table c (id integer primary key)")
    report = await export(origin, tmp_path / "out", tables=["b", "a"])
    assert [t.name for t in report.manifest.tables] == ["a", "b"]
    other = await SqliteStore.open(":memory:")
    try:
        loaded = await load(tmp_path / "out", other, tables=["b"])
        assert [t.table for t in loaded.tables] == ["b"]
        assert (await other.catalog(refresh=True)).tables.keys() == {"b", "datalayer_loads"}
    finally:
        await other.close()


async def test_export_is_of_one_moment(origin: PostgresStore, second_database: str, tmp_path: Path) -> None:
    """Rows that come while it runs are in no table, not even in those that are read later."""
    await run(origin, "create table a (id integer primary key); create table b (id integer primary key)")
    await run(origin, "insert into a select generate_series(1, 5000)")
    written = False

    def write_meanwhile(_: object) -> None:
        nonlocal written
        if not written:
            written = True
            with psycopg.connect(second_database, autocommit=True) as connection:
                connection.execute("insert into b values (1)")

    report = await export(origin, tmp_path / "out", on_progress=write_meanwhile)
    assert written
    assert {t.name: t.rows for t in report.manifest.tables} == {"a": 5000, "b": 0}
