"""Sync: what changed since the last time, by a time that grows or by a key that counts up."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import DataLayerError, TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, sync, verify

_TABLES = """
    create table parents (id int primary key, updated_at timestamptz not null, word text);
    create table "Дети" (
        id int primary key, parent int references parents, updated_at timestamptz, "two words" numeric
    );
    create table plain (id int primary key);
    insert into parents select n, '2026-01-01'::timestamptz + n * interval '1 hour', 'w'
        from generate_series(1, 2500) n;
    insert into "Дети" select n, n, '2026-01-01'::timestamptz + n * interval '1 hour', n / 7.0
        from generate_series(1, 2500) n
"""
_CHANGES = """
    insert into parents values (9001, '2026-06-01', 'new'), (9002, '2026-06-01', 'new too');
    update parents set word = 'changed', updated_at = '2026-06-02' where id = 5;
    insert into "Дети" values (9001, 9001, '2026-06-01', null)
"""


async def test_sync_brings_what_was_written_since_and_only_that(origin: PostgresStore, target: PostgresStore) -> None:
    """New and changed rows arrive, parents first; the watermark moves, and the next run looks at the overlap only."""
    await run(origin, _TABLES)
    await copy(origin, target)
    first = await sync(origin, target, column="updated_at")
    assert {t.table: t.rows for t in first.tables} == {"parents": 2500, "Дети": 2500}
    assert any("plain is left out: it has no column updated_at" in note for note in first.notes)
    assert any("deleted in the source are not seen" in note for note in first.notes)
    await run(origin, _CHANGES)
    second = await sync(origin, target, column="updated_at")
    assert {t.table: t.rows for t in second.tables} == {"parents": 4, "Дети": 2}
    assert (await verify(origin, target)).equal
    third = await sync(origin, target, column="updated_at", overlap=0)
    assert {t.table: t.rows for t in third.tables} == {"parents": 1, "Дети": 1}


async def test_sync_warns_of_a_watermark_in_the_future(origin: PostgresStore, target: PostgresStore) -> None:
    """One row stamped wrongly hides all that are written before its time."""
    past = "set updated_at = updated_at - interval '20 years'"
    await run(origin, f'{_TABLES}; update parents {past}; update "Дети" {past}')
    await copy(origin, target)
    assert not [note for note in (await sync(origin, target, column="updated_at")).notes if "future" in note]
    await run(origin, "update parents set updated_at = '2099-01-01' where id = 5")
    notes = (await sync(origin, target, column="updated_at")).notes
    assert [note for note in notes if note.startswith("parents: the newest updated_at is in the future, 2099-01-01")]
    assert not [note for note in notes if note.startswith("Дети: the newest")]


async def test_sync_begins_where_it_is_told(origin: PostgresStore, target: PostgresStore) -> None:
    """``since`` goes before the kept watermark, and never moves that back."""
    await run(origin, _TABLES)
    await copy(origin, target)
    await run(origin, _CHANGES)
    report = await sync(origin, target, column="updated_at", since="2026-06-01T00:00:00+00:00")
    assert report.rows == 4
    assert (await verify(origin, target)).equal
    again = await sync(origin, target, column="updated_at", tables=["parents"], since="2026-06-02")
    assert [(t.table, t.rows, t.watermark) for t in again.tables] == [("parents", 1, "2026-06-02 00:00:00+00:00")]
    with pytest.raises(TransferError, match="no value of updated_at"):
        await sync(origin, target, column="updated_at", since="yesterday")


async def test_sync_by_a_key_that_counts_up(tmp_path: Path, target: PostgresStore) -> None:
    """A whole-number column does as well, out of SQLite, a table without times."""
    path = tmp_path / "events.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "create table events (id integer primary key, word text);"
            "with recursive n (n) as (select 1 union all select n + 1 from n where n < 3000)"
            " insert into events select n, 'event ' || n from n"
        )
    source = await SqliteStore.open(path)
    try:
        await copy(source, target)
        await sync(source, target, column="id", since="2999")
        await source.run(lambda c: c.execute("insert into events values (3001, 'late')").fetchall())
        report = await sync(source, target, column="id", overlap=10)
        assert [(t.rows, t.since, t.watermark) for t in report.tables] == [(12, "2990", "3001")]
        assert (await verify(source, target)).equal
        assert await ask(target, "insert into events (word) values ('mine') returning id") == [{"id": 3002}]
    finally:
        await source.close()


async def test_sync_tells_no_number_below_all_there_are(tmp_path: Path, target: PostgresStore) -> None:
    """The overlap reaches farther back than the numbers do; what was asked for by ``since`` is told as it is."""
    source = await SqliteStore.open(tmp_path / "few.sqlite")
    try:
        await source.run(
            lambda c: c.executescript("create table t (id integer primary key); insert into t values (3), (5)").close()
        )
        await copy(source, target)
        told = [(await sync(source, target, column="id")).tables[0].since for _ in range(2)]
        assert told == [None, "3"]
        assert (await sync(source, target, column="id", since="-7")).tables[0].since == "-7"
    finally:
        await source.close()


@pytest.mark.parametrize(
    ("since", "refused", "said"),
    [
        (None, 1200, "1,000 rows in 1 table are kept; the same command again goes on from there"),
        ("1", 1200, "1,000 rows in 1 table are kept; the same command again begins anew and writes by key"),
        ("1", 2, "no row was written; the same command again begins anew and writes by key"),
    ],
)
async def test_sync_that_breaks_off_says_what_another_run_does(
    tmp_path: Path, target: PostgresStore, since: str | None, refused: int, said: str
) -> None:
    """Pages before the one that does not fit are kept; where it is told where to begin it begins there again."""
    file = tmp_path / "t.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "create table t (id integer primary key, n integer);"
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1500)"
            " insert into t select i, i from n"
        )
    await run(target, f"create table t (id int primary key, n int check (n < {refused}))")
    source = await SqliteStore.open(file)
    try:
        with pytest.raises(DataLayerError, match=said):
            await sync(source, target, column="id", since=since)
    finally:
        await source.close()


async def test_sync_into_sqlite(origin: PostgresStore, tmp_path: Path) -> None:
    """SQLite keeps its watermarks, too."""
    await run(origin, _TABLES)
    file = await SqliteStore.open(tmp_path / "target.sqlite")
    try:
        await copy(origin, file)
        await sync(origin, file, column="updated_at")
        await run(origin, _CHANGES)
        assert (await sync(origin, file, column="updated_at")).rows == 6
        assert (await verify(origin, file)).equal
    finally:
        await file.close()


async def test_sync_refuses_what_it_cannot_find_changes_by(origin: PostgresStore, target: PostgresStore) -> None:
    """A named table without the column, with another type, without a key, or missing in the target is refused."""
    await run(origin, "create table a (id int primary key, at text); create table b (n int); create table c (id int)")
    await run(target, "create table a (id int primary key, at text); create table b (n int)")
    for table, column, reason in [
        ("a", "updated_at", "it has no column updated_at"),
        ("a", "at", "at is text, and has to be a time"),
        ("b", "n", "it has no key that both sides share"),
        ("c", "id", "the target does not have it"),
    ]:
        with pytest.raises(TransferError, match=f"{table} cannot be synced: {reason}"):
            await sync(origin, target, column=column, tables=[table])
