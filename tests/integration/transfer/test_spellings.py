"""SQLite files whose keys and times others have spelt otherwise than the layer spells them: values count, not texts."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.errors import TransferError
from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, repair, sync, verify
from datalayer.transfer.exports.exporting import export
from datalayer.transfer.loads.loading import load

#: Declared type, and keys in other spellings than the layer's.
SPELLINGS = {
    "capital uuid": ("uuid", [f"ABCDEF00-0000-0000-0000-00000000000{n}" for n in range(6)]),
    "uuid without hyphens": ("uuid", [f"abcdef0000000000000000000000000{n}" for n in range(6)]),
    "timestamp with T": ("timestamp", [f"2024-01-01T10:00:0{n}" for n in range(6)]),
    "timestamp without microseconds": ("timestamp", [f"2024-01-01 10:00:0{n}" for n in range(6)]),
    "timestamp with milliseconds": ("timestamp", [f"2024-01-01 10:00:00.00{n}" for n in range(6)]),
    "timestamptz with T and Z": ("timestamptz", [f"2024-01-01T10:00:0{n}Z" for n in range(6)]),
    "timestamptz elsewhere": ("timestamptz", [f"2024-01-01 10:00:0{n}+05:30" for n in range(6)]),
    "timestamptz without zone": ("timestamptz", [f"2024-01-01 10:00:0{n}" for n in range(6)]),
    "datetime with T": ("datetime", [f"2024-01-01T10:00:0{n}" for n in range(6)]),
    "time without microseconds": ("time", [f"10:00:0{n}" for n in range(6)]),
    "date of a week": ("date", [f"2024-W02-{n + 1}" for n in range(6)]),
    "decimal with zeros": ("decimal_text", [f"{n}.50" for n in range(6)]),
}
each_spelling = pytest.mark.parametrize("spelling", SPELLINGS)


def _make(path: Path, script: str, rows: Sequence[Sequence[Any]] = (), table: str = "ku") -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(script)
        for row in rows:
            connection.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)


def _change_once(file: Path, script: str) -> Callable[[object], None]:
    """Return what changes a file when it first hears of progress."""
    scripts = [f"pragma busy_timeout = 5000; {script}"]

    def change(_: object) -> None:
        if scripts:
            _make(file, scripts.pop())

    return change


def _read(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


@each_spelling
@pytest.mark.parametrize("columns", ["u", "n, u"])
async def test_repair_finds_rows_by_the_value_of_their_key(
    spelling: str, columns: str, tmp_path: Path, target: PostgresStore
) -> None:
    """A changed row is written, a missing one too, and only what the source has not is deleted."""
    declared, keys = SPELLINGS[spelling]
    file = tmp_path / "k.db"
    script = f"create table ku (n integer not null, u {declared} not null, v text, primary key ({columns}))"
    _make(file, script, [(n, key, f"v{n}") for n, key in enumerate(keys)])
    origin = await SqliteStore.open(file)
    await copy(origin, target)
    assert (await verify(origin, target)).equal
    await run(target, "update ku set v = 'changed' where n = 1; delete from ku where n = 2")
    extra = "(gen_random_uuid())" if declared == "uuid" else f"(select max(u) + {_ONE_MORE[declared]} from ku)"
    await run(target, f"insert into ku values (9, {extra}, 'extra')")
    repaired = await repair(origin, target)
    assert [(t.upserted, t.deleted) for t in repaired.tables] == [(2, 1)]
    assert repaired.after.equal
    assert [row["v"] for row in await ask(target, "select v from ku order by n")] == [f"v{n}" for n in range(6)]
    await origin.close()


_ONE_MORE = {
    **dict.fromkeys(("timestamp", "timestamptz", "datetime", "time"), "interval '1 hour'"),
    "date": "7",
    "decimal_text": "7",
}


async def test_repair_never_deletes_a_row_that_was_called_changed(tmp_path: Path, target: PostgresStore) -> None:
    """A row that left the source after the comparison is left in the target, and a note says so."""
    file = tmp_path / "k.db"
    _make(
        file,
        "pragma journal_mode = wal; create table ku (u text primary key not null, v text)",
        [("a", "1"), ("b", "2")],
    )
    origin = await SqliteStore.open(file)
    await copy(origin, target)
    await run(target, "update ku set v = 'changed'")
    repaired = await repair(origin, target, on_progress=_change_once(file, "delete from ku where u = 'a'"))
    assert _read(file, "select u from ku") == [("b",)]
    assert [(t.upserted, t.deleted) for t in repaired.tables] == [(1, 0)]
    assert not repaired.after.equal
    assert any("ku" in note and "no longer in the source" in note for note in repaired.notes), repaired.notes
    assert await ask(target, "select u, v from ku order by u") == [{"u": "a", "v": "changed"}, {"u": "b", "v": "2"}]
    await origin.close()


@each_spelling
async def test_repair_writes_into_sqlite_by_the_value_of_the_key(
    spelling: str, tmp_path: Path, target: PostgresStore
) -> None:
    """Rows of a SQLite target are found whatever their keys are spelt like: none is doubled, none is left."""
    declared, keys = SPELLINGS[spelling]
    file = tmp_path / "k.db"
    _make(
        file,
        f"create table ku (u {declared} primary key not null, v text, n integer not null)",
        [(key, f"v{n}", n) for n, key in enumerate(keys)],
    )
    late = await SqliteStore.open(file)
    await copy(late, target)
    await run(target, "update ku set v = 'changed' where n = 1; delete from ku where n = 2")
    _make(file, "delete from ku where n = 3")
    repaired = await repair(target, late)
    assert [(t.upserted, t.deleted) for t in repaired.tables] == [(2, 1)]
    assert repaired.after.equal
    assert _read(file, "select n, v from ku order by n") == [(0, "v0"), (1, "changed"), (3, "v3"), (4, "v4"), (5, "v5")]
    await late.close()


#: Declared type of a time that grows, and how SQLite makes the spelling of the n-th second.
TIMES = {
    "timestamp without microseconds": ("timestamp", "datetime('2024-01-01', '+' || n || ' seconds')"),
    "timestamp with T": ("timestamp", "strftime('%Y-%m-%dT%H:%M:%S', '2024-01-01', '+' || n || ' seconds')"),
    "timestamp with milliseconds": ("timestamp", "strftime('%Y-%m-%d %H:%M:%f', '2024-01-01', '+' || n || ' seconds')"),
    "timestamptz without microseconds": ("timestamptz", "datetime('2024-01-01', '+' || n || ' seconds')"),
    "timestamptz with T and Z": (
        "timestamptz",
        "strftime('%Y-%m-%dT%H:%M:%SZ', '2024-01-01', '+' || n || ' seconds')",
    ),
    "timestamptz elsewhere": (
        "timestamptz",
        "strftime('%Y-%m-%d %H:%M:%S', '2024-01-01', '+' || n || ' seconds', '+5 hours') || '+05:00'",
    ),
    "some with T, some without": (
        "timestamp",
        "strftime(case n % 3 when 0 then '%Y-%m-%dT%H:%M:%S' when 1 then '%Y-%m-%d %H:%M:%S'"
        " else '%Y-%m-%d %H:%M:%f000' end, '2024-01-01', '+' || n || ' seconds')",
    ),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("times", TIMES)
async def test_sync_brings_every_row_whatever_its_time_is_spelt_like(
    times: str, tmp_path: Path, target: PostgresStore
) -> None:
    """Rows of equal times across pages, a single row, and the row exactly where it begins arrive; and it ends."""
    declared, spelt = TIMES[times]
    file = tmp_path / "t.db"
    _make(
        file,
        f"create table t (id integer primary key, at {declared}, v text);"
        f"create table one (id integer primary key, at {declared});"
        "with recursive i (i) as (select 0 union all select i + 1 from i where i < 3499)"
        f" insert into t select i, {spelt}, 'v' from (select i, i / 1500 as n from i);"
        f"insert into one select 1, {spelt} from (select 7 as n)",
    )
    origin = await SqliteStore.open(file)
    await copy(origin, target)
    await run(target, "truncate t, one")
    report = await sync(origin, target, column="at")
    assert {t.table: t.rows for t in report.tables} == {"t": 3500, "one": 1}
    assert (await verify(origin, target)).equal
    await run(target, "truncate t, one")
    await sync(origin, target, column="at", since="2024-01-01 00:00:02", tables=["t"])
    assert await ask(target, "select count(*), min(id) from t") == [{"count": 500, "min": 3000}]
    again = await sync(origin, target, column="at", tables=["one"], since="2024-01-01T00:00:07")
    assert again.rows == 1
    await origin.close()


async def test_sync_stops_where_a_page_does_not_go_on(tmp_path: Path, target: PostgresStore) -> None:
    """A source that answers with rows it gave already is told as that, instead of being asked for ever."""
    file = tmp_path / "t.db"
    _make(
        file,
        "pragma journal_mode = wal; create table t (id integer primary key, at timestamp);"
        "with recursive i (i) as (select 0 union all select i + 1 from i where i < 2499)"
        " insert into t select i, datetime('2024-01-01', '+' || i || ' seconds') || '.000000' from i",
    )
    origin = await SqliteStore.open(file)
    await copy(origin, target)
    # Between two pages, so that what was looked at is not what is there any more.
    spell = _change_once(file, "update t set at = replace(at, ' ', 'T')")
    with pytest.raises(TransferError, match=r"t\.at.*does not go beyond"):
        await sync(origin, target, column="at", on_progress=spell)
    assert (await sync(origin, target, column="at")).rows > 0
    assert (await verify(origin, target)).equal
    await origin.close()


@each_spelling
async def test_rows_are_not_doubled_in_sqlite(spelling: str, tmp_path: Path, origin: PostgresStore) -> None:
    """A copy, a sync and a load refuse a target with such keys, name the first, and write nothing."""
    declared, keys = SPELLINGS[spelling]
    file, out = tmp_path / "k.db", tmp_path / "out"
    made = f"create table ku (n integer not null, u {declared} not null, v text, primary key (n, u))"
    _make(file, made, [(n, key, f"v{n}") for n, key in enumerate(keys)])
    late = await SqliteStore.open(file)
    await copy(late, origin)
    await run(origin, "update ku set v = 'changed'")
    await export(origin, out)
    before = _read(file, "select * from ku")
    named = re.escape(f"spelt otherwise than it would be written: {keys[0]} instead of ")
    for move in (
        lambda: copy(origin, late),
        lambda: sync(origin, late, column="n"),
        lambda: load(out, late, upsert=True),
    ):
        with pytest.raises(TransferError, match=rf"no row of ku was written: .*ku\.u.*{named}.*, at n=0, u="):
            await move()
        assert _read(file, "select * from ku") == before
    _make(file, "delete from ku")
    await copy(origin, late)
    assert (await verify(origin, late)).equal
    await copy(origin, late)
    assert (await verify(origin, late)).equal
    await late.close()


async def test_uuids_in_a_column_of_text_are_not_doubled(tmp_path: Path, origin: PostgresStore) -> None:
    """Where the target keeps a uuid as text it is the same key in capitals, and a repair and a copy refuse it."""
    file = tmp_path / "k.db"
    key = "abcdef00-0000-0000-0000-000000000001"
    _make(file, "create table ku (u text primary key not null, v text)", [(key.upper(), "old")])
    await run(origin, f"create table ku (u uuid primary key, v text); insert into ku values ('{key}', 'new')")
    late = await SqliteStore.open(file)
    for move in (repair, copy):
        with pytest.raises(TransferError, match=f"{key.upper()} instead of {key}"):
            await move(origin, late)
        assert _read(file, "select * from ku") == [(key.upper(), "old")]
    _make(file, "update ku set u = lower(u)")
    assert (await repair(origin, late)).after.equal
    await late.close()


async def test_rows_without_a_key_are_not_doubled(tmp_path: Path, origin: PostgresStore) -> None:
    """A row that a table without a key has already is found by its values, too."""
    file = tmp_path / "k.db"
    row = (1, "ABCDEF00-0000-0000-0000-000000000001", "2024-01-01T10:00:00", "10:00:00")
    _make(file, "create table ku (n integer, u uuid, at timestamp, t time)", [row, row])
    late = await SqliteStore.open(file)
    await copy(late, origin)
    await run(origin, "insert into ku select * from ku limit 1")
    _make(file, "drop table if exists datalayer_copy_progress")
    await copy(origin, late)
    assert _read(file, "select count(*) from ku") == [(3,)]
    assert (await verify(origin, late)).equal
    await late.close()


@pytest.mark.parametrize(
    ("made", "row", "told"),
    [
        ("k integer primary key, n integer", (2, "two"), "ku.n cannot be read.*, at k=2"),
        ("k uuid primary key not null, n integer", ("none", 2), "ku.k cannot be read.*, at k=none"),
        ("j integer not null, k uuid not null, n integer, primary key (j, k)", (7, "none", 2), "at j=7, k=none"),
    ],
)
async def test_repair_names_the_row_that_cannot_be_read(
    made: str, row: tuple[Any, ...], told: str, tmp_path: Path, target: PostgresStore
) -> None:
    """A value that is none of its column's type is named by its row's key, and nothing is repaired; on either side."""
    file = tmp_path / "k.db"
    uuids = [f"abcdef00-0000-0000-0000-{n:012}" for n in (1, 3)]
    good: list[tuple[Any, ...]] = [(n, n) for n in (1, 3)]
    if "uuid" in made:
        good = [(uuids[0], 1), (uuids[1], 3)] if len(row) == 2 else [(1, uuids[0], 1), (1, uuids[1], 3)]
    _make(file, f"create table ku ({made})", good)
    origin = await SqliteStore.open(file)
    await copy(origin, target)
    await run(target, "update ku set n = 9 where n = 3")
    _make(file, "", [row])
    with pytest.raises(TransferError, match=f"nothing was repaired: .*{told}"):
        await repair(origin, target)
    assert await ask(target, "select count(*) from ku where n = 9") == [{"count": 1}]
    if "k=none" in told:
        with pytest.raises(TransferError, match=f"nothing was repaired: .*{told}"):
            await repair(target, origin)
    await origin.close()
