"""SQLite files whose keys and times others have spelt otherwise than the layer spells them: values count, not texts."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.integration.transfer.sql import ask, run

from datalayer.stores.postgres import PostgresStore
from datalayer.stores.sqlite import SqliteStore
from datalayer.transfer import copy, repair, verify

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
    gone = False

    def leave(_: object) -> None:
        nonlocal gone
        if not gone:
            gone = True
            _make(file, "pragma busy_timeout = 5000; delete from ku where u = 'a'")

    repaired = await repair(origin, target, on_progress=leave)
    assert gone
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
